"""Real datasets with real Parquet files, on the simulated disk or in a real folder, and every verb that changes one.

A new verb is one more line in ``VERBS``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dnadesign.usr import Dataset, compute_id, register_namespace
from dnadesign.usr.contract.errors import DatasetNotFound
from dnadesign.usr.contract.layout import overlay_of
from dnadesign.usr.storage.filesystem import FileSystem
from dnadesign.usr.testing.simulated import SimulatedFileSystem
from tests.faults.changes import BASE, DATASET, NAME, ROOT, empty_disk

SEQUENCES = ["ACGTACGTAA", "ACGTACGTCC", "ACGTACGTGG", "ACGTACGTTT", "acgtacgtaa", "GGGGCCCCAA"]
OTHER = "other"
DATA = Path(__file__).with_name("data")
IDS = [compute_id("dna", sequence) for sequence in SEQUENCES]


def rows_of(namespace: str, which: slice, value: int = 0) -> pa.Table:
    return rows_with(namespace, IDS[which], value)


def rows_with(namespace: str, ids: list[str], value: int = 0) -> pa.Table:
    columns = {
        f"{namespace}__x": [value + i for i in range(len(ids))],
        f"{namespace}__y": [f"y{value}"] * len(ids),
    }
    return pa.table({"id": ids, **columns})


def dataset(fs: SimulatedFileSystem, name: str = NAME) -> Dataset:
    return Dataset(ROOT, name, lock_timeout=0, fs=fs)


def register_all(root: Path, fs: FileSystem) -> None:
    for namespace in ("alpha", "beta", "single"):
        spec = f"{namespace}__x:int64,{namespace}__y:string"
        register_namespace(root, namespace=namespace, columns=spec, fs=fs)
    pointer = (
        "arrays__npz_ref:string,arrays__npz_sha256:string,arrays__npz_bytes:int64,"
        "arrays__npz_arrays:list<struct<name:string,dtype:string,shape:list<int64>>>"
    )
    register_namespace(root, namespace="arrays", columns=pointer, fs=fs)


def fill(found: Dataset, other: Dataset) -> None:
    """Six rows, an overlay in parts, a single-file one, state, a tombstone; and another dataset of the same root."""
    found.init().add_sequences(SEQUENCES, source="test", bio_type="dna", alphabet="dna_4")
    found.write_overlay_part("alpha", rows_of("alpha", slice(0, 2)))
    found.write_overlay_part("alpha", rows_of("alpha", slice(2, 4), 10))
    found.write_overlay("single", rows_of("single", slice(0, 3)))
    found.tombstone(IDS[3], reason="test")
    found.set_state(IDS[:2], qc_status="pass")
    found.snapshot(automatic=True)
    with_arrays(found, IDS[0], size=3)
    found.remove_overlay(
        "arrays", mode="delete", maintenance=True
    )  # leaves an artifact that nothing refers to
    with_arrays(found, IDS[0])
    other.init().add_sequences(["TTTTTTTTTT", SEQUENCES[0]], source="other", bio_type="dna", alphabet="dna_4")


def with_registry() -> SimulatedFileSystem:
    fs = empty_disk()
    register_all(ROOT, fs)
    return fs


def with_dataset() -> SimulatedFileSystem:
    """The simulated disk with a dataset to change, and another one."""
    fs = with_registry()
    fill(dataset(fs), dataset(fs, OTHER))
    return fs


def beside(found: Dataset) -> Dataset:
    """The other dataset of the same root."""
    return Dataset(found.root, OTHER, lock_timeout=0, fs=found._store.fs)


def with_arrays(found: Dataset, key: str, *, size: int = 4) -> None:
    with found.transaction() as tx:
        ref = tx.write_artifact("arrays", {"a": np.arange(size)})
        tx.write_overlay_part("arrays", pa.Table.from_pylist([{"id": key, **ref.columns("arrays")}]))


def transact(found: Dataset) -> None:
    with found.transaction(batch_id="run:1") as tx:
        tx.add_sequences(["CCCCCCCCCC"], bio_type="dna", alphabet="dna_4")
        tx.write_overlay_part("alpha", rows_with("alpha", [*IDS[4:6], compute_id("dna", "CCCCCCCCCC")], 30))
        tx.write_overlay_part("beta", rows_of("beta", slice(0, 6), 40))


Verb = Callable[[Dataset], Any]

VERBS: dict[str, Verb] = {
    "add_sequences": lambda d: d.add_sequences(["TTTTTTTTTT", "AAAAAAAAAA"], bio_type="dna", alphabet="dna_4"),
    "import_file": lambda d: d.import_file(DATA / "records.csv"),
    "attach": lambda d: d.attach(DATA / "overlay.csv", "single", allow_overwrite=True),
    "write_overlay_part": lambda d: d.write_overlay_part("alpha", rows_of("alpha", slice(4, 6), 20)),
    "transaction": transact,
    "artifacts": lambda d: with_arrays(d, IDS[1]),
    "write_overlay": lambda d: d.write_overlay("single", rows_of("single", slice(1, 5), 50), allow_overwrite=True),
    "promotion": lambda d: d.write_overlay_part("single", rows_of("single", slice(4, 6), 60)),
    "compact_overlay": lambda d: d.compact_overlay("alpha", maintenance=True),
    "compact_overlay to a part": lambda d: d.compact_overlay("alpha", layout="part", maintenance=True),
    "materialize": lambda d: d.materialize(overlays="archive", maintenance=True),
    "materialize without deleted": lambda d: d.materialize(drop_deleted=True, maintenance=True),
    "dedupe": lambda d: d.dedupe(key="sequence_ci", maintenance=True),
    "merge_from": lambda d: d.merge_from(beside(d), on_duplicate="skip", maintenance=True),
    "remove_overlay": lambda d: d.remove_overlay("alpha", mode="delete", maintenance=True),
    "archive_overlay": lambda d: d.remove_overlay("single", mode="archive", maintenance=True),
    "freeze_registry": lambda d: d.freeze_registry(maintenance=True),
    "snapshot": lambda d: d.snapshot(),
    "snapshot_prune": lambda d: d.snapshot_prune(keep=0, maintenance=True),
    "prune_artifacts": lambda d: d.prune_artifacts(maintenance=True),
    "tombstone": lambda d: d.tombstone(IDS[0]),
    "restore": lambda d: d.restore(IDS[3]),
    "set_state": lambda d: d.set_state(IDS[:3], split="train"),
    "clear_state": lambda d: d.clear_state(IDS[0]),
    "log_event": lambda d: d.log_event("tool_ran", metrics={"n": 1}),
    "archive_events": lambda d: d.archive_events(maintenance=True),
}  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What a reader sees: the rows, and the events' actions."""

    rows: tuple[tuple[tuple[str, str], ...], ...]
    actions: tuple[str, ...]


