"""A file that was cut, emptied or scribbled over is a typed error wherever it is met, and nobody makes it worse."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest

from dnadesign.usr import Dataset, SequencesError, register_namespace
from tests.usr.conftest import add, scores
from tests.usr.operations.test_artifacts import COLUMNS as TRACE_COLUMNS
from tests.usr.operations.test_artifacts import write

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut in half": lambda data: data[: len(data) // 2],
    "its last byte gone": lambda data: data[:-1],
    "a stray byte behind": lambda data: data + b"\0",
    "zeros": lambda data: bytes(len(data)),
    "its end in zeros": lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2),
    "noise": lambda data: Random(1).randbytes(len(data)),
    "noise in the middle": lambda data: data[: len(data) // 3] + Random(2).randbytes(64) + data[len(data) // 3 + 64 :],
}  # fmt: skip

OPERATIONS: dict[str, Callable[[Dataset], object]] = {
    "scan": lambda d: d.scan().read_all(),
    "scan where": lambda d: d.scan(where="length > 3").read_all(),
    "head": lambda d: d.head(3),
    "get": lambda d: d.get(d.to_arrow(["id"]).column(0).to_pylist()[:2]),
    "grep": lambda d: d.grep("A"),
    "describe": lambda d: d.describe(),
    "connect": lambda d: d.connect().sql("SELECT 1"),
    "schema": lambda d: d.schema(),
    "info": lambda d: d.info(),
    "coverage": lambda d: d.coverage("score"),
    "export": lambda d: d.export(d.root / "out.csv"),
    "manifest": lambda d: d.manifest(),
    "events": lambda d: list(d.events()),
    "tail": lambda d: list(d.tail_events()),
    "batch": lambda d: d.batch("b"),
    "verify": lambda d: d.verify_events(deep=True),
    "check": lambda d: d.check(deep=True),
    "frozen check": lambda d: d.check(registry_mode="frozen"),
    "add": lambda d: add(d, "GATTACA"),
    "part": lambda d: d.write_overlay_part("score", scores((d.to_arrow(["id"])[0][-1].as_py(),), [9.0])),
    "overlay": lambda d: d.write_overlay("note", pa.table({"id": d.to_arrow(["id"])[0][-1:], "note__text": ["x"]}), allow_overwrite=True),
    "delete": lambda d: d.tombstone(d.to_arrow(["id"])[0][0].as_py()),
    "state": lambda d: d.set_state(d.to_arrow(["id"])[0][0].as_py(), masked=True),
    "compact": lambda d: d.compact_overlay("score", maintenance=True),
    "materialize": lambda d: d.materialize(maintenance=True),
    "dedupe": lambda d: d.dedupe(key="sequence", maintenance=True),
    "freeze": lambda d: d.freeze_registry(maintenance=True),
    "snapshot": lambda d: d.snapshot(),
    "archive": lambda d: d.archive_events(maintenance=True),
    "artifacts": lambda d: d.list_artifacts(),
    "recover": lambda d: d.recover(),
}  # fmt: skip


@pytest.fixture
def whole(root: Path) -> Dataset:
    register_namespace(root, namespace="trace", columns=TRACE_COLUMNS)
    register_namespace(root, namespace="note", columns="note__text:string")
    dataset = Dataset(root, "lab/whole").init(source="tests")
    ids = add(dataset, "ACGT", "CCGG", "TTAA", "GGGG", "CCCC")
    write(dataset, ["ACAC", "AGAG"], [{"x": [1.0]}, {"x": [2.0]}])
    dataset.write_overlay("note", pa.table({"id": ids[:2], "note__text": ["a", "b"]}))
    dataset.write_overlay_part("score", scores(ids[:2], [0.5, 1.5]))
    dataset.write_overlay_part("score", scores(ids[2:3], [2.5]))
    dataset.tombstone(ids[3])
    dataset.freeze_registry(maintenance=True)
    return dataset


def kinds(dataset: Dataset) -> Iterator[tuple[str, Path]]:
    """One file of each kind."""
    found = {
        "base": dataset.records_path,
        "part": sorted((dataset.dir / "_derived/score").iterdir())[0],
        "overlay": dataset.dir / "_derived/note.parquet",
        "tombstones": dataset.dir / "_derived/usr.parquet",
        "artifact": next((dataset.dir / "_artifacts/trace").iterdir()),
        "frozen registry": next((dataset.dir / "_registry").iterdir()),
        "registry": dataset.root / "registry.yaml",
        "log": dataset.events_path,
        "intent": dataset.dir / ".usr/intent.json",
        "synced intent": dataset.dir / ".usr/intent.synced.json",
    }
    yield from found.items()


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_no_damage_of_no_file_brings_up_an_error_of_something_else(operation: str, whole: Dataset) -> None:
    raw, run, before = [], OPERATIONS[operation], files(whole.root)
    for kind, path in kinds(whole):
        good = before.get(path, b'{"intent_version":1}\n')
        for damage, damaged in DAMAGES.items():
            path.write_bytes(damaged(good))
            try:
                run(Dataset(whole.root, whole.name))
            except SequencesError:
                pass
            except Exception as error:  # noqa: BLE001 - what it may be is the question
                raw.append(f"{kind}, {damage}: {type(error).__name__}: {error}")
            restore(whole.root, before)
    assert raw == []


def files(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def restore(root: Path, before: dict[Path, bytes]) -> None:
    """Every file as it was, and none besides."""
    now = files(root)
    for path in now.keys() - before.keys():
        path.unlink()
    for path, data in before.items():
        if now.get(path) != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
