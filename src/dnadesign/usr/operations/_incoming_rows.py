"""The rows of a source that is attached, with the base rows that they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.errors import DuplicateKeyError, MissingKeyError, SchemaError, ValidationError
from dnadesign.usr.contract.mends import spelled
from dnadesign.usr.formats.tables import Piece
from dnadesign.usr.operations._artifacts import check_references
from dnadesign.usr.operations._deleted import Flags, deleted_among
from dnadesign.usr.operations._keys import IdsOf, Key
from dnadesign.usr.operations._overlay import OverlayContract
from dnadesign.usr.operations._overlay_rows import SHOWN, Seen
from dnadesign.usr.operations._refusals import Refusal, Refusals, readable_cells
from dnadesign.usr.operations._spill import Spool
from dnadesign.usr.storage.id_digests import digests_of
from dnadesign.usr.storage.key_index import KeySet, Ordinals
from dnadesign.usr.storage.store import Store

KEY = pa.field("__usr_key", pa.string())
NUMBER = pa.field("__usr_number", pa.int64())
FAULTY = pa.field("__usr_faulty", pa.bool_())

_OTHER_KEY = spelled(
    "say what the column holds: {}, or sequence_norm or sequence_ci", ("key='sequence'", "--key sequence")
)
_ID = r"^[0-9a-f]{40}\z"


class Source(Protocol):
    """What is attached: rows of :data:`KEY`, :data:`NUMBER`, :data:`FAULTY` and the namespace's columns."""

    contract: OverlayContract
    names: list[str]
    rows: Spool
    what: str
    unit: str
    key: Key
    allow_missing: bool
    dry_run: bool
    refusals: Refusals

    @property
    def key_name(self) -> str:
        """What the key column is called."""


@dataclass
class PieceFaults:
    """What is wrong with the rows of a piece; ``rows`` flags those (0-based) that something is."""

    source: Source
    piece: Piece
    rows: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.rows = np.zeros(len(self.piece.numbers), dtype=np.bool_)

    def cells(self, column: str, kind: pa.DataType, *, parse_json: bool) -> pa.Array:
        """A column of the piece in that type; cells that do not fit are null and refused."""
        return readable_cells(
            self.piece,
            column,
            kind,
            what=self.source.what,
            parse_json=parse_json,
            refuse=lambda row, fault: self._refuse(row, column, fault),
        )

    def check_keys(self, keys: pa.Array) -> None:
        """Refuse empty keys, and ids that are none."""
        for row in pc.indices_nonzero(keys.is_null()).to_pylist():
            if not self.rows[row]:
                fault = SchemaError("the key is empty", mend="give every row its key, or leave the row out")
                self._refuse(row, self.source.key_name, fault)
        strange = pc.invert(pc.match_substring_regex(keys, _ID)) if self.source.key == "id" else None
        for row in pc.indices_nonzero(strange).to_pylist() if strange is not None else ():
            fault = SchemaError(
                f"{keys[row].as_py()!r:.80} is not an id (40 lower-case hex digits)",
                mend=_OTHER_KEY,
            )
            self._refuse(row, self.source.key_name, fault)

    def _refuse(self, row: int, column: str, fault: SchemaError) -> None:
        piece = self.piece
        self.rows[row] = True
        refusal = Refusal(piece.unit, piece.numbers[row], None, column, fault.message, fault.mend, fault.code)
        self.source.refusals.add(refusal)


class Incoming:
    """The good rows of a source; those whose key is wrong are refused as they pass.

    Attributes:
        missing: How many rows were left out because their key is not in the base, and that is allowed.
        missing_shown: The first five of them.
        refused: How many rows something is wrong with.
        deleted: How many good rows are of deleted records.
    """

    def __init__(self, source: Source, store: Store, base: KeySet, ids: IdsOf, *, deleted: Flags) -> None:
        self.missing = self.refused = self.deleted = 0
        self._deleted_rows = deleted
        self.missing_shown: list[str] = []
        self._source, self._store, self._base, self._ids = source, store, base, ids
        self._seen = Seen()

    def read_through(self) -> None:
        """Look at all rows, to find what else is wrong; then raise it.

        Raises:
            ValidationError: Something is wrong.
        """
        for _ in self.rows():
            pass

    def rows(self) -> Iterator[tuple[Ordinals, pa.Table]]:
        """Places and rows; no place comes twice. What is wrong is raised at the end, all of it.

        Raises:
            SchemaError: A value does not fit, or refers to an artifact that is not there.
            MissingKeyError: A key is not in the base.
            DuplicateKeyError: A key is in the source twice.
            ValidationError: Several of these.
        """
        source = self._source
        schema = source.contract.schema(source.names)
        for piece in source.rows.tables():
            ids = self._ids(piece.column(KEY.name).combine_chunks())
            places = self._base.find(digests_of(ids, where=source.what))
            faulty = piece.column(FAULTY.name).to_numpy()
            there = places >= 0
            known = np.flatnonzero(there)
            again = np.zeros(len(places), dtype=np.bool_)
            again[known[self._seen.again(places[known])]] = True
            lost = ~there & ~faulty if source.allow_missing else ~there
            self._note_missing(piece, np.flatnonzero(lost).tolist())
            self._refuse(piece, np.flatnonzero(again).tolist(), _again)
            wrong = faulty | again | (~there & (not source.allow_missing))
            self.refused += int(wrong.sum())
            good = np.flatnonzero(there & ~wrong)
            rows = piece.append_column("id", ids).take(good).select(schema.names).cast(schema)
            check_references(self._store, rows, sizes={}, what=source.what)
            self.deleted += int(deleted_among(places[good], self._deleted_rows).sum())
            yield places[good], rows
        if not source.dry_run:
            source.refusals.raise_each(source.what)

    def _note_missing(self, piece: pa.Table, rows: list[int]) -> None:
        if not self._source.allow_missing:
            self._refuse(piece, rows, _missing)
            return
        self.missing += len(rows)
        keys, numbers = piece.column(KEY.name), piece.column(NUMBER.name)
        self.missing_shown += [
            f"{self._source.unit} {numbers[row].as_py()} ({keys[row].as_py()[:60]!r})"
            for row in rows[: SHOWN - len(self.missing_shown)]
        ]

    def _refuse(self, piece: pa.Table, rows: list[int], fault: _Fault) -> None:
        keys, numbers = piece.column(KEY.name), piece.column(NUMBER.name)
        for row in rows:
            error = fault(keys[row].as_py())
            self._source.refusals.add(
                Refusal(
                    self._source.unit,
                    numbers[row].as_py(),
                    None,
                    self._source.key_name,
                    error.message,
                    error.mend,
                    error.code,
                )
            )


class _Fault(Protocol):
    def __call__(self, key: str) -> ValidationError: ...


def _missing(key: str) -> MissingKeyError:
    return MissingKeyError(
        f"{key[:60]!r} is not in the base",
        mend=spelled(
            "add their sequences first, or pass {} to leave these rows out",
            ("allow_missing=True", "--allow-missing"),
        ),
    )


def _again(key: str) -> DuplicateKeyError:
    return DuplicateKeyError(
        f"{key[:60]!r} stands in an earlier row too", mend="an overlay has one row per key; leave these out"
    )
