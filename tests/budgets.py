"""How many seconds each suite of tests may take, and what is told of them after a run.

A suite is a file or a folder of tests; the nearest one counts. Seconds are those of its tests added up, set-up and
tear-down included, so processes that run tests side by side add to the same number. Budgets are for a machine that does
nothing else, and are wide. What cannot be made to fit belongs to ``make soak``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

BUDGETS: dict[str, int] = {
    "tests/architecture": 30,
    "tests/benchmarks": 40,
    "tests/console": 120,
    "tests/densegen": 420,
    "tests/docs": 130,
    "tests/faults/test_base_appends.py": 60,
    "tests/faults/test_crowd.py": 30,
    "tests/faults/test_dataset_faults.py": 190,
    "tests/faults/test_dataset_model.py": 30,
    "tests/faults/test_journal_faults.py": 260,
    "tests/faults/test_key_cache_faults.py": 60,
    "tests/faults/test_mutants.py": 210,
    "tests/faults/test_processes.py": 110,
    "tests/faults/test_readers.py": 130,
    "tests/faults/test_soak_turns.py": 30,
    "tests/faults/test_torn_tails.py": 30,
    "tests/format": 30,
    "tests/fuzz": 30,
    "tests/notify": 100,
    "tests/usr": 150,
    "tests/usr/cli": 90,
    "tests/usr/operations": 430,
    "tests/usr/storage": 100,
}
"""Seconds, by file or folder."""


class Report(Protocol):
    """What is known of one phase of a test: its set-up, its call or its tear-down."""

    @property
    def nodeid(self) -> str: ...
    @property
    def when(self) -> str | None: ...
    @property
    def duration(self) -> float: ...


@dataclass
class Used:
    """Tests of a suite, and seconds that they took together."""

    tests: int = 0
    seconds: float = 0.0


def suite_of(path: str) -> str | None:
    """The suite that a file of tests belongs to: the nearest one with a budget."""
    found = [suite for suite in BUDGETS if path == suite or path.startswith(f"{suite}/")]
    return max(found, key=len, default=None)


def used_by(reports: Iterable[Report]) -> dict[str, Used]:
    """What each suite used, by its name; a file without a budget counts under its own name."""
    found: dict[str, Used] = {}
    for report in reports:
        path = report.nodeid.split("::", 1)[0]
        used = found.setdefault(suite_of(path) or path, Used())
        used.tests += report.when == "setup"
        used.seconds += report.duration
    return found


def told(reports: Iterable[Report]) -> list[str]:
    """A line a suite, and one of warning for each that took longer than it may."""
    used = dict(sorted(used_by(reports).items()))
    if not used:
        return []
    width = max(map(len, used))
    lines = ["seconds used, all tests of a suite added up, and its budget:"]
    for suite, of in used.items():
        budget = BUDGETS.get(suite)
        may = f"{budget:5,} s" if budget is not None else "none"
        lines.append(f"  {suite:<{width}} {of.tests:6,} tests {of.seconds:8,.1f} s of {may}")
    for suite, of in used.items():
        if of.seconds > BUDGETS.get(suite, 0):
            lines.append(
                f"WARNING: {suite} took {of.seconds:,.1f} s and may take {BUDGETS.get(suite, 0):,} s: either the "
                "machine was busy, or some of it belongs to `make soak`"
            )
    return lines
