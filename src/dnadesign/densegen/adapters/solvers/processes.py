"""Solver processes of a run: long-lived, one library at a time each, killed and replaced when they hang or die."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from typing import IO, Self

from dnadesign.densegen.contract.errors import DensegenError, SolverUnavailableError
from dnadesign.densegen.contract.solving import (
    EndReason,
    Hello,
    JobEnd,
    Solution,
    SolveRequest,
    message_from_json,
)

_START_SECONDS = 120.0
_MOST_STARTS_IN_A_ROW = 5
_AT_HAND = 2  # requests a process: the one at work and the next
_TAIL = 300


class SolverProcesses:
    """Packs libraries in child processes; messages come back through ``messages``.

    A child that is silent for longer than a solve may take is killed, its job ended with ``timeout``; one that
    dies ends its job with ``crashed``. Either is replaced for the next request.
    """

    def __init__(self, *, backend: str, workers: int) -> None:
        self._backend = backend
        self._waiting: deque[SolveRequest] = deque()
        self._selector = selectors.DefaultSelector()
        self._children = [_Child(backend) for _ in range(workers)]
        self.version = ""

    def __enter__(self) -> Self:
        """Start all processes; they get ready while the run does something else."""
        for child in self._children:
            self._start(child)
        return self

    def __exit__(self, *_: object) -> None:
        """Kill what is still at work."""
        for child in self._children:
            self._stop(child)
        self._selector.close()

    def wait_ready(self) -> Hello:
        """Wait until one process has said whether the backend runs.

        Raises:
            SolverUnavailableError: It does not.
        """
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            self._read(timeout=0.2)
            for child in self._children:
                if child.hello is not None:
                    return child.hello
        raise SolverUnavailableError(f"no solver process was ready within {_START_SECONDS:g} s")

    @property
    def workers(self) -> int:
        """How many processes there are."""
        return len(self._children)

    def submit(self, request: SolveRequest) -> None:
        """Queue a library for the next free process."""
        self._waiting.append(request)
        self._assign()

    def cancel(self) -> None:
        """Forget everything queued or at work; processes in the middle of a solve are killed."""
        self._waiting.clear()
        for child in self._children:
            if child.requests:
                self._stop(child)

    def messages(self, *, timeout: float) -> Iterator[Solution | JobEnd]:
        """What has come in; waits up to ``timeout`` seconds when there is nothing yet."""
        self._assign()
        yield from self._read(timeout=timeout)
        yield from self._overdue()
        self._assign()

    def _assign(self) -> None:
        """Give each process something to do, and then something to go on with without waiting for this one."""
        for busy in range(_AT_HAND):
            for child in self._children:
                if self._waiting and len(child.requests) == busy:
                    if child.process is None:
                        self._start(child)
                    child.send(self._waiting.popleft())

    def _read(self, *, timeout: float) -> list[Solution | JobEnd]:
        came: list[Solution | JobEnd] = []
        for key, _ in self._selector.select(timeout):
            child: _Child = key.data
            data = os.read(key.fd, 1 << 16)
            if data:
                came.extend(self._taken(child, data))
            else:
                came.extend(self._died(child))
        return came

    def _taken(self, child: _Child, data: bytes) -> Iterator[Solution | JobEnd]:
        for message in child.lines(data):
            child.last_heard = time.monotonic()
            if isinstance(message, Hello):
                self._greeted(child, message)
                continue
            if isinstance(message, JobEnd):
                child.requests.popleft()
                child.solutions = 0
            yield message

    def _greeted(self, child: _Child, hello: Hello) -> None:
        if not hello.available:
            raise SolverUnavailableError(
                f"solver backend {hello.backend} does not run here: {hello.detail}",
                mend="choose another solver.backend: CP_SAT, SCIP or CBC",
            )
        child.hello, child.starts, self.version = hello, 0, hello.version

    def _died(self, child: _Child) -> list[JobEnd]:
        requests, solutions, tail = list(child.requests), child.solutions, self._stop(child)
        detail = f"the solver process ended with status {child.status}{': ' + tail if tail else ''}"
        if child.hello is None and child.starts >= _MOST_STARTS_IN_A_ROW:
            raise DensegenError(f"solver processes do not start: {detail}")
        if not requests:
            return []
        self._waiting.extendleft(reversed(requests[1:]))
        return [JobEnd(requests[0].job, EndReason.CRASHED, solutions, 0.0, detail)]

    def _overdue(self) -> list[JobEnd]:
        ended = []
        for child in self._children:
            if child.overdue:
                requests, solutions = list(child.requests), child.solutions
                waited = time.monotonic() - child.last_heard
                self._stop(child)
                self._waiting.extendleft(reversed(requests[1:]))
                detail = f"no answer for {waited:.0f} s; the solver process was killed"
                ended.append(JobEnd(requests[0].job, EndReason.TIMEOUT, solutions, waited, detail))
        return ended

    def _start(self, child: _Child) -> None:
        self._selector.register(child.start(), selectors.EVENT_READ, child)

    def _stop(self, child: _Child) -> str:
        if child.process is None or child.process.stdout is None:
            return ""
        self._selector.unregister(child.process.stdout)
        return child.stop()


class _Child:
    """One solver process and what it is at."""

    def __init__(self, backend: str) -> None:
        self.backend = backend
        self.process: subprocess.Popen[bytes] | None = None
        self.requests: deque[SolveRequest] = deque()
        self.hello: Hello | None = None
        self.starts = 0
        self.solutions = 0
        self.status: int | None = None
        self.last_heard = 0.0
        self._partial = b""
        self._errors: IO[bytes] | None = None

    def start(self) -> IO[bytes]:
        """Start the process; returns the pipe it answers on."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        # -P: a file named like a module in the folder of the run must not be imported instead of it.
        command = [sys.executable, "-P", "-m", "dnadesign.densegen.adapters.solvers.worker"]
        self.process = subprocess.Popen(
            [*command, self.backend, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self.starts += 1
        self.hello, self._partial, self.solutions = None, b"", 0
        self.requests.clear()
        self.last_heard = time.monotonic()
        if self.process.stdout is None:
            raise DensegenError("a solver process has no output pipe")
        return self.process.stdout

    def send(self, request: SolveRequest) -> None:
        """Hand a request to the process; that it has died already shows when its output ends."""
        if not self.requests:
            self.last_heard = time.monotonic()
        self.requests.append(request)
        if self.process is None or self.process.stdin is None:
            raise DensegenError("a solver process has no input pipe")
        try:
            self.process.stdin.write(request.to_json().encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return

    def lines(self, data: bytes) -> Iterator[Solution | JobEnd | Hello]:
        """The complete messages in what has been read so far."""
        *whole, self._partial = (self._partial + data).split(b"\n")
        for line in whole:
            message = message_from_json(line)
            self.solutions += isinstance(message, Solution)
            yield message

    @property
    def overdue(self) -> bool:
        """Whether the process has been silent for longer than any solve within its limit takes."""
        if not self.requests:
            return False
        limit = self.requests[0].time_limit_s
        slack = 10 * limit + 60 if self.requests[0].reproducible else 0.5 * limit + 5
        start = _START_SECONDS if self.hello is None else 0.0
        return time.monotonic() - self.last_heard > limit + slack + start

    def stop(self) -> str:
        """Kill the process; returns the end of what it wrote to standard error."""
        process, errors = self.process, self._errors
        self.process, self._errors = None, None
        self.requests.clear()
        if process is None or errors is None:
            return ""
        process.kill()
        self.status = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _close(pipe)
        errors.seek(max(0, errors.seek(0, os.SEEK_END) - _TAIL))
        tail = errors.read().decode(errors="replace").strip()
        errors.close()
        return tail


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return  # what was still to be written has no reader any more
