"""What makes two records the same: alphabet, normal form and deterministic id of a sequence."""

from __future__ import annotations

import hashlib

from dnadesign.usr.contract.errors import AlphabetError

BIO_TYPES = ("dna", "rna", "protein")

_AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
ALPHABETS: dict[str, tuple[str, str]] = {
    "dna_4": ("dna", "ACGT"),
    "dna_5": ("dna", "ACGTN"),
    "rna_4": ("rna", "ACGU"),
    "rna_5": ("rna", "ACGUN"),
    "protein_20": ("protein", _AMINO_ACIDS),
    "protein_21": ("protein", _AMINO_ACIDS + "X"),
}
WHITE_SPACE = " \t\n\r\x0b\x0c"
_SYMBOLS = {name: frozenset(symbols + symbols.lower()) for name, (_, symbols) in ALPHABETS.items()}


def compute_id(bio_type: str, sequence: str) -> str:
    """The id of a normalised sequence: ``sha1(utf8(bio_type + "|" + sequence))``, 40 hex digits.

    Raises:
        AlphabetError: The sequence has half a character in it (a lone surrogate).
    """
    if not isinstance(bio_type, str) or not isinstance(sequence, str):
        raise AlphabetError(
            f"bio_type {bio_type!r:.40} and sequence {sequence!r:.40}: expected two texts",
            mend="give both as str",
        )
    try:
        return hashlib.sha1(f"{bio_type}|{sequence}".encode(), usedforsecurity=False).hexdigest()
    except UnicodeEncodeError as error:
        raise AlphabetError(
            f"sequence {sequence!r:.80}: has symbols that are no Unicode characters",
            mend="read the text that it comes from as UTF-8",
        ) from error


def validate_bio_type(bio_type: str) -> str:
    """Return ``bio_type`` if it is one of dna, rna, protein.

    Raises:
        AlphabetError: It is not.
    """
    if bio_type not in BIO_TYPES:
        raise AlphabetError(f"{bio_type!r} is not a bio_type", mend=f"use one of {', '.join(BIO_TYPES)}")
    return bio_type


def validate_alphabet(alphabet: str, *, bio_type: str | None = None) -> str:
    """Return ``alphabet`` if it exists and, where a bio_type is given, belongs to it.

    Raises:
        AlphabetError: It does not.
    """
    if bio_type is not None:
        validate_bio_type(bio_type)
    if not isinstance(alphabet, str) or alphabet not in ALPHABETS:
        raise AlphabetError(f"{alphabet!r} is not an alphabet", mend=f"use one of {', '.join(ALPHABETS)}")
    if bio_type is not None and ALPHABETS[alphabet][0] != bio_type:
        fitting = [name for name, (kind, _) in ALPHABETS.items() if kind == bio_type]
        raise AlphabetError(
            f"alphabet {alphabet!r} is not of bio_type {bio_type!r}", mend=f"use {' or '.join(fitting)}"
        )
    return alphabet


def normalize_sequence(sequence: str, bio_type: str, alphabet: str) -> str:
    """A sequence as it is stored: trimmed of surrounding white space, case kept, every symbol checked.

    Raises:
        AlphabetError: The sequence is empty or has a symbol outside the alphabet; the message gives its position.
    """
    validate_alphabet(alphabet, bio_type=bio_type)
    if not isinstance(sequence, str):
        raise AlphabetError(
            f"a sequence must be text, not {type(sequence).__name__}", mend="give it as a str"
        )
    trimmed = sequence.strip(WHITE_SPACE)
    if not trimmed:
        raise AlphabetError("the sequence is empty", mend="leave the row out or give its sequence")
    problem = symbol_problem(trimmed, alphabet)
    if problem is not None:
        raise AlphabetError(problem, mend=symbol_mend(alphabet))
    return trimmed


def symbol_problem(sequence: str, alphabet: str) -> str | None:
    """What is wrong with the symbols of a sequence, or None."""
    allowed = _SYMBOLS[alphabet]
    for position, symbol in enumerate(sequence, start=1):
        if symbol not in allowed:
            return f"symbol {symbol!r} at position {position} is not in {alphabet} ({ALPHABETS[alphabet][1]}, either case)"
    return None


def symbol_mend(alphabet: str) -> str:
    """What to do about a symbol outside an alphabet."""
    wider = {
        "dna_4": "dna_5 also takes N",
        "rna_4": "rna_5 also takes N",
        "protein_20": "protein_21 also takes X",
    }
    return (
        f"mend the sequence, or choose another alphabet{f': {wider[alphabet]}' if alphabet in wider else ''}"
    )
