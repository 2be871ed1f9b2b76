"""What the operations need from the outside world; the adapters provide it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dnadesign.notify.contract.events import SourceLine
from dnadesign.notify.contract.messages import Message
from dnadesign.notify.contract.outcomes import Attempt
from dnadesign.notify.contract.watch_state import WatchState


class Transport(Protocol):
    """Sends one message to one destination."""

    def attempt(self, message: Message, *, message_id: str, now: datetime) -> Attempt:
        """Try once. Never raises for what a destination or a network does."""

    def close(self) -> None:
        """Close the connection."""


class Clock(Protocol):
    """Time, so that it can be stopped in tests and a wait can be ended by a signal."""

    def now(self) -> datetime:
        """The time of day, in UTC."""

    def monotonic(self) -> float:
        """Seconds that only ever grow."""

    def wait(self, seconds: float) -> bool:
        """Wait; True if a stop was asked for, at once or meanwhile."""

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for."""


class EventSource(Protocol):
    """The committed lines of an event log, in order."""

    def poll(self, most: int) -> list[SourceLine]:
        """At most so many lines that have come since; empty when there are none now."""

    def here(self) -> Mapping[str, object] | None:
        """The place where the next look goes on; None where nothing has been read and it is the beginning."""

    def place(self, line: SourceLine) -> Mapping[str, object]:
        """The place behind a line, as JSON values to go on from later."""

    def close(self) -> None:
        """Close the log."""


class CursorStore(Protocol):
    """Keeps the state of one watcher."""

    def save(self, state: WatchState) -> None:
        """Write it, atomically and durably."""


@dataclass(frozen=True, slots=True)
class SpooledMessage:
    """A message that waits on disk.

    Attributes:
        entry: Its name in the spool; entries sort in the order in which they were put there.
        tries: Rounds of tries from the spool so far.
        reason: Why the last try failed.
    """

    entry: str
    message_id: str
    message: Message
    spooled_at: str
    tries: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Disabled:
    """A destination that takes nothing more: since when, and what it said."""

    since: str
    reason: str


class Spool(Protocol):
    """The messages of one destination that could not be delivered: waiting ones and dead letters."""

    def hold(self) -> AbstractContextManager[bool]:
        """Keep other processes from draining; False inside if another one is doing it."""

    def waiting(self) -> list[str]:
        """The entries that wait, oldest first."""

    def is_empty(self) -> bool:
        """Whether nothing waits; cheap."""

    def read(self, entry: str) -> SpooledMessage | None:
        """One waiting message; None if somebody else has taken it away."""

    def append(self, message: Message, *, message_id: str, reason: str, now: datetime) -> SpooledMessage:
        """Put a message behind all others, durably."""

    def note_try(self, spooled: SpooledMessage) -> None:
        """Write down one more try and its reason."""

    def remove(self, entry: str) -> None:
        """Take a delivered message away, durably."""

    def bury(self, spooled: SpooledMessage) -> None:
        """Move a waiting message to the dead letters."""

    def disable(self, *, reason: str, now: datetime) -> None:
        """Write down that the destination takes nothing more."""

    def pause(self, *, until: datetime) -> None:
        """Write down that the destination asked to be left alone until then."""

    def paused_until(self) -> datetime | None:
        """Until when the destination asked to be left alone; None where it did not."""

    def disabled(self) -> Disabled | None:
        """Whether and why the destination takes nothing more."""
