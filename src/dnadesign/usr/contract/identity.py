"""What makes two records the same: alphabet, normal form and deterministic id of a sequence."""

from __future__ import annotations

import hashlib
import re

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
_ID = re.compile(r"[0-9a-f]{40}", re.ASCII)
WHITE_SPACE = " \t\n\r\x0b\x0c"
_SYMBOLS = {name: frozenset(symbols + symbols.lower()) for name, (_, symbols) in ALPHABETS.items()}
_GAPS = "-._~"
_BASES = {
    "R": "AG",
    "Y": "CT",
    "S": "CG",
    "W": "AT",
    "K": "GT",
    "M": "AC",
    "B": "CGT",
    "D": "AGT",
    "H": "ACT",
    "V": "ACG",
}
_AMBIGUOUS = {
    "dna": {code: " or ".join(bases) for code, bases in _BASES.items()},
    "rna": {code: " or ".join(bases.replace("T", "U")) for code, bases in _BASES.items()},
    "protein": {"B": "D or N", "Z": "E or Q", "J": "I or L"},
}


def is_id(text: str) -> bool:
    """Whether a text is an id: 40 lower-case hex digits."""
    return _ID.fullmatch(text) is not None


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
        raise AlphabetError(problem, mend=symbol_mend(trimmed, alphabet))
    return trimmed


def symbol_problem(sequence: str, alphabet: str) -> str | None:
    """What is wrong with the symbols of a sequence, or None."""
    allowed = _SYMBOLS[alphabet]
    for position, symbol in enumerate(sequence, start=1):
        if symbol not in allowed:
            return f"symbol {symbol!r} at position {position} is not in {alphabet} ({ALPHABETS[alphabet][1]}, either case)"
    return None


def symbol_mend(sequence: str, alphabet: str) -> str:
    """What to do about a sequence with a symbol outside its alphabet: what the first such symbol most likely is."""
    kind, allowed = ALPHABETS[alphabet][0], _SYMBOLS[alphabet]
    symbol = next((s for s in sequence if s not in allowed), "").upper()
    wider = [n for n, (of, symbols) in ALPHABETS.items() if of == kind and symbol and symbol in symbols]
    if wider:
        return f"mend the sequence, or choose another alphabet: {wider[0]} also takes {symbol}"
    if symbol and symbol in _GAPS:
        return "remove the gaps of the alignment: a stored sequence has none"
    if symbol in _AMBIGUOUS[kind] and allowed.union("NXnx", _AMBIGUOUS[kind]).issuperset(sequence.upper()):
        meaning = _AMBIGUOUS[kind][symbol]
        substitute = {"dna": "dna_5 takes N", "rna": "rna_5 takes N", "protein": "protein_21 takes X"}[kind]
        return f"{symbol} is an ambiguity code ({meaning}), which no alphabet takes: resolve it; {substitute} in its place"
    if symbol == "*":
        return "* is a stop: end the protein before it"
    fitting = [name for name, symbols in _SYMBOLS.items() if symbols.issuperset(sequence)]
    if fitting:
        return f"mend the sequence, or choose the alphabet that it fits: {fitting[0]} (bio_type {ALPHABETS[fitting[0]][0]})"
    return "mend the sequence; no alphabet takes it"
