"""The system's clocks, and the wish to stop."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType


class SystemClock:
    """Time as the system tells it; waits end when a stop is asked for."""

    def __init__(self) -> None:
        self._stop = threading.Event()

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()

    def wait(self, seconds: float) -> bool:
        """Wait; True if a stop was asked for, at once or meanwhile."""
        return self._stop.wait(seconds)

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Ask for a stop: the message in hand is finished, nothing new is begun."""
        self._stop.set()


@contextmanager
def stop_on_signals(clock: SystemClock) -> Iterator[None]:
    """Make SIGINT and SIGTERM ask for a stop; a second SIGINT interrupts at once."""

    def ask(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        clock.stop()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
