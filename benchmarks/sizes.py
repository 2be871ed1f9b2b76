"""How large the workloads are: as asked for, small ones to try things with, and smaller ones for the tests."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.measure import Rounds


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of rows, parts and events.

    Attributes:
        rows: Of the usual base.
        parts: Of its overlay.
        large_rows: Of the large base, which shows what grows.
        large_parts: Of its overlay.
        small_rows: Of the small base.
        small_parts: Of its overlay.
        part_rows: Of one part.
        flush_base: Rows that designs are flushed onto.
        flush_rows: Designs of one flush.
        flushes: How many flushes.
        fasta_records: Of the file to import.
        events: Of the log to tail.
        rounds: How often things are repeated.
        peaks: How often the most memory of an operation is looked at, as threads come by it in another way each time.
        part_rounds: How often a part is written beside the peers, one after the other onto the same dataset.
    """

    rows: int = 1_000_000
    parts: int = 300
    large_rows: int = 10_000_000
    large_parts: int = 3_000
    small_rows: int = 100_000
    small_parts: int = 30
    part_rows: int = 1_000
    flush_base: int = 200_000
    flush_rows: int = 128
    flushes: int = 500
    fasta_records: int = 1_000_000
    events: int = 1_000_000
    peaks: int = 3
    rounds: Rounds = field(default_factory=Rounds)
    part_rounds: Rounds = field(default_factory=lambda: Rounds(most=101))


FULL = Sizes()
QUICK = Sizes(
    rows=50_000,
    parts=15,
    large_rows=200_000,
    large_parts=60,
    small_rows=20_000,
    small_parts=6,
    flush_base=20_000,
    flushes=40,
    fasta_records=50_000,
    events=50_000,
    rounds=Rounds(most=7, fewest=3, seconds=10.0),
    part_rounds=Rounds(most=7, fewest=3, seconds=10.0),
)
TINY = Sizes(
    rows=600,
    parts=4,
    large_rows=900,
    large_parts=6,
    small_rows=300,
    small_parts=2,
    part_rows=40,
    flush_base=200,
    flush_rows=16,
    flushes=4,
    fasta_records=300,
    events=300,
    peaks=1,
    rounds=Rounds(most=1, fewest=1, seconds=5.0),
    part_rounds=Rounds(most=1, fewest=1, seconds=5.0),
)
NAMED = {"full": FULL, "quick": QUICK, "tiny": TINY}
