"""What the tests of notify share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notify.console import Notify
from tests.notify.planted import found_in_files
from tests.notify.receiver import Receiver, receiving


@pytest.fixture
def notify(tmp_path: Path) -> Iterator[Notify]:
    """The real program with its own home, in which afterwards no planted secret may be found.

    What the program says is searched each time it runs.
    """
    home = tmp_path / "home"
    home.mkdir()
    program = Notify(home)
    yield program
    assert found_in_files(home, but=frozenset((program.config / "secrets").glob("*"))) == []


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that takes everything."""
    with receiving() as server:
        yield server
