"""Takes the steps of a page in a folder of its own, as a reader at a terminal would."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path
from typing import Any

from scripts.docs.pages import Step

COLUMNS = 100
HOME = "/srv/lab"  # what pages show instead of the folder that they are run in
_SECONDS = 300


class StepFailed(Exception):
    """A step that did not end as its page says."""


class Session:
    """One reader in one folder: what a block exports or defines is there for the blocks behind it.

    Args:
        folder: Where everything happens; emptied by nobody.
        programs: A folder with programs that go before those that are installed.
    """

    def __init__(self, folder: Path, *, programs: Path | None = None) -> None:
        self.folder = folder.resolve()
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "USR_ROOT"},
            "PATH": os.pathsep.join(
                [*([str(programs)] if programs else []), str(Path(sys.executable).parent), os.environ["PATH"]]
            ),
            "TERM": "dumb",
            "NO_COLOR": "1",
        }

    def take(self, step: Step) -> str:
        """Take a step and return what is seen.

        Raises:
            StepFailed: It did not end as it should.
        """
        if step.kind == "file":
            path = self.folder / step.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.code, encoding="utf-8")
            return ""
        seen = self._run_shell(step) if step.kind == "sh" else self._run_python(step)
        return seen.replace(str(self.folder), HOME).replace(
            f'"host": "{os.uname().nodename}"', '"host": "laptop"'
        )

    def _run_shell(self, step: Step) -> str:
        with tempfile.TemporaryDirectory() as apart:  # where no command of the page sees it
            exported = Path(apart, "environment")
            script = f"trap 'env -0 > {exported}' EXIT\n{step.code}"
            status, seen = _on_terminal(
                ["bash", "-euc", script], self.folder, self._environment, interrupt=step.interrupt
            )
            if status != step.status:
                raise StepFailed(f"line {step.line}: exit status {status}, expected {step.status}\n{seen}")
            if exported.exists():
                pairs = (pair.partition("=") for pair in exported.read_text().split("\0") if pair)
                self._environment = {name: value for name, _, value in pairs}
        return seen

    def _run_python(self, step: Step) -> str:
        out = io.StringIO()
        ended: str | None = None
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(out):
            try:
                exec(compile(step.code, f"<line {step.line}>", "exec"), self._names)  # noqa: S102 - our own pages
            except Exception as error:  # noqa: BLE001 - whatever the page's code raises is what is asked about
                ended = type(error).__name__
                out.write(f"{ended}: {error}\n")
        if ended != step.error:
            raise StepFailed(f"line {step.line}: ended with {ended}, expected {step.error}\n{out.getvalue()}")
        return out.getvalue()


def _on_terminal(
    command: list[str], folder: Path, environment: dict[str, str], *, interrupt: str | None
) -> tuple[int, str]:
    """Exit status, and what a terminal shows of both streams; Ctrl-C is pressed once ``interrupt`` is seen."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        start_new_session=interrupt is not None,
    )
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # the other side is closed
        while data := _read(ours, process, patient=interrupt is None):
            seen += data
            if interrupt is not None and interrupt.encode() in seen:
                os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all that the block has started
                interrupt = None
    os.close(ours)
    status = process.wait(timeout=_SECONDS)
    return status if status >= 0 else 128 - status, seen.decode().replace("\r\n", "\n")


def _read(terminal: int, process: subprocess.Popen[bytes], *, patient: bool) -> bytes:
    """What the terminal shows next; a block that is to be interrupted and shows nothing for long is ended."""
    if not patient and not select.select([terminal], [], [], _SECONDS)[0]:
        os.killpg(process.pid, signal.SIGKILL)
    return os.read(terminal, 65536)


_VARYING = [
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?"), "<time>"),
    (re.compile(r"\d{8}T\d{12}Z"), "<ts>"),
    (re.compile(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{8,31}…"), "<hex>"),
    (re.compile(r"events-at-\d+"), "events-at-<n>"),
    (re.compile(r"\bprocess \d+ on [\w.-]+"), "process <pid> on <host>"),
    (re.compile(r'"pid": ?\d+'), '"pid": <pid>'),
    (re.compile(r'"(\w*sha256)": ?"[0-9a-f]{64}"'), r'"\1": "<hash>"'),
    (re.compile(r'"host": ?"[^"]*"'), '"host": "<host>"'),
    (re.compile(r'("(?:size_)?bytes(?:_\w+)?"|\b\w*bytes\w*)(: ?|=| )\d+'), r"\1\2<n>"),
    (re.compile(r"\b\d+(\.\d+)? (B|kB|MB)\b"), "<size>"),
    (re.compile(r"─+"), "─"),
    (re.compile(r"[ \t]+"), " "),
    (re.compile(r"^ *\n| +$", re.MULTILINE), ""),
]


def same(shown: str, seen: str) -> bool:
    """Whether a page shows what is seen, but for times, chance, and what is blank."""
    pieces = [_plain(piece) for piece in re.split(r"^\.\.\.\n", shown, flags=re.MULTILINE)]
    pattern = "(?:.*\n)*".join(re.escape(piece) for piece in pieces)
    return re.fullmatch(pattern, _plain(seen)) is not None


def _plain(text: str) -> str:
    for pattern, stands_for in _VARYING:
        text = pattern.sub(stands_for, text)
    return text
