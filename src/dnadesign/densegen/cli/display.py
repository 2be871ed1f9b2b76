"""How a run shows its progress: live bars on a terminal, plain lines elsewhere; always on standard error."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from dnadesign.densegen.contract.ports import PlanProgress
from dnadesign.densegen.contract.wording import counted

_LINE_SECONDS = 10.0


class Bars:
    """One live bar a plan, with failures counted beside it."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rest]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        """Draw."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last state on the terminal."""
        self._progress.stop()

    def update(self, progress: PlanProgress) -> None:
        """Move a plan's bar."""
        if progress.plan not in self._tasks:
            task = self._progress.add_task(progress.plan, total=progress.quota, rest="")
            self._tasks[progress.plan] = task
        rest = f"{progress.attempts} tried" + _failures(progress)
        self._progress.update(self._tasks[progress.plan], completed=progress.done, rest=rest)

    def note(self, text: str) -> None:
        """Bars say enough."""


class Lines:
    """A line when something was written, and one every ten seconds in between."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._last = time.monotonic()
        self._shown: PlanProgress | None = None

    def __enter__(self) -> Self:
        """Nothing to set up."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to tear down."""

    def update(self, progress: PlanProgress) -> None:
        """Print a line if the last one was long ago and something has changed."""
        if time.monotonic() - self._last >= _LINE_SECONDS and progress != self._shown:
            self._shown = progress
            self.note(
                f"plan {progress.plan}: {progress.done} of {counted(progress.quota, 'design')}, "
                f"{progress.attempts} tried{_failures(progress)}"
            )

    def note(self, text: str) -> None:
        """Print a line."""
        self._last = time.monotonic()
        print(text, file=self._out, flush=True)


def _failures(progress: PlanProgress) -> str:
    parts = [f"{count} {name}" for name, count in sorted((progress.failures or {}).items()) if count]
    return f" ({', '.join(parts)})" if parts else ""


def display() -> Bars | Lines:
    """Bars if a person is looking, else lines."""
    return Bars() if sys.stderr.isatty() else Lines()
