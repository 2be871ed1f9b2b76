"""Prints how many states and interleavings were looked at, from whichever process looked."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Callable[[str, int], None]:
    """Adds to a number that is printed in the end."""
    return lambda name, value: request.node.user_properties.append((name, value))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Add up what the tests recorded."""
    totals: dict[str, int] = {}
    for report in terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", []):
        for name, value in report.user_properties:
            if isinstance(value, int):
                totals[name] = totals.get(name, 0) + value
    if totals:
        found = ", ".join(f"{value:,} {name}" for name, value in sorted(totals.items()))
        terminalreporter.write_line(f"faults: {found}")
