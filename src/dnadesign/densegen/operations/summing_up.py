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
_POSITION_BIN = 5


@dataclass(frozen=True, slots=True)
class SiteUse:
    """How often a site was placed, as count of designs and of placements."""

    tf: str
    sequence: str
    designs: int
    placements: int


@dataclass(frozen=True, slots=True)
class Logo:
    """Base counts a position (A, C, G, T) over the placed sites of a factor that have one length.

    ``sites`` counts different sites; each weighs as often as it was placed.
    """

    tf: str
    sites: int
    placements: int
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
    """All numbers of a report.

    ``promoters`` counts where the upstream element of each promoter starts: (first base of a bin of five, designs).
    """

    designs: int
    lengths: dict[int, int]
    gc: tuple[tuple[float, int], ...]
    per_design: dict[int, int]
    promoters: dict[str, tuple[tuple[int, int], ...]]
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
        promoters=_promoters(rows),
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


def _promoters(rows: Sequence[Row]) -> dict[str, tuple[tuple[int, int], ...]]:
    """Where promoters start, in bins of five bases from the first to the last that is not empty."""
    found: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for row in rows:
        for one in row[column("promoters")] or ():
            found[one["name"]][one["upstream_offset"] // _POSITION_BIN] += 1
    return {
        name: tuple((at * _POSITION_BIN, counts[at]) for at in range(min(counts), max(counts) + 1))
        for name, counts in sorted(found.items())
    }


def _logos(placed: Sequence[Sequence[tuple[str, str]]]) -> tuple[Logo, ...]:
    """A logo for each factor and length of its placed sites, where there are at least two different ones."""
    groups: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for sites in placed:
        for tf, sequence in sites:
            groups[tf, len(sequence)].append(sequence)
    logos = []
    for (tf, _), same in sorted(groups.items()):
        if len(set(same)) >= _LOGO_SITES:
            a, c, g, t = ([Counter(position)[base] for position in zip(*same, strict=True)] for base in BASES)
            logos.append(Logo(tf, len(set(same)), len(same), tuple(zip(a, c, g, t, strict=True))))
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
