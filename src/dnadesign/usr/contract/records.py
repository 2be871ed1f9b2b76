"""The base table: its columns, and rows brought into their normal form column by column."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha1

import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.errors import AlphabetError, SchemaError
from dnadesign.usr.contract.identity import (
    ALPHABETS,
    WHITE_SPACE,
    symbol_mend,
    symbol_problem,
    validate_alphabet,
    validate_bio_type,
)

CORE_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("bio_type", pa.string(), nullable=False),
        pa.field("sequence", pa.string(), nullable=False),
        pa.field("alphabet", pa.string(), nullable=False),
        pa.field("length", pa.int32(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("created_at", pa.timestamp("us", "UTC"), nullable=False),
    ]
)
CORE_COLUMNS: tuple[str, ...] = tuple(CORE_SCHEMA.names)
KEY = "id"


def make_records(
    *, bio_type: pa.Array, sequence: pa.Array, alphabet: pa.Array, source: pa.Array, created_at: pa.Array
) -> pa.Table:
    """Records in normal form from equally long columns without nulls.

    Args:
        bio_type: string.
        sequence: string; surrounding white space is trimmed, case is kept.
        alphabet: string; must belong to the row's bio_type.
        source: string.
        created_at: timestamp[us, UTC].

    Returns:
        A table of ``CORE_SCHEMA``.

    Raises:
        AlphabetError: A row does not fit; the message gives the first row (0-based) and its reason.
    """
    sequence = pc.utf8_trim(sequence, characters=WHITE_SPACE)
    problems = find_problems(bio_type, sequence, alphabet, limit=1)
    if problems:
        row, why, mend = problems[0]
        raise AlphabetError(f"row {row}, column 'sequence': {why}", mend=mend)
    ids = compute_ids(bio_type, sequence)
    lengths = pc.cast(pc.utf8_length(sequence), pa.int32())
    columns = [ids, bio_type, sequence, alphabet, lengths, source, created_at]
    return pa.Table.from_arrays(columns, schema=CORE_SCHEMA)


def compute_ids(bio_type: pa.Array, sequence: pa.Array) -> pa.Array:
    """The id of each normalised sequence, column by column; see :func:`compute_id` for one.

    Args:
        bio_type: string, no nulls.
        sequence: string, no nulls.

    Returns:
        string, 40 hex digits each.
    """
    sequences = pc.cast(sequence, pa.binary()).to_pylist()  # bytes, as they are hashed
    kinds = pc.unique(bio_type).to_pylist()
    if len(kinds) == 1:
        before = f"{kinds[0]}|".encode()
        ids = [sha1(before + symbols, usedforsecurity=False).hexdigest() for symbols in sequences]
    else:
        rows = zip(pc.cast(bio_type, pa.binary()).to_pylist(), sequences, strict=True)
        ids = [sha1(kind + b"|" + symbols, usedforsecurity=False).hexdigest() for kind, symbols in rows]
    return pa.array(ids, pa.string())


def find_problems(
    bio_type: pa.Array, sequence: pa.Array, alphabet: pa.Array, *, limit: int | None = None
) -> list[tuple[int, str, str | None]]:
    """Rows whose sequence does not fit its alphabet: row number (0-based), why, mend; in row order.

    Raises:
        AlphabetError: A bio_type or alphabet is unknown, or the two do not belong together.
    """
    problems: list[tuple[int, str, str | None]] = []
    for kind in pc.unique(alphabet).to_pylist():
        of_kind = pc.equal(alphabet, kind)
        for bio in pc.unique(bio_type.filter(of_kind)).to_pylist():
            validate_alphabet(kind, bio_type=bio)
        symbols = ALPHABETS[kind][1]
        fits = pc.match_substring_regex(sequence, f"^[{symbols}{symbols.lower()}]+\\z")
        for row in pc.indices_nonzero(pc.and_not(of_kind, fits)).to_pylist()[:limit]:
            problems.append((row, *_problem(sequence[row].as_py(), kind)))
    return sorted(problems)[:limit]


def _problem(sequence: str, alphabet: str) -> tuple[str, str | None]:
    if not sequence:
        return "the sequence is empty", "leave the row out or give its sequence"
    return symbol_problem(sequence, alphabet) or "unreadable", symbol_mend(sequence, alphabet)


def constant(value: str, count: int, *, name: str) -> pa.Array:
    """A string column of one value.

    Raises:
        SchemaError: The value is no text.
    """
    try:
        if isinstance(value, str):
            return pa.repeat(pa.scalar(value, pa.string()), count)
    except UnicodeEncodeError:
        pass  # a stray surrogate
    raise SchemaError(f"{name}={value!r:.80}: expected a text", mend=f"give {name} as a string in UTF-8")


def times(value: datetime | None, count: int) -> pa.Array:
    """An ingest-time column of one value, now when None.

    Raises:
        SchemaError: It is no time, or has no time zone.
    """
    if value is None:
        value = datetime.now(UTC)
    elif not isinstance(value, datetime):
        raise SchemaError(
            f"created_at={value!r:.80}: expected a datetime, found {type(value).__name__}",
            mend="pass an aware datetime, such as datetime.now(UTC)",
        )
    elif value.tzinfo is None:
        raise SchemaError(
            f"created_at {value.isoformat()} has no time zone",
            mend="pass an aware datetime, such as datetime.now(UTC)",
        )
    return pa.repeat(pa.scalar(value, CORE_SCHEMA.field("created_at").type), count)


def checked_constant(bio_type: str, alphabet: str) -> None:
    """Check a bio_type and alphabet that stand for all rows.

    Raises:
        AlphabetError: Either is unknown, or they do not belong together.
    """
    validate_bio_type(bio_type)
    validate_alphabet(alphabet, bio_type=bio_type)
