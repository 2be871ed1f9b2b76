"""What reads cost, in row groups of files and in SQL statements: what the rows need, whatever else is there."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from benchmarks.bench import NAME, base_ids, make_dataset
from benchmarks.generated import NAMESPACE
from dnadesign.usr import Dataset
from dnadesign.usr.operations import _by_position as _loaded_before_sizes_are_changed  # noqa: F401
from dnadesign.usr.storage import row_groups
from dnadesign.usr.storage.parquet_rows import ParquetRows
from tests.usr.storage.cached_keys import eager

ROWS, GROUP_ROWS, PART_ROWS = 1_200, 100, 20
SCORE = f"{NAMESPACE}__score"
Cost = Counter[str]


@contextmanager
def counted() -> Iterator[Cost]:
    """Row groups read of the base and of parts, of which the keys alone, and SQL statements."""
    found: Cost = Counter()
    ways = {name: getattr(ParquetRows, name) for name in ("read", "read_row_groups", "iter_batches")}
    asked = {name: getattr(duckdb.DuckDBPyConnection, name) for name in ("execute", "sql")}

    def note(rows: ParquetRows, groups: Iterable[int], columns: Iterable[str] | None) -> None:
        what = "keys of " if columns is not None and set(columns) == {"id"} else ""
        for group in groups:
            is_base = rows.metadata.row_group(group).num_rows == GROUP_ROWS
            found[what + ("base" if is_base else "parts")] += 1

    def read(rows: ParquetRows, columns: Any = None, **options: Any) -> Any:
        note(rows, range(rows.metadata.num_row_groups), columns)
        return ways["read"](rows, columns, **options)

    def read_row_groups(rows: ParquetRows, groups: Any, columns: Any = None, **options: Any) -> Any:
        note(rows, groups, columns)
        return ways["read_row_groups"](rows, groups, columns, **options)

    def iter_batches(rows: ParquetRows, size: int, groups: Any, columns: Any = None) -> Any:
        note(rows, groups, columns)
        return ways["iter_batches"](rows, size, groups, columns)

    def execute(*args: Any, **options: Any) -> Any:
        found["statements"] += 1
        return asked["execute"](*args, **options)

    def sql(*args: Any, **options: Any) -> Any:
        found["statements"] += 1
        return asked["sql"](*args, **options)

    with pytest.MonkeyPatch.context() as patch:
        for counting in (read, read_row_groups, iter_batches):
            patch.setattr(ParquetRows, counting.__name__, counting)
        for counting in (execute, sql):
            patch.setattr(duckdb.DuckDBPyConnection, counting.__name__, counting)
        yield found


def made(root: Path, parts: int) -> Dataset:
    """A dataset of twelve row groups and so many parts, the keys of all on the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_groups, "ROW_GROUP_ROWS", GROUP_ROWS)
        make_dataset(root, ROWS, parts, PART_ROWS)
    writer = eager(Dataset(root, NAME))
    with writer._store.locked(tool="test"):
        writer._store.keys().index.coverage(NAMESPACE)
        writer._store.save_keys()
    return Dataset(root, NAME)


def key_of(dataset: Dataset, row: int) -> str:
    return str(base_ids(dataset)[row].as_py())


# What is done, and what it may cost with so many parts; the rows of a part follow one another in the base.
READS: dict[str, tuple[Callable[[Dataset], object], Callable[[int], dict[str, int]]]] = {
    "a scan": (lambda d: d.to_arrow(), lambda parts: {"base": 12, "parts": parts}),
    "a scan of an overlay": (lambda d: d.to_arrow([SCORE]), lambda parts: {"keys of base": 12, "parts": parts}),
    "a scan of the base": (lambda d: d.to_arrow(["sequence"]), lambda parts: {"base": 12}),
    "compaction": (
        lambda d: d.compact_overlay(NAMESPACE, maintenance=True),
        lambda parts: {"keys of base": 12, "parts": parts},
    ),
    "the first rows": (lambda d: d.head(10), lambda parts: {"base": 1, "parts": 1, "keys of parts": 1}),
    "a filter on an overlay": (lambda d: d.to_arrow(where=f"{SCORE} > 2.5"), lambda parts: {"statements": 8}),
    "a filter on the base": (
        lambda d: d.to_arrow(where="length > 3"),
        lambda parts: {"base": 12, "parts": parts, "statements": 8},
    ),
    "a shard": (lambda d: d.scan(shard=(0, 3)).read_all(), lambda parts: {"statements": 4}),
    "validation": (lambda d: d.check(), lambda parts: {"base": 12, "keys of parts": parts}),
    "grep": (lambda d: d.grep("ACGTACGT"), lambda parts: {"base": 12}),
}  # fmt: skip


@pytest.mark.parametrize("parts", [6, 24])
@pytest.mark.parametrize("name", READS)
def test_row_groups_are_read_once_and_statements_do_not_grow_with_parts(
    name: str, parts: int, tmp_path: Path
) -> None:
    read, wanted = READS[name]
    dataset = made(tmp_path, parts)
    with counted() as found:
        read(dataset)
    assert dict(found) == wanted(parts)


@pytest.mark.parametrize(("row", "has_part"), [(5, True), (50, False), (1_199, False)])
def test_a_record_costs_a_row_group_of_the_base_and_of_the_part_that_has_it(
    row: int, has_part: bool, tmp_path: Path
) -> None:
    dataset = made(tmp_path, 6)
    key = key_of(dataset, row)
    with counted() as found:
        dataset.get([key])
    assert dict(found) == {"base": 1} | ({"parts": 1, "keys of parts": 1} if has_part else {})
