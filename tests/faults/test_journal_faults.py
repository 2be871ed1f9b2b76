"""No crash and no fault at any operation of any change loses, invents or half makes anything."""

from collections.abc import Callable

import pytest

from tests.faults.changes import CHANGES, repeatable_ids
from tests.faults.enumeration import Effort, Search, Tally, new_world, prepared

EFFORT = Effort(crashes=20, nested_every=60, nested_crashes=4, after_faults=3)
LEAST_STATES = 30_000

# What a change is made on: the changes before it, whose last traces are not on the disk yet. With each the least
# number of distinct states that it takes to be looked at; they add up to LEAST_STATES and more.
CASES: list[tuple[str, tuple[str, ...], int]] = [
    ("init", (), 2500),
    ("append", ("write_part", "attach"), 1500),
    ("write_part", ("write_part",), 1500),
    ("write_part", ("write_part", "compact_to_part"), 1500),
    ("first_part", ("append",), 1500),
    ("transaction", ("write_part",), 3500),
    ("attach", ("attach",), 1500),
    ("promote", ("attach", "append"), 1800),
    ("freeze", ("append",), 2000),
    ("log_event", ("archive_log",), 1000),
    ("compact", ("write_part", "transaction"), 1800),
    ("compact_to_part", ("write_part", "write_part"), 1800),
    ("materialize", ("write_part", "append"), 2800),
    ("dedupe", ("write_part", "attach", "materialize"), 4000),
    ("remove", ("attach",), 1000),
    ("archive_log", ("append", "archive_log"), 1500),
    ("archive_overlay", ("attach",), 1000),
    ("snapshot", ("append",), 1000),
    ("prune", ("write_part", "materialize", "attach", "dedupe"), 1000),
    ("tombstone", ("tombstone",), 1000),
    ("merge", ("attach", "tombstone"), 1000),
    ("refer", ("append",), 1000),
    ("prune_artifacts", ("refer", "refer"), 1000),
]


@pytest.mark.parametrize(
    ("name", "before", "least"), CASES, ids=["-after-".join((c[0], *c[1][-1:])) for c in CASES]
)
def test_every_crash_and_fault_of_a_change_leaves_all_or_nothing_of_it(
    name: str, before: tuple[str, ...], least: int, note: Callable[[str, int], None]
) -> None:
    tally = Tally()
    with repeatable_ids():
        Search(prepared(*before) if name != "init" else new_world(), name, tally, EFFORT).run()
    note("distinct states recovered and checked", len(tally.states))
    note("changes made with a fault", tally.runs)
    note("violations", len(tally.violations))
    assert tally.violations == []
    assert len(tally.states) >= least


def test_every_shape_of_change_is_looked_at_and_the_states_are_enough() -> None:
    assert {name for name, _, _ in CASES} == {"init", *CHANGES}
    assert sum(least for _, _, least in CASES) >= LEAST_STATES
