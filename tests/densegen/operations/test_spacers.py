"""A promoter's spacer is filled to the base: by sites where they fit, else by neutral bases."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count

import pytest
from dense_arrays import Optimizer

from dnadesign.densegen.adapters.solvers import dense_arrays
from dnadesign.densegen.contract.config import Promoter
from dnadesign.densegen.contract.design import Design
from dnadesign.densegen.contract.parts import Library, Part
from dnadesign.densegen.contract.sequences import gc_fraction
from dnadesign.densegen.contract.solving import Solution
from dnadesign.densegen.operations.finishing import finish
from dnadesign.densegen.operations.requests import solve_request
from dnadesign.densegen.operations.spacers import SPACER, fillable, offered_library, shift
from tests.densegen.design_cases import config, pools, sigma70_spacers

SIGMA70 = Promoter(name="sigma70", upstream="TTGACA", downstream="TATAAT", spacer=(16, 18))
LACI, CRP = "AATTGTGAGCGGATAACAATT", "AAATGTGATCTAGATCACATTT"
LONG = [("F0", LACI), ("F1", CRP), ("F2", "GCCGTACCGGTCAGGTACGAC")]


def library(*sites: str) -> Library:
    return Library("plan", 0, (), tuple(Part(tf="F", sequence=site) for site in sites))


@pytest.mark.parametrize(
    ("sites", "fits"),
    [
        ((LACI, CRP), False),
        (("GCGCTCCGGCTCGCGGC",), True),
        (("GCGCTCCG", "CGGTCCGGC"), True),
        (("GCGCTCCGGCTCGCG",), False),
        ((), False),
    ],
    ids=["too long", "one of 17", "8 and 9", "one of 15", "none"],
)
def test_a_spacer_is_filled_where_lengths_add_up(sites: tuple[str, ...], fits: bool) -> None:
    assert fillable(SIGMA70, library(*sites), double_strand=True) is fits


def test_a_spacer_without_an_upper_bound_is_filled_by_any_long_site() -> None:
    open_ended = SIGMA70.model_copy(update={"spacer": (16, None)})
    assert fillable(open_ended, library(LACI), double_strand=True)


def test_an_overlap_is_the_one_that_the_solver_makes() -> None:
    sequences = ["TTGACA", "TATAAT", LACI, CRP, "ACATTGACA", "GACA"]
    optimizer = Optimizer(sequences, 60, "single")
    matrix = optimizer.adjacency_matrix
    for one, first in enumerate(sequences):
        for two, second in enumerate(sequences):
            assert one == two or matrix[one][two] == shift(first, second), (first, second)


def test_sites_that_cannot_fill_a_spacer_give_designs_with_neutral_bases_in_it() -> None:
    made = config(**{"target.length": 80, "library.size": 3, "plans.0.min_count": {"F0": 1}})
    plan = made.plans[0]
    offered = offered_library(pools(made, LONG)["first"], made, index=0)
    (spacer,) = [part for part in offered.parts if part.role == SPACER]
    assert 16 <= len(spacer.sequence) <= 18
    assert 0.3 <= gc_fraction(spacer.sequence) <= 0.7
    jobs = count(1)
    packed = next(iter(dense_arrays.solve(solve_request(offered, made, plan, job=next(jobs)))))
    assert isinstance(packed, Solution)
    design = finish(packed, offered, made, plan, now=datetime.now(UTC))
    assert isinstance(design, Design)
    assert len(spacer.sequence) in sigma70_spacers(design.sequence)
    assert {one.role for one in design.used_tfbs_detail} == {"site", "upstream", "downstream", SPACER}
    assert SPACER not in {one.tf for one in design.used_tf_counts}


def test_libraries_with_the_same_sites_get_the_same_spacer_and_others_another() -> None:
    made = config(**{"target.length": 80, "library.size": 3})
    source = pools(made, LONG)["first"]
    stretches = {offered_library(source, made, index=at).fixed[-1].sequence for at in range(5)}
    assert len(stretches) == 1
    other = config(**{"target.length": 80, "library.size": 3, "run.seed": 9})
    assert offered_library(pools(other, LONG)["first"], other, index=0).fixed[-1].sequence not in stretches


def test_a_library_whose_sites_fill_the_spacer_is_offered_nothing_else() -> None:
    made = config()
    assert [part.role for part in offered_library(pools(made)["first"], made, index=0).fixed] == [
        "upstream",
        "downstream",
    ]
