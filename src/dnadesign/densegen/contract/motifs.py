"""Position weight matrices as plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass

BASES = "ACGT"
UNIFORM = (0.25, 0.25, 0.25, 0.25)


@dataclass(frozen=True, slots=True)
class Motif:
    """A matrix of base probabilities, one row of four (A, C, G, T) a position, and the background it is held against."""

    motif_id: str
    tf: str
    rows: tuple[tuple[float, float, float, float], ...]
    background: tuple[float, float, float, float] = UNIFORM

    def score(self, sequence: str) -> float:
        """The log-odds score in bits: sum over positions of log2(p / background); -inf where p is 0."""
        total = 0.0
        for base, row in zip(sequence, self.rows, strict=True):
            at = BASES.index(base)
            if row[at] == 0:
                return -math.inf
            total += math.log2(row[at] / self.background[at])
        return total

    @property
    def consensus(self) -> str:
        """The sequence with the highest score."""
        return "".join(max(BASES, key=lambda base: self._odds(base, row)) for row in self.rows)

    def _odds(self, base: str, row: tuple[float, float, float, float]) -> float:
        at = BASES.index(base)
        return row[at] / self.background[at]
