"""Runs the real ``notify`` program, and searches what it says for secrets."""

import io
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from dnadesign.notify.cli.app import run
from tests.notify.planted import found_in_text

WATCH_HOOK = ("usr-events", "watch", "--provider", "generic", "--url-env", "HOOK")
COMMAND = [sys.executable, "-m", "dnadesign.notify.cli.app"]


class Running(subprocess.Popen[str]):
    """A running program; what it says is searched when it is read, however it ended."""

    def communicate(self, input: str | None = None, timeout: float | None = None) -> tuple[str, str]:
        """What it said on stdout and on stderr."""
        out, err = super().communicate(input, timeout)
        assert not found_in_text(out + err)
        return out, err


@dataclass(frozen=True, slots=True)
class Result:
    """How one run of the program ended."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Notify:
    """The program with folders of its own, so that nothing of the person who runs the tests is touched."""

    home: Path

    @property
    def state(self) -> Path:
        return self.home / "state" / "dnadesign" / "notify"

    @property
    def config(self) -> Path:
        return self.home / "config" / "dnadesign" / "notify"

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        folders = {
            "HOME": str(self.home),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
        }
        return {**kept, **folders, "COLUMNS": "100", **more}

    def run(self, *args: str | Path, status: int | None = 0, stdin: str = "", **env: str) -> Result:
        """Run a command line to its end, here; the exit status must be the one expected."""
        out, err = io.StringIO(), io.StringIO()
        with (
            patch.dict(os.environ, self.environment(**env), clear=True),
            patch.object(sys, "stdin", io.StringIO(stdin)),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            ended = run([*map(str, args)])
        return _checked(Result(ended, out.getvalue(), err.getvalue()), status)

    def spawn(self, *args: str | Path, status: int | None = 0, code: str | None = None, **env: str) -> Result:
        """The same in a process of its own; ``code`` is run there instead of the program."""
        command = COMMAND if code is None else [sys.executable, "-c", code]
        process = self._popen([*command, *map(str, args)], env)
        out, err = process.communicate(timeout=300)
        return _checked(Result(process.returncode, out, err), status)

    def start(self, *args: str | Path, **env: str) -> Running:
        """Start and let run; the caller ends it."""
        return self._popen([*COMMAND, *map(str, args)], env)

    def _popen(self, command: list[str], env: dict[str, str]) -> Running:
        return Running(
            command,
            env=self.environment(**env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def interrupt(process: Running) -> Result:
    """Ask a running program to stop, and wait until it has."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return _checked(Result(process.returncode, out, err), None)


def _checked(result: Result, status: int | None) -> Result:
    """The result, if it is the one expected and says no secret."""
    assert status is None or result.status == status, result
    assert not found_in_text(result.out + result.err)
    return result
