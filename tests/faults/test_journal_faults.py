"""No crash and no fault at any operation of any change loses, invents or half makes anything."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from dnadesign.usr.contract.layout import PRIVATE
from dnadesign.usr.storage import staging
from dnadesign.usr.testing.simulated import SimulatedFileSystem
from tests.faults.changes import CHANGES, DATASET, perform, repeatable_ids
from tests.faults.enumeration import Effort, Search, Tally, TooManyViolations, World, new_world, prepared
from tests.faults.mutants import rewritten

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
    ("materialize_dropping", ("write_part", "append"), 1500),
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


def killed_in_a_new_private_folder(name: str, *, operation: int) -> World:
    """A dataset whose ``.usr`` was deleted, and the next writer killed before its n-th operation that changes something."""
    world = prepared("write_part")
    for path, content in sorted(world.fs.files(DATASET / PRIVATE).items(), reverse=True):
        (world.fs.unlink if content is not None else world.fs.rmdir)(DATASET / PRIVATE / path)
    world.fs.rmdir(DATASET / PRIVATE)
    world.fs.settle_all()
    fs, moments = world.fs.clone(), list[SimulatedFileSystem]()
    fs.before = lambda now: moments.append(fs.clone()) if now.changes else None
    perform(fs, name, world.plan(name), files=world.files, number=world.number)
    return replace(world, fs=moments[operation])


FEW = Effort(crashes=20, nested_every=60, nested_crashes=4, after_faults=1)


@pytest.mark.parametrize("operation", range(5))
def test_a_change_after_one_that_was_killed_when_the_private_folder_was_made_anew(
    operation: int, note: Callable[[str, int], None]
) -> None:
    tally = Tally()
    with repeatable_ids():
        Search(killed_in_a_new_private_folder("append", operation=operation), "append", tally, FEW).run()
    note("distinct states recovered and checked", len(tally.states))
    assert tally.violations == []


def test_a_private_folder_that_is_not_known_to_be_on_the_disk_is_found_out(
    note: Callable[[str, int], None],
) -> None:
    mutant = rewritten(staging.make_staging_folder, (", sure_below=dataset", ""))
    with repeatable_ids(), mutant, pytest.raises(TooManyViolations):
        Search(
            killed_in_a_new_private_folder("append", operation=1), "append", Tally(stop_after=1), FEW
        ).run()
    note("mutants caught", 1)


def test_every_shape_of_change_is_looked_at_and_the_states_are_enough() -> None:
    assert {name for name, _, _ in CASES} == {"init", *CHANGES}
    assert sum(least for _, _, least in CASES) >= LEAST_STATES
