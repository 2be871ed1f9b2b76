"""A library without a packing is explained by what would give it one."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from dnadesign.densegen.adapters.solvers.processes import SolverProcesses
from dnadesign.densegen.operations.explaining import answer, explain, in_words
from dnadesign.densegen.operations.requests import solve_request
from dnadesign.densegen.operations.spacers import offered_library
from tests.densegen.design_cases import config, pools

ROWS = [("F0", "GCGCTCCGGCTCGCGGC"), ("F1", "CCATGGTTGCATCCGACC"), ("F2", "GGTACGTTAGCCTAGGCCAT")]
BARE: dict[str, Any] = {"library.size": 3, "plans.0.groups": [], "plans.0.promoters": []}


def mends(**changes: Any) -> tuple[str, ...]:
    made = config(**{**BARE, **changes})
    plan, jobs = made.plans[0], count(1)
    request = solve_request(
        offered_library(pools(made, ROWS)["first"], made, index=0), made, plan, job=next(jobs)
    )
    with SolverProcesses(backend="CP_SAT", workers=1) as solvers:
        assert answer(solvers, request)[0] is None
        found = explain(request, plan, solvers, lambda: next(jobs))
        for one in found:  # the length that is named is the least
            if one.startswith("target.length"):
                least = int(one.split()[1])
                for length in (least - 1, least):
                    other = config(**{**BARE, **changes, "target.length": length})
                    asked = solve_request(
                        offered_library(pools(other, ROWS)["first"], other, index=0),
                        other,
                        plan,
                        job=next(jobs),
                    )
                    assert (answer(solvers, asked)[0] is not None) is (length == least)
    return found


def test_a_group_is_named_with_the_number_that_fits() -> None:
    group = {"name": "all", "members": ["F0", "F1", "F2"], "min_required": 3}
    found = mends(**{"target.length": 40, "plans.0.groups": [group]})
    assert "min_required 2 instead of 3 for group all" in found
    assert any(one.startswith("target.length 5") for one in found)


def test_a_promoter_and_its_positions_are_named() -> None:
    promoter = {
        "name": "sigma70",
        "upstream": "TTGACA",
        "downstream": "TATAAT",
        "spacer": [16, 18],
        "positions": {"upstream": 5},
    }
    found = mends(**{"target.length": 40, "plans.0.promoters": [promoter], "plans.0.min_count": {"F0": 1}})
    assert {"no positions for promoter sigma70", "no promoter sigma70"} <= set(found)


def test_a_required_count_is_named() -> None:
    found = mends(**{"target.length": 25, "plans.0.min_count": {"F0": 1, "F2": 1}})
    assert {"no min_count for F0", "no min_count for F2"} <= set(found)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((), "no single change"),
        (("target.length 84 instead of 70", "no promoter p"), "84 instead of 70, or no promoter p"),
    ],
)
def test_the_words_say_what_to_change(given: tuple[str, ...], says: str) -> None:
    assert says in in_words(given)
