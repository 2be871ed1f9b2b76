"""The numbers of a run's report, from its designs and its attempts."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Any

from dnadesign.densegen.contract.metadata import column
from dnadesign.densegen.contract.motifs import BASES
from dnadesign.densegen.contract.parts import PartKind
from dnadesign.densegen.contract.randomness import Stream

type Row = Mapping[str, Any]

_PAIRED_DESIGNS = 200
_LOGO_SITES = 2
_GC_BINS = 20


@dataclass(frozen=True, slots=True)
class SiteUse:
    """How often a site was placed, as count of designs and of placements."""

    tf: str
    sequence: str
    designs: int
    placements: int


@dataclass(frozen=True, slots=True)
class Logo:
    """Base counts a position (A, C, G, T) over the placed sites of a factor that have one length."""

    tf: str
    sites: int
    columns: tuple[tuple[int, int, int, int], ...]

    @property
    def bits(self) -> tuple[float, ...]:
        """Information a position in bits: 2 minus the entropy, without a correction for few sites."""
        return tuple(2 - _entropy(column) for column in self.columns)


@dataclass(frozen=True, slots=True)
class Diversity:
    """How different the designs are, over all pairs of at most 200 of them.

    ``distance`` is the mean share of differing bases, ``nearest`` the mean of each design's smallest such share
    (designs of equal length only); ``sites`` is the mean Jaccard distance between the sets of sites.
    """

    designs: int
    distance: float | None
    nearest: float | None
    sites: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """All numbers of a report."""

    designs: int
    lengths: dict[int, int]
    gc: tuple[tuple[float, int], ...]
    per_design: dict[int, int]
    use: tuple[SiteUse, ...]
    unused: int
    logos: tuple[Logo, ...]
    diversity: Diversity


def sum_up(rows: Sequence[Row], *, pool: set[tuple[str, str]], seed: int) -> Summary:
    """The numbers over all designs of a run.

    Args:
        rows: The run's rows with their metadata.
        pool: (label, sequence) of all sites that were to choose from.
        seed: Chooses the designs that are compared when there are many.
    """
    placed = [_sites(row) for row in rows]
    use = _use(placed)
    return Summary(
        designs=len(rows),
        lengths=dict(sorted(Counter(len(row["sequence"]) for row in rows).items())),
        gc=_histogram([row[column("gc_total")] for row in rows]),
        per_design=dict(sorted(Counter(len(sites) for sites in placed).items())),
        use=use,
        unused=len(pool - {(one.tf, one.sequence) for one in use}),
        logos=_logos(placed),
        diversity=_diversity(rows, placed, seed=seed),
    )


def _sites(row: Row) -> list[tuple[str, str]]:
    """(label, sequence) of each placed site of a design; fixed and incidental parts left out."""
    return [
        (one["tf"], one["tfbs"])
        for one in row[column("used_tfbs_detail")]
        if one["part_kind"] != PartKind.FIXED and one["role"] != "incidental"
    ]


def _use(placed: Sequence[Sequence[tuple[str, str]]]) -> tuple[SiteUse, ...]:
    placements = Counter(site for sites in placed for site in sites)
    designs = Counter(site for sites in placed for site in set(sites))
    ordered = sorted(placements, key=lambda site: (site[0], -placements[site], site[1]))
    return tuple(
        SiteUse(tf, sequence, designs[tf, sequence], placements[tf, sequence]) for tf, sequence in ordered
    )


def _histogram(values: Sequence[float]) -> tuple[tuple[float, int], ...]:
    """Counts in twenty bins of 0 to 1, from the first to the last that is not empty; a bin by its lower bound."""
    counts = Counter(min(_GC_BINS - 1, int(value * _GC_BINS)) for value in values)
    if not counts:
        return ()
    return tuple((at / _GC_BINS, counts[at]) for at in range(min(counts), max(counts) + 1))


def _logos(placed: Sequence[Sequence[tuple[str, str]]]) -> tuple[Logo, ...]:
    """One logo a factor, of the commonest length among its placed sites, each placement counted."""
    by_tf: defaultdict[str, list[str]] = defaultdict(list)
    for sites in placed:
        for tf, sequence in sites:
            by_tf[tf].append(sequence)
    logos = []
    for tf, sequences in sorted(by_tf.items()):
        length = Counter(len(one) for one in sequences).most_common(1)[0][0]
        same = [one for one in sequences if len(one) == length]
        if len(same) >= _LOGO_SITES:
            a, c, g, t = ([Counter(position)[base] for position in zip(*same, strict=True)] for base in BASES)
            logos.append(Logo(tf, len(same), tuple(zip(a, c, g, t, strict=True))))
    return tuple(logos)


def _entropy(counts: Sequence[int]) -> float:
    total = sum(counts)
    return -sum(count / total * math.log2(count / total) for count in counts if count)


def _diversity(rows: Sequence[Row], placed: Sequence[Sequence[tuple[str, str]]], *, seed: int) -> Diversity:
    chosen = sorted(Stream(seed, "report").shuffled(range(len(rows)))[:_PAIRED_DESIGNS])
    distances: list[float] = []
    nearest: dict[int, float] = {}
    overlaps: list[float] = []
    for one, two in combinations(chosen, 2):
        left, right = set(placed[one]), set(placed[two])
        if left | right:
            overlaps.append(1 - len(left & right) / len(left | right))
        first, second = rows[one]["sequence"], rows[two]["sequence"]
        if len(first) == len(second):
            share = sum(a != b for a, b in zip(first, second, strict=True)) / len(first)
            distances.append(share)
            for at in (one, two):
                nearest[at] = min(share, nearest.get(at, 1.0))
    return Diversity(
        designs=len(chosen),
        distance=fmean(distances) if distances else None,
        nearest=fmean(nearest.values()) if nearest else None,
        sites=fmean(overlaps) if overlaps else None,
    )
