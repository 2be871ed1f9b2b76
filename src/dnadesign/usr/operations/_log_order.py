"""Whether the lines of a log stand there once each, and in the order in which they were written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from dnadesign.usr.contract.event_outline import EventOutline
from dnadesign.usr.contract.events import Event


@dataclass(frozen=True, slots=True)
class Misplaced:
    """An event that does not stand where it was written.

    Attributes:
        number: Which event of the whole log it is, archived segments included, from 1.
        event_id: Its id.
        message: What is wrong with its place.
    """

    number: int
    event_id: str | None
    message: str


@dataclass
class LogOrder:
    """The fold of the places of events.

    Attributes:
        misplaced: The events that stand there again, or apart from the others of their change.
        back: The events that are dated before the one before them. A clock that was set back, or the clocks of two
            hosts, explain that as well as lines in another order do.
    """

    misplaced: list[Misplaced] = field(default_factory=list)
    back: list[Misplaced] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)
    _txids: set[str] = field(default_factory=set)
    _txid: str | None = None
    _last: tuple[str, datetime] | None = None

    def add(self, event: Event | EventOutline, number: int) -> bool:
        """Fold one event in, and say whether it is there for the first time."""
        event_id = event.event_id
        if event_id is not None:
            if event_id in self._ids:
                self.misplaced.append(Misplaced(number, event_id, "stands in the log twice"))
                return False
            self._ids.add(event_id)
        self._note_change(event, number)
        self._note_time(event, number)
        return True

    def _note_change(self, event: Event | EventOutline, number: int) -> None:
        """The events of one change are written at once, so nothing stands between them (older tools are exempt)."""
        txid = event.txid
        if txid == self._txid:
            return
        if txid is not None and txid in self._txids and event.artifacts.get("added") is not None:
            message = f"stands apart from the other events of its change (txid {txid})"
            self.misplaced.append(Misplaced(number, event.event_id, message))
        if txid is not None:
            self._txids.add(txid)
        self._txid = txid

    def _note_time(self, event: Event | EventOutline, number: int) -> None:
        text = event.timestamp_utc
        moment = datetime.fromisoformat(text)
        if self._last is not None and moment < self._last[1]:
            message = f"is dated {text}, before the event above it, {self._last[0]}"
            self.back.append(Misplaced(number, event.event_id, message))
        self._last = text, moment