def seen(fs: SimulatedFileSystem) -> Seen | None:
    """What a reader sees now; None where there is no dataset."""
    found = dataset(fs)
    try:
        table = found.to_arrow(include_deleted=True)
    except DatasetNotFound:
        return None
    hidden = {"created_at", "usr__deleted_at"}  # filled in by the library at each run
    rows = tuple(
        tuple((name, repr(value)) for name, value in row.items() if name not in hidden)
        for row in table.to_pylist()
    )
    return Seen(rows, tuple(event.action for event in found.events()))


def problems_of_names(fs: SimulatedFileSystem) -> list[str]:
    """Overlay rows without a record, for a program that reads the files by their names and knows nothing of usr."""
    files = fs.files(DATASET)
    ids = {
        path: set(pq.read_table(pa.BufferReader(content), columns=["id"]).column(0).to_pylist())
        for path, content in files.items()
        if content is not None and (path == BASE or overlay_of(path) is not None)
    }
    base = ids.get(BASE, set())
    return [f"{path} has rows of no record in {BASE}" for path, found in ids.items() if found - base]


def problems_of(fs: SimulatedFileSystem) -> list[str]:
    """What validation, the log's account of the files, and a look at what lies about find wrong."""
    found = dataset(fs)
    problems = [str(p) for p in found.check().problems] + [
        str(p) for p in found.verify_events(deep=True).problems
    ]
    left = [
        p
        for p, c in fs.files(DATASET / ".usr").items()
        if c is not None and p.startswith(("leases/", "intent", "."))
    ]
    return problems + [f"left behind: {path}" for path in left]
