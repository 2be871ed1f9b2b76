"""All rows of the merged view without a join: each base row is told which file has its row of a namespace.

The base is read in pieces of a row group or some small ones, in order. Where the overlay rows of a piece are is counted
beforehand: files written in base order, as compaction and design runs leave them, are read on from where the last piece
ended; a file in another order is read whole and looked through. Either way the key of every overlay row is held against
the base's. Whatever does not fit ends this way of reading, and the rows that are left are asked of the join.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.names import TOMBSTONE_NAMESPACE
from dnadesign.usr.contract.records import KEY
from dnadesign.usr.operations._placed_rows import PlacedRows, Places, alive, as_batch, merged_column
from dnadesign.usr.operations._row_condition import RowCondition
from dnadesign.usr.operations._view import DELETED, Column, Query, View
from dnadesign.usr.storage.checked_blocks import DamagedCache
from dnadesign.usr.storage.few_files import open_known_files
from dnadesign.usr.storage.parquet import Footer, groups_together, reading
from dnadesign.usr.storage.placement import NotPlaced, Placement, counted, place
from dnadesign.usr.storage.row_groups import ROW_GROUP_ROWS
from dnadesign.usr.storage.threads import Threads
from dnadesign.usr.storage.version import PinnedFile

_THREADS = 2
_PIECE_BYTES = 1 << 26  # of row groups that are read together
_MOST_BYTES = 1 << 28  # of the pieces and the overlay files beside them that are in memory at once, encoded
_MOST_VISITS = 10_000  # of pieces to files, besides four for each file


@dataclass(frozen=True, slots=True)
class _Visit:
    """The overlay rows of one piece of the base that one file has.

    Attributes:
        file: The index of the file.
        rows: Which rows of the piece, counted from its first one, ascending.
        start: How many rows of the file belong to earlier pieces.
    """

    file: int
    rows: Places
    start: int

    @property
    def stop(self) -> int:
        """How many rows of the file belong to this piece and earlier ones."""
        return self.start + len(self.rows)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Row groups of the base that are read together, and their rows, from and to."""

    groups: range
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What is read when.

    Attributes:
        pieces: Of the base.
        placements: By namespace, where its rows belong.
        before: By namespace, for each piece how many rows of each file belong to earlier ones; shape (pieces, files).
        ahead: How many pieces are read ahead.
    """

    pieces: tuple[_Piece, ...]
    placements: dict[str, Placement]
    before: dict[str, Sequence[Places]]
    ahead: int


def _open_plan(view: View, query: Query, asked: Sequence[Column]) -> Plan:
    """Plan to read these columns by position.

    Raises:
        NotPlaced: The cached keys do not say where all rows belong, or a join does better.
        CorruptFileError: A file is damaged.
    """
    version = view.version
    wanted = {c.namespace for c in asked} - {None}
    if not query.include_deleted and TOMBSTONE_NAMESPACE in version.overlays:
        wanted.add(TOMBSTONE_NAMESPACE)
        files = version.overlays[TOMBSTONE_NAMESPACE].files
        if not all(DELETED in file.footer.schema.names for file in files):
            raise NotPlaced
    return plan_for(
        version.base.footer, _placements(view, sorted(name for name in wanted if name is not None))
    )


def plan_for(base: Footer, placements: dict[str, Placement]) -> Plan:
    """Plan to read all rows of a base and the overlay rows that are placed beside them.

    Raises:
        NotPlaced: Too much would be in memory at once, or the files are too interwoven with the base.
    """
    pieces = tuple(_pieces(base))
    sizes = np.array([sum(base.group_bytes[g] for g in piece.groups) for piece in pieces], dtype=np.int64)
    before: dict[str, Sequence[Places]] = {}
    for name, placement in placements.items():
        before[name], beside = _counted(placement, pieces)
        sizes += beside
    for ahead in (2, 1, 0):
        together = [sizes[first : first + ahead + 1].sum() for first in range(len(pieces))]
        if max(together, default=0) <= _MOST_BYTES:
            return Plan(pieces, placements, before, ahead)
    raise NotPlaced


def _placements(view: View, namespaces: Sequence[str]) -> dict[str, Placement]:
    if not namespaces:
        return {}
    known = open_known_files(view.version)
    if known is None:
        raise NotPlaced
    try:
        return {name: place(known, name) for name in namespaces}
    except DamagedCache as error:
        raise NotPlaced from error
    finally:
        known.close()


def _pieces(base: Footer) -> Iterator[_Piece]:
    """Row groups of the base, small ones together."""
    start, sizes = 0, zip(base.group_rows, base.group_bytes, strict=True)
    for groups in groups_together(sizes, ROW_GROUP_ROWS, _PIECE_BYTES):
        rows = sum(base.group_rows[group] for group in groups)
        if rows:
            yield _Piece(groups, start, start + rows)
        start += rows


def _counted(placement: Placement, pieces: Sequence[_Piece]) -> tuple[list[Places], Places]:
    """How many rows of each file belong to the pieces before each one, and how many bytes are held beside each.

    Raises:
        NotPlaced: The files are so interwoven with the base that a join does better.
    """
    files = placement.files
    footers = [file.footer for file in files]
    rows = np.array([footer.rows for footer in footers], dtype=np.int64)
    sizes = np.array([sum(footer.group_bytes) for footer in footers], dtype=np.int64)
    groups = np.array([max(footer.group_bytes, default=0) for footer in footers], dtype=np.int64)
    done, visits = np.zeros(len(files), dtype=np.int64), 0
    before, beside = [], []
    for piece in pieces:
        found = counted(placement.numbers[piece.start : piece.stop], len(files))
        before.append(done)
        visits += int((found > 0).sum())
        if visits > _MOST_VISITS + 4 * len(files):
            raise NotPlaced
        # What is wanted of a file, and the groups that it begins and ends in; less if the whole file is less.
        held = np.minimum(sizes, sizes * found // np.maximum(rows, 1) + 2 * groups)
        beside.append(int(held[(done + found > 0) & (done < rows)].sum()))
        done = done + found
    return before, np.array(beside, dtype=np.int64)


def batches_by_position(view: View, query: Query, *, batch_size: int) -> Iterator[pa.RecordBatch]:
    """The rows of a query as batches of the view's types.

    Raises:
        NotPlaced: The cached keys do not say where all rows belong, a key is not where they say, or a join does better;
            what was handed out is right, and is all before its row.
        CorruptFileError: A file is damaged.
        ValidationError: The condition is wrong.
        SchemaError: The condition names a column that is not there.
    """
    if query.shard is not None or query.ids is not None:
        raise NotPlaced
    condition = RowCondition(view, query.where) if query.where is not None else None
    reader: PieceReader | None = None
    try:
        asked = (*query.columns, *(condition.columns if condition is not None else ()))
        plan = _open_plan(view, query, asked)
        reader = PieceReader(
            view.version.base, plan, {c.name: c for c in asked}, hiding=not query.include_deleted
        )
        if condition is not None and not plan.pieces:
            condition.holds(as_batch([pa.nulls(0, c.type) for c in condition.columns], condition.columns, 0))
        for number, piece in enumerate(plan.pieces):
            try:
                found = _merged(*reader.piece(number), query, condition)
            except (NotPlaced, pa.ArrowException) as error:  # such as texts that are too long for one array
                raise NotPlaced(piece.start) from error
            for start in range(0, found.num_rows, batch_size):
                yield found.slice(start, batch_size)
    finally:
        if reader is not None:
            reader.close()
        if condition is not None:
            condition.close()


def _merged(
    base: pa.Table, rows: dict[str, PlacedRows], query: Query, condition: RowCondition | None
) -> pa.RecordBatch:
    """The rows of a piece that are wanted."""
    keep = np.ones(base.num_rows, dtype=np.bool_)
    if not query.include_deleted:
        keep &= alive(base, rows)
    if condition is not None:
        asked = condition.columns
        keep &= condition.holds(as_batch([merged_column(c, base, rows) for c in asked], asked, base.num_rows))
    if not keep.all():
        kept = np.flatnonzero(keep)
        base = base.filter(pa.array(keep))
        rows = {name: placed.of(kept) for name, placed in rows.items()}
    columns = query.columns
    return as_batch([merged_column(column, base, rows) for column in columns], columns, base.num_rows)


class PieceReader:
    """The pieces of a base and the overlay rows that belong beside them, read ahead by threads of their own.

    Args:
        base: The base.
        plan: Which pieces there are, and where overlay rows belong.
        columns: The columns that are wanted, by name.
        hiding: Whether it is asked which records are deleted.
    """

    def __init__(
        self, base: PinnedFile, plan: Plan, columns: Mapping[str, Column], *, hiding: bool = False
    ) -> None:
        self._base, self._plan, self._columns, self._ahead = base, plan, columns, plan.ahead
        wanted = [KEY] if plan.placements else []
        wanted += [c.name for c in columns.values() if c.in_base]
        wanted += [DELETED] if hiding and DELETED in base.footer.schema.names else []
        self._of_base = list(dict.fromkeys(wanted)) or [KEY]
        self._threads = Threads(_THREADS, "usr-read")
        self._bases: dict[int, Future[pa.Table]] = {}
        self._groups: dict[tuple[str, int, int], Future[pa.Table]] = {}
        self._visits: dict[int, dict[str, list[_Visit]]] = {}

    def close(self) -> None:
        """Let go of the threads, before the files are closed."""
        self._threads.close()

    def piece(self, number: int) -> tuple[pa.Table, dict[str, PlacedRows]]:
        """One piece of the base and the rows of each namespace beside it; the next ones are being read meanwhile.

        Raises:
            NotPlaced: A key is not where the cached keys say.
        """
        for later in range(number, min(number + 1 + self._ahead, len(self._plan.pieces))):
            self._begin(later)
        base = self._bases.pop(number).result()
        if base.nbytes > _MOST_BYTES:  # in memory it is many times what the file says
            self._ahead = 0
        return base, {
            name: self._laid(name, base, visits) for name, visits in self._visits.pop(number).items()
        }

    def _begin(self, number: int) -> None:
        """Have a piece and what belongs beside it read."""
        if number in self._visits:
            return
        piece = self._plan.pieces[number]
        self._bases[number] = self._threads.begin(_read, self._base, piece.groups, self._of_base)
        self._visits[number] = {}
        for name, placement in self._plan.placements.items():
            visits = _visits(placement, piece, self._plan.before[name][number])
            self._visits[number][name] = visits
            for visit in visits:
                file = placement.files[visit.file]
                for group, _, _ in _groups_of(file.footer, visit):
                    if (name, visit.file, group) not in self._groups:
                        self._groups[name, visit.file, group] = self._threads.begin(
                            _read, file, range(group, group + 1), self._stored(name, file)
                        )

    def _stored(self, namespace: str, file: PinnedFile) -> list[str]:
        stored = file.footer.schema.names
        wanted = [c.name for c in self._columns.values() if c.namespace == namespace and c.stored]
        wanted += [DELETED] if namespace == TOMBSTONE_NAMESPACE and DELETED not in wanted else []
        return [KEY, *(name for name in wanted if name in stored)]

    def _laid(self, namespace: str, base: pa.Table, visits: Sequence[_Visit]) -> PlacedRows:
        """The overlay rows of a piece beside its base rows."""
        source = np.full(base.num_rows, -1, dtype=np.int64)
        if not visits:
            return PlacedRows((), source)
        files = self._plan.placements[namespace].files
        taken = [self._taken(namespace, files[visit.file], visit) for visit in visits]
        rows = np.concatenate([visit.rows for visit in visits])
        keys = _texts(base.column(KEY)).take(pa.array(rows))
        if not _keys_of(taken).equals(keys):
            taken, start = [], 0
            for visit in visits:
                wanted = keys.slice(start, len(visit.rows))
                taken.append(self._found(namespace, files[visit.file], visit, wanted))
                start += len(visit.rows)
        source[rows] = np.arange(len(rows))
        for visit in visits:
            for group, stop, _ in _groups_of(files[visit.file].footer, visit):
                if stop <= visit.stop:  # no later piece needs it
                    del self._groups[namespace, visit.file, group]
        return PlacedRows(tuple(taken), source)

    def _taken(self, namespace: str, file: PinnedFile, visit: _Visit) -> pa.Table:
        """The next rows of a file, which is in base order as a rule."""
        found = []
        for group, stop, start in _groups_of(file.footer, visit):
            low, high = max(visit.start, start), min(visit.stop, stop)
            found.append(self._groups[namespace, visit.file, group].result().slice(low - start, high - low))
        return pa.concat_tables(found) if len(found) > 1 else found[0]

    def _found(self, namespace: str, file: PinnedFile, visit: _Visit, keys: pa.ChunkedArray) -> pa.Table:
        """The rows of a file with these keys, wherever in it they are.

        Raises:
            NotPlaced: It has not all of them, or is too large to be looked through again and again.
        """
        next_rows = self._taken(namespace, file, visit)
        if _keys_of([next_rows]).equals(keys):
            return next_rows
        if len(file.footer.group_rows) > 1:
            raise NotPlaced
        whole = self._groups[namespace, visit.file, 0].result()
        places = pc.index_in(keys, value_set=_keys_of([whole]))
        if places.null_count:
            raise NotPlaced
        return whole.take(places)


def _visits(placement: Placement, piece: _Piece, before: Places) -> list[_Visit]:
    """The overlay rows of a piece, file by file."""
    numbers = placement.numbers[piece.start : piece.stop]
    order = np.argsort(numbers, kind="stable")
    cuts = np.flatnonzero(np.diff(numbers[order])) + 1
    found = []
    for rows in np.split(order, cuts):
        number = int(numbers[rows[0]]) if len(rows) else 0
        if number:
            found.append(_Visit(number - 1, rows, int(before[number - 1])))
    return found


def _groups_of(footer: Footer, visit: _Visit) -> Iterator[tuple[int, int, int]]:
    """The row groups that a visit reads, and the file's rows in front of its end and of its start."""
    start = 0
    for group, count in enumerate(footer.group_rows):
        stop = start + count
        if start < visit.stop and stop > visit.start:
            yield group, stop, start
        start = stop


def _keys_of(tables: Sequence[pa.Table]) -> pa.ChunkedArray:
    chunks = [chunk for table in tables for chunk in _texts(table.column(KEY)).chunks]
    return pa.chunked_array(chunks, pa.string())


def _texts(keys: pa.ChunkedArray) -> pa.ChunkedArray:
    return keys if keys.type == pa.string() else keys.cast(pa.string())


def _read(file: PinnedFile, groups: range, columns: list[str]) -> pa.Table:
    """Columns of row groups of a file.

    Raises:
        CorruptFileError: It is damaged.
    """
    with reading(file.file, footer=file.footer) as parquet:
        found = parquet.read_row_groups(groups, columns, use_threads=False).select(columns)
    return found.replace_schema_metadata(None)
