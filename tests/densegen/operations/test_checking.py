"""What a config asks for that its sites cannot give is said before any work."""

from __future__ import annotations

from typing import Any

import pytest

from dnadesign.densegen.contract.parts import Part, Pool
from dnadesign.densegen.operations.checking import Finding, check_names, check_pools
from tests.densegen.design_cases import config, site_rows

SITES = Pool(tuple(Part(tf=tf, sequence=sequence) for tf, sequence in site_rows()))


def findings(**changes: Any) -> list[Finding]:
    made = config(**changes)
    return check_names(made) or check_pools(made, {"sites": SITES})


def test_the_small_config_has_nothing_against_it() -> None:
    assert findings() == []


GROUP = {"name": "g", "members": ["F0", "F1"], "min_required": 2}
PROMOTER = {"name": "p", "upstream": "TTGACA", "downstream": "TATAAT", "spacer": 17}


@pytest.mark.parametrize(
    ("changes", "loc", "says"),
    [
        ({"plans.1.name": "first"}, ("plans", 1, "name"), "twice"),
        ({"plans.0.inputs": ["sights"]}, ("plans", 0, "inputs", 0), "known: sites"),
        ({"plans.0.promoters": [PROMOTER, PROMOTER]}, ("plans", 0, "promoters", 1, "name"), "twice"),
        ({"solver.strategy": "greedy"}, ("solver", "strategy"), "greedy cannot keep the rules"),
        (
            {"final.pad": {"end": "both"}, "plans.0.promoters": [{**PROMOTER, "positions": {"upstream": 3}}]},
            ("plans", 0, "promoters", 0, "positions"),
            "3prime",
        ),
        (
            {"plans.0.groups": [{**GROUP, "members": ["F0", "F9"]}]},
            ("plans", 0, "groups", 0, "members", 1),
            "F9",
        ),
        ({"plans.1.min_count": {"F9": 1}}, ("plans", 1, "min_count", "F9"), "has no sites"),
        ({"plans.1.tfs": ["F0"]}, ("plans", 1, "min_count", "F2"), "is not among the plan's tfs"),
        ({"plans.1.min_count": {"F2": 9}}, ("plans", 1, "min_count", "F2"), "the pool has 8"),
        (
            {"plans.1.min_count": {"F2": 3}, "library.max_per_tf": 2},
            ("plans", 1, "min_count", "F2"),
            "max_per_tf allows 2",
        ),
        ({"plans.1.min_count": {"F0": 3, "F1": 3}}, ("plans", 1, "name"), "a library has 5"),
        ({"plans.1.side_biases": {"left": ["F9"]}}, ("plans", 1, "side_biases", "left", 0), "F9"),
        ({"target.length": 8, "plans.0.promoters": []}, ("target", "length"), "longer than a design"),
        ({"target.length": 27}, ("plans", 0, "promoters", 0), "takes at least 28"),
        ({"output.npz": ["score_tracks"]}, ("output", "npz"), "no input of kind pwm"),
        ({"final.forbid_kmers": ["TATA"]}, ("plans", 0, "promoters", 0), "holds TATA"),
    ],
)
def test_what_cannot_be_met_is_named_where_it_stands(
    changes: dict[str, Any], loc: tuple[int | str, ...], says: str
) -> None:
    fatal = [one for one in findings(**changes) if one.fatal]
    assert (loc, True) in [(one.loc, says in one.message) for one in fatal]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"library.size": 16, "plans.1.tfs": ["F2"]}, "every library offers the same"),
        ({"target.length": 39, "plans.1.min_count": {"F2": 5}}, "only where they overlap"),
    ],
)
def test_what_is_only_unwise_is_a_warning(changes: dict[str, Any], says: str) -> None:
    (warning,) = findings(**changes)
    assert not warning.fatal
    assert says in warning.message


@pytest.mark.parametrize(
    ("twin", "changes", "says"),
    [
        ("GGTTTTCC", {}, "reverse complements of each other"),
        ("GGAAAACC", {}, "are the same sequence"),
        ("GGTTTTCC", {"target.strands": "single"}, None),
        ("GGTTTTCC", {"library.unique_sequences": False}, None),
        ("ACCACCAC", {}, None),
    ],
)
def test_a_library_that_two_sites_of_one_sequence_keep_from_its_size_is_explained(
    twin: str, changes: dict[str, Any], says: str | None
) -> None:
    parts = [("A", "GGAAAACC"), ("B", twin), ("A", "ACGTTTGC"), ("B", "CATCATTG"), ("A", "TTCTTCAA")]
    made = config(**{"plans": [{"name": "p", "quota": 1, "inputs": ["sites"]}], **changes})
    found = check_pools(
        made, {"sites": Pool(tuple(Part(tf=tf, sequence=sequence) for tf, sequence in parts))}
    )
    about = [one.message for one in found if "hold 4 and not 5 sites" in one.message]
    assert not any(one.fatal for one in found)
    assert len(about) == (says is not None)
    assert all(str(says) in one and "A GGAAAACC and B" in one for one in about)
