"""The numbers of a report, held against counts by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from dnadesign.densegen.operations.summing_up import sum_up


def row(sequence: str, sites: Sequence[tuple[str, str]], *, upstream: int | None = None) -> dict[str, Any]:
    detail = [{"tf": tf, "tfbs": site, "part_kind": "tfbs", "role": "site"} for tf, site in sites]
    other = [
        {"tf": "CRP", "tfbs": "TTTT", "part_kind": "tfbs", "role": "incidental"},
        {"tf": None, "tfbs": "TTGACA", "part_kind": "fixed", "role": "upstream"},
    ]
    promoters = [] if upstream is None else [{"name": "sigma70", "upstream_offset": upstream}]
    return {
        "sequence": sequence,
        "densegen__gc_total": (sequence.count("G") + sequence.count("C")) / len(sequence),
        "densegen__used_tfbs_detail": detail + other,
        "densegen__promoters": promoters,
    }


ROWS = [
    row("ACGTACGT", [("CRP", "ACGT"), ("CRP", "ACGTA")], upstream=0),
    row("ACGTTTTT", [("CRP", "ACGA"), ("LexA", "GGGG")], upstream=4),
    row("GGGGACGT", [("CRP", "ACGT"), ("CRP", "ACGT"), ("LexA", "GGGG")], upstream=17),
]
POOL = {("CRP", "ACGT"), ("CRP", "ACGA"), ("CRP", "ACGTA"), ("LexA", "GGGG"), ("LexA", "CCCC")}


def test_each_length_of_a_factors_sites_has_a_logo_of_its_own_that_says_what_it_shows() -> None:
    found = sum_up([*ROWS, row("TTTTTTTT", [("CRP", "TTTTT")])], pool=POOL, seed=1)
    four, five = found.logos  # LexA has one site only: nothing to compare
    assert (four.tf, len(four.columns), four.sites, four.placements) == ("CRP", 4, 2, 4)
    assert four.columns == ((4, 0, 0, 0), (0, 4, 0, 0), (0, 0, 4, 0), (1, 0, 0, 3))
    assert four.bits == pytest.approx((2.0, 2.0, 2.0, 2 - 0.811278), abs=1e-6)
    assert (five.tf, len(five.columns), five.sites, five.placements) == ("CRP", 5, 2, 2)


def test_promoters_are_counted_by_where_they_begin() -> None:
    assert sum_up(ROWS, pool=POOL, seed=1).promoters == {"sigma70": ((0, 2), (5, 0), (10, 0), (15, 1))}


def test_use_counts_designs_and_placements_and_the_sites_never_used() -> None:
    found = sum_up(ROWS, pool=POOL, seed=1)
    assert [(one.sequence, one.designs, one.placements) for one in found.use] == [
        ("ACGT", 2, 3),
        ("ACGA", 1, 1),
        ("ACGTA", 1, 1),
        ("GGGG", 2, 2),
    ]
    assert found.unused == 1
    assert found.per_design == {2: 2, 3: 1}


def test_distances_are_shares_of_differing_bases() -> None:
    found = sum_up(ROWS[:2], pool=POOL, seed=1).diversity
    assert found.distance == found.nearest == pytest.approx(3 / 8)
    assert found.sites == 1.0
