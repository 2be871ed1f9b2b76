"""The base of a version as a source of rows in SQL, which the merged view is joined onto."""

from __future__ import annotations

from collections.abc import Sequence

from dnadesign.usr.contract.errors import ValidationError
from dnadesign.usr.operations._duck import literal
from dnadesign.usr.storage.filesystem import descriptor_path
from dnadesign.usr.storage.version import PinnedFile, Version

_NUMBER = "__usr_number"


def base_sql(
    version: Version, *, shard: tuple[int, int] | None, ids: Sequence[str] | None, in_order: bool
) -> tuple[str, str]:
    """The base rows of the shard or ids under the name ``b``, and a condition that holds for each.

    A join holds chunks of fewer than 64 rows back until it has more of them, and lets larger ones overtake: a row group
    of ten rows would come behind the thousand appended after it. A window function that streams, as
    ``row_number() OVER ()``, tells DuckDB that the pipeline depends on its order, and then nothing is held back. It
    must be used, or the optimizer drops it: hence the condition.
    """
    conditions = _conditions(shard, ids)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    source = f"read_parquet({paths_sql([version.base])}, file_row_number=true) b{where}"
    if not in_order:
        return f"(SELECT * FROM {source}) b", "true"
    return f"(SELECT *, row_number() OVER () AS {_NUMBER} FROM {source}) b", f"b.{_NUMBER} > 0"


def paths_sql(files: Sequence[PinnedFile]) -> str:
    """The pinned files as a list in SQL."""
    return "[" + ", ".join(literal(descriptor_path(f.file)) for f in files) + "]"


def _conditions(shard: tuple[int, int] | None, ids: Sequence[str] | None) -> list[str]:
    conditions = []
    if shard is not None:
        low, high = shard_range(*_pair(shard))
        conditions += [f"b.id >= {literal(low)}", *([f"b.id < {literal(high)}"] if high is not None else [])]
    if ids is not None:
        conditions.append(f"b.id IN ({', '.join(map(literal, ids))})" if ids else "false")
    return conditions


def _pair(shard: object) -> tuple[int, int]:
    if not isinstance(shard, tuple | list) or len(shard) != 2:
        raise ValidationError(
            f"shard {shard!r:.80}: expected (i, n)", mend="shards are counted from 0: (0, 4)"
        )
    index, count = shard
    return index, count


def shard_range(index: int, count: int) -> tuple[str, str | None]:
    """The first 16 hex digits where a shard's ids begin, and where they end (None for the last).

    Raises:
        ValidationError: Not ``0 <= index < count``.
    """
    if not (isinstance(index, int) and isinstance(count, int) and 0 <= index < count):
        raise ValidationError(
            f"shard {index}/{count}: expected 0 <= i < n", mend="shards are counted from 0: (0, 4)"
        )
    low, high = -(-(index << 64) // count), -(-((index + 1) << 64) // count)
    return f"{low:016x}", (f"{high:016x}" if index + 1 < count else None)
