"""Lets tests count states and interleavings; the end of the run prints them (``tests/conftest.py``)."""

from collections.abc import Callable

import pytest


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Callable[[str, int], None]:
    """Adds to a number that is printed in the end."""
    return lambda name, value: request.node.user_properties.append((name, value))
