"""Runs the real ``usr`` program: here, in a process of its own, or on a pseudo-terminal."""

import contextlib
import fcntl
import io
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from dnadesign.usr.cli.app import run

COMMAND = [sys.executable, "-m", "dnadesign.usr.cli.app"]
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Result:
    """How one run of the program ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as strict JSON."""
        return json.loads(self.out, parse_constant=_refuse)

    @property
    def jsonl(self) -> list[Any]:
        return [json.loads(line, parse_constant=_refuse) for line in self.out.splitlines()]


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


@dataclass(frozen=True, slots=True)
class Usr:
    """The program, at home in one folder, with the root given by the environment unless it is None."""

    folder: Path
    root: Path | None

    def environment(self, **more: str) -> dict[str, str]:
        root = {} if self.root is None else {"USR_ROOT": str(self.root)}
        return {**os.environ, **root, **more}

    def run(self, *args: str | Path, status: int = 0) -> Result:
        """Run a command line to its end, in this process; the exit status must be the one expected."""
        out, err = io.StringIO(), io.StringIO()
        with (
            patch.dict(os.environ, self.environment(), clear=True),
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            ended = run([*map(str, args)])
        result = Result(ended, out.getvalue(), err.getvalue())
        assert result.status == status, result
        return result

    def spawn(self, *args: str | Path, status: int = 0, **env: str) -> Result:
        """The same in a process of its own."""
        process = self.start(*args, **env)
        out, err = process.communicate(timeout=300)
        result = Result(process.returncode, out.decode(), err.decode())
        assert result.status == status, result
        return result

    def start(self, *args: str | Path, **env: str) -> subprocess.Popen[bytes]:
        """Start and let run; the caller ends it."""
        return subprocess.Popen(
            [*COMMAND, *map(str, args)],
            cwd=self.folder,
            env=self.environment(**env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def on_terminal(self, *args: str | Path, columns: int = 80, status: int = 0, **env: str) -> str:
        """What a terminal of that width gets to see, from both streams, escape sequences included."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        process = subprocess.Popen(
            [*COMMAND, *map(str, args)],
            cwd=self.folder,
            env=self.environment(**{"TERM": "xterm-256color", **env}),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        seen = _read_all(ours)
        os.close(ours)
        assert process.wait(timeout=300) == status, seen
        return seen.replace("\r\n", "\n")


def _read_all(terminal: int) -> str:
    seen = b""
    while select.select([terminal], [], [], 300)[0]:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            break
        if not data:
            break
        seen += data
    return seen.decode()


def plain(seen: str) -> str:
    """What was seen on a terminal without colours and cursor movements."""
    return ESCAPE.sub("", seen)
