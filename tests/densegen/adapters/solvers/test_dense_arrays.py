"""The contract that densegen relies on in dense-arrays, on every backend it offers."""

from __future__ import annotations

import itertools

import pytest

from dnadesign.densegen.adapters.solvers.dense_arrays import hello, solve
from dnadesign.densegen.contract.solving import (
    CountRule,
    CoverageRule,
    EndReason,
    JobEnd,
    PromoterRule,
    Solution,
    SolveRequest,
)
from tests.densegen.design_cases import other_strand

SITES = ("TTGACA", "TATAAT", "ACGTACCA", "GGATCCTTA", "CATCATCGG", "TTACCGATG")
SIGMA70 = PromoterRule(upstream=0, downstream=1, spacer=(16, 18))


def request(**changes: object) -> SolveRequest:
    given = {"job": 1, "sequences": SITES, "length": 45, "promoters": (SIGMA70,), "reproducible": True}
    return SolveRequest(**{**given, **changes})  # type: ignore[arg-type] # a table of changed arguments


def solutions(asked: SolveRequest) -> tuple[list[Solution], JobEnd]:
    *found, end = solve(asked)
    assert isinstance(end, JobEnd)
    assert all(isinstance(one, Solution) for one in found)
    return [one for one in found if isinstance(one, Solution)], end


def assert_stands(asked: SolveRequest, solution: Solution) -> None:
    for one in solution.placed:
        part = asked.sequences[one.part]
        text = solution.core[one.offset : one.offset + len(part)]
        assert text == (other_strand(part) if one.reverse else part)
    assert len({one.part for one in solution.placed}) == len(solution.placed)
    assert len(solution.core) <= asked.length


@pytest.mark.parametrize("backend", ["CP_SAT", "SCIP", "CBC"])
def test_each_backend_runs_and_says_its_version(backend: str) -> None:
    told = hello(backend)
    assert told.available
    assert told.version


def test_an_unknown_backend_is_told_as_unavailable() -> None:
    assert not hello("NO_SUCH_SOLVER").available


@pytest.mark.parametrize("backend", ["CP_SAT", "SCIP", "CBC"])
def test_every_placement_stands_in_the_core_at_its_offset_and_strand(backend: str) -> None:
    asked = request(backend=backend, reproducible=backend == "CP_SAT", sequences=SITES[:4])
    (found,), end = solutions(asked)
    assert_stands(asked, found)
    assert end.reason is EndReason.DONE


def test_a_promoter_stands_forward_at_its_spacing_and_position() -> None:
    rule = PromoterRule(0, 1, spacer=(17, 17), upstream_position=(5, 9))
    (found,), _ = solutions(request(promoters=(rule,)))
    at = {one.part: one for one in found.placed}
    assert not at[0].reverse
    assert not at[1].reverse
    assert at[1].offset - at[0].offset - 6 == 17
    assert 5 <= at[0].offset <= 9


def test_two_promoters_with_the_same_elements_are_both_placed() -> None:
    spacers = ("GCCGCCAAGGCCGGAAC", "CGCCACCGGAACCGGCG")
    parts = ("TTGACA", "TATAAT", "TTGACA", "TATAAT", *spacers)
    rules = (PromoterRule(0, 1, spacer=(16, 18)), PromoterRule(2, 3, spacer=(16, 18)))
    (found,), _ = solutions(request(sequences=parts, length=80, promoters=rules))
    at = {one.part: one.offset for one in found.placed}
    assert {at[1] - at[0] - 6, at[3] - at[2] - 6} <= {16, 17, 18}


def test_counts_and_coverage_hold_even_where_fewer_parts_fit() -> None:
    asked = request(
        promoters=(),
        length=18,
        counts=(CountRule((2,), 1),),
        coverage=(CoverageRule(((3,), (4,), (5,)), 1),),
    )
    (found,), _ = solutions(asked)
    used = {one.part for one in found.placed}
    assert 2 in used
    assert used & {3, 4, 5}


@pytest.mark.parametrize("turn", range(1, 6))
def test_the_order_in_which_the_solver_sees_the_parts_changes_neither_their_numbers_nor_how_many_fit(
    turn: int,
) -> None:
    rules = {"counts": (CountRule((2,), 1),), "coverage": (CoverageRule(((3,), (4, 5)), 1),)}
    (straight,), _ = solutions(request(**rules))
    order = tuple((part + turn) % len(SITES) for part in range(len(SITES)))[::-1]
    asked = request(order=order, **rules)
    (found,), _ = solutions(asked)
    assert_stands(asked, found)
    assert len(found.placed) == len(straight.placed)
    used = {one.part for one in found.placed}
    assert {0, 1, 2} <= used
    assert used & {3, 4, 5}
    at = {one.part: one for one in found.placed}
    assert not at[0].reverse
    assert not at[1].reverse
    assert at[0].offset < at[1].offset


def test_solutions_come_best_first_and_differ() -> None:
    found, _ = solutions(request(max_solutions=6))
    sizes = [len(one.placed) for one in found]
    assert sizes == sorted(sizes, reverse=True)
    assert len({one.placed for one in found}) == 6


def test_diverse_solutions_use_more_different_parts_than_the_best_one_does() -> None:
    found, _ = solutions(request(promoters=(), length=20, strategy="diverse", max_solutions=5))
    assert len({one.part for one in itertools.chain(*(one.placed for one in found))}) > len(found[0].placed)


def test_a_library_runs_out_with_exhausted_and_without_any_with_infeasible() -> None:
    found, end = solutions(
        request(sequences=("AAAC", "GGGT"), promoters=(), length=4, double_strand=False, max_solutions=9)
    )
    assert (len(found), end.reason, end.solutions) == (2, EndReason.EXHAUSTED, 2)
    _, end = solutions(request(length=20))
    assert end.reason is EndReason.INFEASIBLE


def test_a_request_that_makes_no_model_is_rejected_with_the_reason() -> None:
    found, end = solutions(request(counts=(CountRule((2,), 7),)))
    assert not found
    assert end.reason is EndReason.REJECTED
    assert "7" in end.detail or "available" in end.detail


def test_no_time_at_all_is_a_timeout_and_not_a_design() -> None:
    many = tuple("".join(p) for p in itertools.islice(itertools.product("ACGT", repeat=6), 5, 4096, 137))
    found, end = solutions(request(sequences=SITES[:2] + many, length=60, time_limit_s=0.001))
    assert not found
    assert end.reason is EndReason.TIMEOUT


def test_greedy_packs_without_a_solver() -> None:
    (found,), end = solutions(request(promoters=(), strategy="greedy"))
    assert_stands(request(promoters=()), found)
    assert (found.status, end.reason) == ("greedy", EndReason.DONE)


def test_the_same_reproducible_request_is_answered_the_same() -> None:
    asked = request(max_solutions=4)
    first, second = (solutions(asked)[0] for _ in range(2))
    assert [(one.core, one.placed) for one in first] == [(one.core, one.placed) for one in second]


def test_an_exact_length_is_met_by_the_packing_itself() -> None:
    (found,), _ = solutions(request(promoters=(), sequences=SITES, length=21, exact=True))
    assert len(found.core) == 21


def test_a_request_survives_its_line_of_json() -> None:
    asked = request(
        counts=(CountRule((2, 3), 1),),
        coverage=(CoverageRule(((3,), (4, 5)), 2),),
        left=(2,),
        right=(3,),
        order=(5, 4, 3, 2, 1, 0),
    )
    assert SolveRequest.from_json(asked.to_json()) == asked
