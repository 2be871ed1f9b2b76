"""What DuckDB reads of a version's files, held against checksums that it does not look at itself.

Overlays are read whole before the first row comes, and looked at before that; of the base each row group is, before
a row of it is handed out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from dnadesign.usr.contract.errors import CorruptFileError, SequencesError
from dnadesign.usr.contract.names import TOMBSTONE_NAMESPACE
from dnadesign.usr.contract.records import KEY
from dnadesign.usr.operations._base_source import paths_sql
from dnadesign.usr.operations._duck import connect, first_line, identifier
from dnadesign.usr.operations._view import DELETED, JOIN_KEYS, Column, Query, View, file_key, key_kind
from dnadesign.usr.storage.key_index import Ordinals
from dnadesign.usr.storage.page_checks import check_pages
from dnadesign.usr.storage.parquet import groups_together, reading
from dnadesign.usr.storage.parquet_footer import corrupt
from dnadesign.usr.storage.version import PinnedFile, Version

_DECODED_ROWS = 1 << 16


@dataclass(frozen=True, slots=True)
class Reads:
    """The columns that a query is answered from.

    Attributes:
        version: The files.
        deciding: Columns of the base that say which rows there are, so that all of each is read.
        shown: Columns of the base that are handed out.
        overlays: Columns by namespace, without the keys.
    """

    version: Version
    deciding: frozenset[str]
    shown: frozenset[str]
    overlays: dict[str, frozenset[str]]

    def check_overlays(self) -> None:
        """Look at the overlays' pages.

        Raises:
            CorruptFileError: One is damaged.
        """
        for file, columns in self._overlay_files():
            check_pages(file, columns)

    def check_base(self, rows: Ordinals, stop: int) -> None:
        """Look at the pages that these base rows stand in, and at those that say that there is no other one before ``stop``.

        Raises:
            CorruptFileError: One is damaged.
        """
        base = self.version.base
        ends = np.cumsum(base.footer.group_rows)
        check_pages(
            base, self.deciding, range(int(np.searchsorted(ends, stop, side="left")) + 1 if stop else 0)
        )
        groups = np.unique(np.searchsorted(ends, rows, side="right")).tolist()
        check_pages(base, self.shown, groups)

    def check_end(self) -> None:
        """Look at the pages of the base that say that no other row comes.

        Raises:
            CorruptFileError: One is damaged.
        """
        check_pages(self.version.base, self.deciding)

    def check_all(self) -> None:
        """Look at all pages that can have been read.

        Raises:
            CorruptFileError: One is damaged.
        """
        check_pages(self.version.base, self.deciding | self.shown)
        self.check_overlays()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell an error that comes of a damaged file as that: all that can have been read is decoded again.

        Raises:
            CorruptFileError: A file is damaged.
        """
        try:
            yield
        except SequencesError as error:
            try:
                self._decode_all()
                self._read_each()
            except CorruptFileError as damage:
                raise damage from error
            raise

    def _decode_all(self) -> None:
        for file, columns in self._files():
            check_pages(file, columns)
            footer = file.footer
            sizes = zip(footer.group_rows, footer.group_bytes, strict=True)
            with reading(file.file, footer=footer) as parquet:
                for groups in groups_together(sizes, _DECODED_ROWS):
                    parquet.read_row_groups(groups, sorted(columns))

    def _read_each(self) -> None:
        """Have DuckDB read one file after the other: what it alone takes for damage names no file."""
        import duckdb  # loaded by whoever met the error

        for file, columns in self._files():
            stored = sorted(columns & set(file.footer.schema.names))
            sql = f"SELECT {', '.join(map(identifier, stored)) or 'NULL'} FROM read_parquet({paths_sql([file])})"  # noqa: S608
            with connect(keep_order=False) as connection:
                try:
                    for _ in connection.sql(sql).to_arrow_reader(_DECODED_ROWS):
                        pass
                except duckdb.OutOfMemoryException:
                    continue
                except duckdb.Error as error:
                    raise corrupt(file.file.path, first_line(error)) from error

    def _files(self) -> Iterator[tuple[PinnedFile, frozenset[str]]]:
        yield self.version.base, self.deciding | self.shown
        yield from self._overlay_files()

    def _overlay_files(self) -> Iterator[tuple[PinnedFile, frozenset[str]]]:
        for namespace, columns in self.overlays.items():
            for file in self.version.overlays[namespace].files:
                yield file, columns | {file_key(file)}


def reads_of(view: View, query: Query, named: Sequence[Column] = ()) -> Reads:
    """What a query is answered from.

    Args:
        view: The view.
        query: What to read of it.
        named: The columns that its condition may name.
    """
    version = view.version
    joined = {c.namespace for c in (*named, *query.columns)} - {None}
    hides = not query.include_deleted
    if hides and TOMBSTONE_NAMESPACE in version.overlays:
        joined.add(TOMBSTONE_NAMESPACE)
    deciding = {c.name for c in named if c.in_base} | ({DELETED} if hides else set())
    deciding |= {KEY} if query.shard is not None or query.ids is not None else set()
    overlays: dict[str, frozenset[str]] = {}
    for namespace in sorted(name for name in joined if name is not None):
        wanted = {c.name for c in (*named, *query.columns) if c.namespace == namespace and c.stored}
        wanted |= {DELETED} if hides and namespace == TOMBSTONE_NAMESPACE else set()
        overlays[namespace] = frozenset(wanted)
        deciding.add(JOIN_KEYS[key_kind(version, version.overlays[namespace])][0])
    shown = frozenset(c.name for c in query.columns if c.in_base)
    return Reads(version, frozenset(deciding), shown, overlays)
