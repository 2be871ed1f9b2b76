"""Runs the real ``notify`` program, and keeps what it says for the search for secrets."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.notify.planted import found_in_text

COMMAND = [sys.executable, "-m", "dnadesign.notify.cli.app"]


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
        """Run to the end; the exit status must be the one expected."""
        done = subprocess.run(
            [*COMMAND, *map(str, args)],
            env=self.environment(**env),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert status is None or done.returncode == status, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        assert not found_in_text(done.stdout + done.stderr)
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, *args: str | Path, **env: str) -> subprocess.Popen[str]:
        """Start and let run; the caller ends it."""
        return subprocess.Popen(
            [*COMMAND, *map(str, args)],
            env=self.environment(**env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def interrupt(process: subprocess.Popen[str]) -> Result:
    """Ask a running program to stop, and wait until it has."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert not found_in_text(out + err)
    return Result(process.returncode, out, err)
