"""What designs are packed from: parts, the pool they come from, the library that one solve is offered."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum

from dnadesign.densegen.contract.motifs import Motif


class PartKind(StrEnum):
    """What a part is: a binding site, a neutral background stretch, or a fixed part of a promoter."""

    TFBS = "tfbs"
    BACKGROUND = "background"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class Part:
    """One stretch of DNA that can be placed; ``tf`` is the factor, or the input's name for background.

    ``score`` is a log-odds score in bits for sites drawn from a matrix; else None.
    """

    tf: str | None
    sequence: str
    kind: PartKind = PartKind.TFBS
    site_id: str | None = None
    motif_id: str | None = None
    source: str | None = None
    score: float | None = None
    input: str | None = None
    role: str = "site"
    constraint: str | None = None

    @property
    def tfbs_id(self) -> str:
        """A name for (kind, tf, sequence) that is the same in every run: 16 hex digits of its SHA-256."""
        return hashlib.sha256(f"{self.kind}|{self.tf or ''}|{self.sequence}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Pool:
    """All parts that an input (or all inputs of a plan) give, in input order, without repeats of (tf, sequence).

    ``motifs`` are the matrices that parts were drawn from.
    """

    parts: tuple[Part, ...]
    motifs: tuple[Motif, ...] = ()

    @property
    def tfs(self) -> tuple[str, ...]:
        """The labels in the pool, in order of first appearance."""
        return tuple(dict.fromkeys(part.tf for part in self.parts if part.tf is not None))

    def by_tf(self) -> dict[str, tuple[Part, ...]]:
        """The parts of each label, labels in order of first appearance."""
        return {tf: tuple(part for part in self.parts if part.tf == tf) for tf in self.tfs}

    @property
    def sha256(self) -> str:
        """A hash over the ordered parts: same hash, same pool."""
        return parts_sha256(self.parts)


@dataclass(frozen=True, slots=True)
class Library:
    """The parts that one solve is offered: fixed elements first, then sites."""

    plan: str
    index: int
    fixed: tuple[Part, ...]
    sites: tuple[Part, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts in the order that the solver numbers them."""
        return self.fixed + self.sites

    @property
    def sha256(self) -> str:
        """A hash over the ordered parts: same hash, same library."""
        return parts_sha256(self.parts)


def parts_sha256(parts: tuple[Part, ...]) -> str:
    """SHA-256 of the JSON list of [kind, tf, sequence, role, constraint] of each part, in order."""
    rows = [[part.kind, part.tf, part.sequence, part.role, part.constraint] for part in parts]
    return hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()
