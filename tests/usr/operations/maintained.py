"""What the tests of maintenance share: rows of every kind, and what must hold after each change."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from dnadesign.usr import Dataset

TYPES = {
    "score__x": pa.float64(),
    "score__n": pa.int64(),
    "score__vec": pa.list_(pa.float32(), 2),
    "score__sites": pa.list_(pa.struct([("tf", pa.string()), ("offset", pa.int64())])),
    "score__meta": pa.struct([("name", pa.string()), ("gc", pa.float64())]),
    "score__when": pa.timestamp("ns", "UTC"),
}


def rows(ids: tuple[str, ...] | list[str], *, start: int = 0) -> pa.Table:
    """One row of every type for each id; the second of each three has nulls."""
    numbers = range(start, start + len(ids))
    values = {
        "score__x": [None if n % 3 == 1 else n / 2 for n in numbers],
        "score__n": [None if n % 3 == 1 else 2**53 + 1 + n for n in numbers],
        "score__vec": [None if n % 3 == 1 else [n, n + 0.5] for n in numbers],
        "score__sites": [[{"tf": None if n % 3 == 1 else f"tf{n}", "offset": n}] * (n % 3) for n in numbers],
        "score__meta": [None if n % 3 == 1 else {"name": f"m{n}", "gc": None} for n in numbers],
        "score__when": [
            None if n % 3 == 1 else datetime(2026, 1, 1 + n % 28, 23, 30, tzinfo=UTC) for n in numbers
        ],
    }
    return pa.table({"id": list(ids)} | {name: pa.array(values[name], kind) for name, kind in TYPES.items()})


def events(dataset: Dataset) -> list[dict]:
    return [json.loads(line) for line in dataset.events_path.read_bytes().splitlines()]


def contents(dataset: Dataset) -> dict[str, bytes]:
    """Every file of a dataset, the library's own ones included, but not who held the lock last."""
    found = sorted(p for p in dataset.dir.rglob("*") if p.is_file() and p.name != ".usr.lock")
    return {str(p): p.read_bytes() for p in found}


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def assert_sound(dataset: Dataset) -> None:
    """Nothing is wrong with the dataset, and its events account for its files to the byte."""
    report = dataset.check()
    assert report.ok, report.problems
    report = dataset.verify_events(deep=True)
    assert report.ok, report.problems
