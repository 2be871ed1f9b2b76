"""What holds for every test: the same examples each time, and nothing taken from the caller's environment."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import budgets
from tests.examples import REPEATABLE
from tests.faults.strace import NO_STRACE

# A test that fails must fail again, so examples are derived from the test alone. To look further afield:
# HYPOTHESIS_PROFILE=explore make pytest (tests that say max_examples ask tests/examples.py)
settings.register_profile(
    REPEATABLE,
    derandomize=True,
    database=None,
    deadline=None,  # the machine may be busy; no test asserts seconds
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "explore", deadline=None, max_examples=2_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", REPEATABLE))

OURS = ("USR_", "DENSE_", "DENSEGEN_", "NOTIFY_", "DNADESIGN_")
COLOURS = frozenset({"NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES"})


def pytest_configure() -> None:
    """Keep settings of the person who runs the tests from them, and from the programs they start."""
    for name in list(os.environ):
        if name.startswith(OURS) or name in COLOURS:
            del os.environ[name]
    os.environ["TERM"] = "dumb"
    # A shell starts what is to run in the background with SIGINT ignored, which programs would inherit from here.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def nothing_shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test leaves a file beside the folders of the others, where those would take it for their root's."""
    yield
    shared = tmp_path_factory.getbasetemp()
    left = sorted(entry.name for entry in shared.iterdir() if entry.is_file() and not entry.is_symlink())
    assert [name for name in left if name != ".lock"] == [], (
        f"a test wrote into {shared}, outside of its folder"
    )


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what the tests counted, what they had to leave out, and how long each suite took.

    This is here and not beside the tests that count: where processes share the tests, the one that prints loads no
    other ``conftest.py``.
    """
    reports = [
        report
        for found in terminalreporter.stats.values()
        for report in found
        if isinstance(report, pytest.TestReport)
    ]
    for line in [*counted(reports), *left_out(reports), *budgets.told(reports)]:
        terminalreporter.write_line(line)


def counted(reports: list[pytest.TestReport]) -> list[str]:
    """The numbers that the tests recorded, added up."""
    totals: dict[str, int] = {}
    for report in reports:
        for name, value in report.user_properties if report.when == "call" else ():
            if isinstance(value, int):
                totals[name] = totals.get(name, 0) + value
    found = ", ".join(f"{value:,} {name}" for name, value in sorted(totals.items()))
    return [f"faults: {found}"] if found else []


def left_out(reports: list[pytest.TestReport]) -> list[str]:
    """What could not be tested for want of a program, and how to have it."""
    missing = sum(NO_STRACE in str(report.longrepr) for report in reports if report.skipped)
    return [f"faults: {missing} tests skipped, {NO_STRACE}"] if missing else []
