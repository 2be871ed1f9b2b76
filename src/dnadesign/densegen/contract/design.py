"""A finished design and everything that is recorded about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Placement:
    """One part on the finished sequence; positions are 0-based, ``end`` is exclusive.

    ``offset_raw`` counts on the packing before padding. ``role`` is site, upstream, downstream or spacer for what was
    placed, and incidental for what stands there without having been placed.
    """

    tf: str | None
    tfbs: str
    motif_id: str | None
    tfbs_id: str
    orientation: str
    offset: int
    offset_raw: int
    length: int
    end: int
    pad_left: int
    site_id: str | None
    source: str | None
    part_kind: str
    role: str
    constraint: str | None
    score: float | None


@dataclass(frozen=True, slots=True)
class TfCount:
    """How many sites of a factor were placed."""

    tf: str
    count: int


@dataclass(frozen=True, slots=True)
class PlacedPromoter:
    """Where the elements of a promoter stand, and the bases between them."""

    name: str
    upstream_offset: int
    downstream_offset: int
    spacer: int


@dataclass(frozen=True, slots=True)
class Pad:
    """The padding: bases added left and right, its GC share (None without padding), and paddings tried."""

    left: int
    right: int
    gc: float | None
    tries: int


@dataclass(frozen=True, slots=True)
class SolverFacts:
    """How the packing came about: solver status, its number within the library, parts placed, seconds."""

    status: str
    solution_index: int
    parts_placed: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Checks:
    """What was counted on the finished sequence, whatever the solver said."""

    placements: int
    incidental: int
    groups_met: int
    min_counts_met: int
    promoters_met: int
    forbidden_kmers: int


@dataclass(frozen=True, slots=True)
class Design:
    """One row: the sequence and its metadata; ``created_at`` is aware, in UTC."""

    sequence: str
    plan: str
    created_at: datetime
    library_sha256: str
    attempt_id: int
    library_index: int
    library_size: int
    target_length: int
    inputs: tuple[str, ...]
    required_regulators: tuple[str, ...]
    used_tfbs_detail: tuple[Placement, ...]
    used_tf_counts: tuple[TfCount, ...]
    promoters: tuple[PlacedPromoter, ...]
    pad: Pad
    solver: SolverFacts
    checks: Checks
    compression_ratio: float
    gc_total: float
    gc_core: float
