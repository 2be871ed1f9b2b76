"""A dataset that has been through everything, and bits of its files flipped one after the other."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pyarrow as pa

from dnadesign.usr import Dataset, register_namespace
from tests.usr.conftest import add, scores
from tests.usr.operations.test_artifacts import COLUMNS as TRACE_COLUMNS
from tests.usr.operations.test_artifacts import write

PRIVATE = (".events.log", ".usr", ".usr.lock", "meta.md", "_events")  # the log itself, notes, what is rebuilt
FLIPS_VARIABLE = "FLIPS"


def sequences(numbers: range) -> list[str]:
    return ["".join("ACGT"[n >> shift & 3] for shift in range(0, 16, 2)) for n in numbers]


def grow(root: Path) -> Dataset:
    """A dataset that has been through everything that leaves bytes of an earlier base, or files, behind."""
    register_namespace(root, namespace="trace", columns=TRACE_COLUMNS)
    register_namespace(root, namespace="note", columns="note__text:string")
    dataset = Dataset(root, "lab/grown").init(source="tests")
    ids = add(dataset, *sequences(range(40)))
    dataset.write_overlay("note", pa.table({"id": ids[:9], "note__text": [f"n{i}" for i in range(9)]}))
    write(dataset, sequences(range(40, 44)), [{"x": [float(n)]} for n in range(4)])
    for n in range(3):
        dataset.write_overlay_part("score", scores(ids[n * 5 : n * 5 + 5], [n + 0.5] * 5))
    dataset.tombstone([ids[30]], reason="mistaken")
    with dataset.maintenance(reason="a test"):
        dataset.freeze_registry()
        dataset.compact_overlay("score")
        dataset.materialize(namespaces=["note"], overlays="archive")
    for n in range(44, 62):  # enough for the small row groups at the tail to be folded, more than once
        add(dataset, *sequences(range(n, n + 1)))
    dataset.write_overlay_part("score", scores(ids[20:25], [7.5] * 5))
    dataset.snapshot()
    return dataset


def held_files(dataset: Dataset) -> list[Path]:
    found = sorted(p for p in dataset.dir.rglob("*") if p.is_file())
    return [p for p in found if p.relative_to(dataset.dir).parts[0] not in PRIVATE]


def unseen_flips(
    dataset: Dataset, rng: Random, *, flips: int, stopped: Callable[[], bool] = lambda: False
) -> tuple[int, list[str]]:
    """Flip one bit after the other, in each file in turn: how many, and those that a deep check does not find."""
    files, unseen = held_files(dataset), list[str]()
    for number in range(flips):
        if stopped():
            return number, unseen
        path = files[number % len(files)]
        data = path.read_bytes()
        ends = [0, 3, len(data) - 1, len(data) - 5, len(data) - 8]
        place = ends[number // len(files)] if number // len(files) < len(ends) else rng.randrange(len(data))
        bit = rng.randrange(8)
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])
        wheres = {problem.where for problem in dataset.check(deep=True).problems}
        path.write_bytes(data)
        name = path.relative_to(dataset.dir).as_posix()
        if name not in wheres:
            unseen.append(f"bit {bit} of byte {place} of {len(data)} in {name}: {wheres}")
    return flips, unseen
