"""Motifs in sequences: IUPAC codes, reverse complements, and where a pattern matches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, get_args

from dnadesign.usr.contract.arguments import choice_of, text_of
from dnadesign.usr.contract.errors import ValidationError
from dnadesign.usr.contract.mends import spelled

MotifKind = Literal["regex", "iupac", "literal"]
Strand = Literal["+", "-", "both"]

# Nomenclature for incompletely specified bases in nucleic acid sequences, IUPAC-IUB 1984.
IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T", "U": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT",
    "M": "AC", "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
_COMPLEMENTS = {
    "dna": str.maketrans("ACGTNacgtn", "TGCANtgcan"),
    "rna": str.maketrans("ACGUNacgun", "UGCANugcan"),
}


def reverse_complement(sequence: str, bio_type: str) -> str:
    """The other strand of a sequence, read in its own direction; case and N are kept.

    Raises:
        ValidationError: The sequence is a protein.
    """
    if bio_type not in _COMPLEMENTS:
        raise ValidationError(
            f"a {bio_type} has no minus strand",
            mend=spelled("search the plus strand only: {}", ("strand='+'", "--strand +")),
        )
    return sequence.translate(_COMPLEMENTS[bio_type])[::-1]


def compile_motif(pattern: str, kind: MotifKind, *, ignore_case: bool | None = None) -> re.Pattern[str]:
    """A pattern as a regular expression.

    Args:
        pattern: Python's regular expression, IUPAC codes, or plain symbols.
        kind: Which of these.
        ignore_case: Whether case counts; None: it counts, but not for IUPAC codes.

    Raises:
        ValidationError: It is none of its kind, or it matches the empty sequence.
    """
    choice_of(kind, get_args(MotifKind), what="kind")
    text_of(pattern, what="pattern")
    ignore = kind == "iupac" if ignore_case is None else ignore_case
    expression = pattern
    if kind != "regex":
        expression = _iupac_expression(pattern) if kind == "iupac" else re.escape(pattern)
    try:
        compiled = re.compile(expression, re.IGNORECASE if ignore else 0)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValidationError(
            f"pattern {pattern!r:.80} is no regular expression: {error}",
            mend=spelled("mend it, or search for it as it stands: {}", ("kind='literal'", "--kind literal")),
        ) from error
    if compiled.search(""):
        raise ValidationError(
            f"pattern {pattern!r:.80} matches the empty sequence, so it matches everywhere",
            mend="give a pattern that takes at least one symbol",
        )
    return compiled


def _iupac_expression(pattern: str) -> str:
    parts = []
    for position, code in enumerate(pattern, start=1):
        symbols = IUPAC.get(code.upper())
        if symbols is None:
            raise ValidationError(
                f"motif {pattern!r:.80}: {code!r} at position {position} is no IUPAC code",
                mend=f"the codes are {' '.join(IUPAC)}",
            )
        # N stands for any base; of a sequence's own N nothing is known, so only a motif's N matches it.
        accepted = symbols.replace("T", "TU") + ("N" if code.upper() == "N" else "")
        accepted = accepted if code.isupper() else accepted.lower()
        parts.append(f"[{accepted}]" if len(accepted) > 1 else accepted)
    return "".join(parts)


def find_matches(compiled: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """Start and end (half-open) of a match at every position where one begins, so that matches may overlap."""
    found = compiled.search(text)
    while found is not None:
        yield found.start(), found.end()
        found = compiled.search(text, found.start() + 1)
