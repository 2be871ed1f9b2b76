"""Every test has a budget of time, and a run says which suites kept theirs."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import budgets
from tests.architecture.source_tree import ROOT
from tests.budgets import BUDGETS, suite_of, told


@dataclass
class Phase:
    """One phase of a test."""

    nodeid: str
    when: str
    duration: float


def test_each_file_of_tests_belongs_to_a_suite_with_a_budget() -> None:
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(files) > 100
    assert [path for path in files if suite_of(path) is None] == []


def test_the_tests_for_faults_have_a_budget_each() -> None:
    files = [p.relative_to(ROOT).as_posix() for p in Path(ROOT / "tests/faults").glob("test_*.py")]
    assert [path for path in files if suite_of(path) != path] == []


def test_no_budget_is_of_a_suite_that_is_gone() -> None:
    assert [suite for suite in BUDGETS if not (ROOT / suite).exists()] == []


def test_what_suites_used_is_added_up_and_too_much_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "BUDGETS", {"tests/a": 10, "tests/a/test_slow.py": 2})
    phases = [
        Phase("tests/a/test_x.py::test_1", "setup", 1.0),
        Phase("tests/a/test_x.py::test_1", "call", 8.5),
        Phase("tests/a/test_slow.py::test_1", "setup", 0.25),
        Phase("tests/a/test_slow.py::test_1[tests/a]", "call", 2.0),
        Phase("tests/b/test_y.py::test_1", "setup", 0.5),
    ]
    first, *lines = told(phases)
    assert "budget" in first
    assert [line.split() for line in lines[:3]] == [
        ["tests/a", "1", "tests", "9.5", "s", "of", "10", "s"],
        ["tests/a/test_slow.py", "1", "tests", "2.2", "s", "of", "2", "s"],
        ["tests/b/test_y.py", "1", "tests", "0.5", "s", "of", "none"],
    ]
    assert [line.split()[:2] for line in lines[3:]] == [
        ["WARNING:", "tests/a/test_slow.py"],
        ["WARNING:", "tests/b/test_y.py"],
    ]


def test_a_run_without_tests_tells_nothing() -> None:
    assert told([]) == []
