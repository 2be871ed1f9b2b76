"""DNA as text: complement, composition, and where one string stands in another on both strands."""

from __future__ import annotations

import re
from functools import cache

DNA = frozenset("ACGT")
IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
_COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")


def reverse_complement(sequence: str) -> str:
    """The other strand, read 5' to 3'; IUPAC symbols in upper case are understood."""
    return sequence.translate(_COMPLEMENT)[::-1]


def gc_fraction(sequence: str) -> float:
    """The share of G and C, 0 to 1; 0 for an empty sequence."""
    return (sequence.count("G") + sequence.count("C")) / len(sequence) if sequence else 0.0


def strand_neutral(sequence: str) -> str:
    """One spelling for a double-stranded molecule: the smaller of the sequence and its reverse complement."""
    return min(sequence, reverse_complement(sequence))


def starts(sequence: str, motif: str) -> list[int]:
    """Every start of the motif on the forward strand, overlapping ones included."""
    found = []
    at = sequence.find(motif)
    while at >= 0:
        found.append(at)
        at = sequence.find(motif, at + 1)
    return found


@cache
def iupac_pattern(kmer: str) -> re.Pattern[str]:
    """A look-ahead pattern that finds each (overlapping) match of an IUPAC k-mer on the forward strand."""
    body = "".join(IUPAC[s] if len(IUPAC[s]) == 1 else f"[{IUPAC[s]}]" for s in kmer)
    return re.compile(f"(?={body})")


def kmer_spans(sequence: str, kmer: str) -> list[tuple[int, int]]:
    """Half-open spans, sorted, where the IUPAC k-mer matches on either strand."""
    both = {kmer, reverse_complement(kmer)}
    at = {match.start() for one in both for match in iupac_pattern(one).finditer(sequence)}
    return [(start, start + len(kmer)) for start in sorted(at)]
