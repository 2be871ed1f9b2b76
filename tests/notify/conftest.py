"""What the tests of notify share, and the search of all that they say for the secrets that they plant."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notify.console import Notify
from tests.notify.planted import found_in_files, found_in_text
from tests.notify.receiver import Receiver, receiving


class Ears(logging.Handler):
    """Keeps all that is logged."""

    def __init__(self) -> None:
        super().__init__(level=0)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(self.format(record))


@pytest.fixture(autouse=True)
def nothing_leaks(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Search what each test, whichever it is, has printed and logged, at whatever level."""
    ears, root = Ears(), logging.getLogger()
    level = root.level
    root.addHandler(ears)
    root.setLevel(1)
    yield
    root.removeHandler(ears)
    root.setLevel(level)
    said = capfd.readouterr()
    sys.stdout.write(said.out)  # for the report of a test that fails
    sys.stderr.write(said.err)
    assert found_in_text("\n".join([said.out, said.err, *ears.heard])) == []


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
