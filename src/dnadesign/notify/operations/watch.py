"""Follows a log and gets what matters to a destination, losing nothing between the two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dnadesign.notify.contract.errors import UnknownEventVersion
from dnadesign.notify.contract.events import KNOWN_VERSION, RunEvent, SourceLine
from dnadesign.notify.contract.messages import Message
from dnadesign.notify.contract.ports import Clock, CursorStore, EventSource
from dnadesign.notify.contract.watch_state import WatchState
from dnadesign.notify.operations._wording import counted
from dnadesign.notify.operations.dispatch import Disposition
from dnadesign.notify.operations.fold import FoldPolicy, fill_outbox, hear

_LINES_AT_ONCE = 1000
# What a kill can make us send twice: at most so many messages, or those of so many seconds.
_SAVE_AFTER_MESSAGES = 64
_SAVE_AFTER_SECONDS = 0.5


@dataclass(slots=True)
class WatchCounts:
    """What a watcher has done so far."""

    events: int = 0
    delivered: int = 0
    spooled: int = 0
    dead: int = 0
    filtered: int = 0
    folded: int = 0
    invalid: int = 0

    def words(self) -> str:
        """The counts in one line, without what there was none of."""
        others = (
            (self.spooled, f"{self.spooled:,} spooled"),
            (self.dead, counted(self.dead, "dead letter")),
            (self.folded, f"{counted(self.folded, 'event')} folded"),
            (self.filtered, f"{self.filtered:,} filtered out"),
            (self.invalid, f"{counted(self.invalid, 'line')} invalid"),
        )
        parts = [
            f"{counted(self.delivered, 'message')} delivered",
            *(words for some, words in others if some),
        ]
        return f"{counted(self.events, 'event')}: {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How a log is watched.

    Attributes:
        follow: Go on when the end is reached.
        poll_seconds: Between two looks at a log that has nothing new.
        allow_unknown_version: Take events of a later version for what they seem to be.
    """

    follow: bool = False
    poll_seconds: float = 1.0
    allow_unknown_version: bool = False
    policy: FoldPolicy = field(default_factory=FoldPolicy)


class Watcher:
    """One log, one destination, one cursor.

    The cursor is saved after what it passes is delivered, spooled, folded into the saved state or filtered out.

    Args:
        submit: Gets a message to a safe place and says which.
        idle: Called at every look that brought nothing new.
    """

    def __init__(
        self,
        *,
        source: EventSource,
        store: CursorStore,
        state: WatchState,
        submit: Callable[[Message], Disposition],
        idle: Callable[[], object],
        options: WatchOptions,
        clock: Clock,
        report: Callable[[str], None],
    ) -> None:
        self._source = source
        self._store = store
        self._state = state
        self._submit = submit
        self._idle = idle
        self._options = options
        self._clock = clock
        self._report = report
        self._unsaved_line: SourceLine | None = None
        self._unsaved_messages = 0
        self._saved_at = clock.monotonic()
        self._half_taken = False
        self.counts = WatchCounts()

    def run(self) -> WatchCounts:
        """Watch until the end of the log, or with ``follow`` until a stop is asked for."""
        try:
            self._mark_beginning()
            self._send_outbox()
            while self._look():
                pass
            return self.counts
        finally:
            self._save()

    def _mark_beginning(self) -> None:
        """Save where we begin: a watch from the end on must not begin anew at the start when it is restarted."""
        if self._state.position is None:
            self._state.position = self._source.here()
            self._store.save(self._state)

    def _look(self) -> bool:
        """Take what is new; False when there is nothing more to do."""
        lines = self._source.poll(_LINES_AT_ONCE)
        for line in lines:
            if self._clock.stopping:
                return False
            self._take(line)
        return not self._clock.stopping if lines else not self._at_end()

    def _at_end(self) -> bool:
        """Do what can be done while nothing is new; True if that was all."""
        self._tell_what_is_due(last_look=not self._options.follow)
        self._save()
        self._idle()
        return not self._options.follow or self._clock.wait(self._options.poll_seconds)

    def _take(self, line: SourceLine) -> None:
        event = line.event
        if event is None or (self._options.policy.wants(event) and not event.is_whole()):
            self.counts.invalid += 1
            problem = line.problem or "it is not JSON to its end"
            self._report(f"{line.path}, byte {line.offset}: not an event: {problem}")
        elif event.version != KNOWN_VERSION and not self._options.allow_unknown_version:
            raise UnknownEventVersion(
                f"{line.path}, byte {line.offset}: event_version {event.version!r}; this program knows {KNOWN_VERSION}",
                mend="use a newer notify, or pass --allow-unknown-version to read it as far as possible",
            )
        else:
            self._hear(event)
        self._passed(line)

    def _hear(self, event: RunEvent) -> None:
        self.counts.events += 1
        # An error from here on leaves a state that counts the event and a place before it: not to be saved.
        self._half_taken = True
        heard = hear(event, self._state, self._options.policy, now=self._clock.now())
        if heard.message is not None:
            self._send(heard.message)
        elif heard.kept:
            self.counts.folded += 1
        else:
            self.counts.filtered += 1
        self._half_taken = False

    def _passed(self, line: SourceLine) -> None:
        self._unsaved_line = line
        if self._unsaved_messages >= _SAVE_AFTER_MESSAGES:
            self._save()
        elif self._clock.monotonic() - self._saved_at >= _SAVE_AFTER_SECONDS:
            # A busy log never comes to its end: what is due is looked for here as well.
            self._tell_what_is_due(last_look=False)
            self._save()

    def _tell_what_is_due(self, *, last_look: bool) -> None:
        if fill_outbox(self._state, self._options.policy, now=self._clock.now(), last_look=last_look):
            self._unsaved_messages += 1
            self._save()
            self._send_outbox()

    def _send_outbox(self) -> None:
        while self._state.outbox:
            self._send(self._state.outbox[0])
            del self._state.outbox[0]
            self._save()

    def _send(self, message: Message) -> None:
        disposition = self._submit(message)
        self._unsaved_messages += 1
        if disposition is Disposition.DELIVERED:
            self.counts.delivered += 1
        elif disposition is Disposition.SPOOLED:
            self.counts.spooled += 1
        else:
            self.counts.dead += 1

    def _save(self) -> None:
        self._saved_at = self._clock.monotonic()
        if self._half_taken or (self._unsaved_line is None and not self._unsaved_messages):
            return
        if self._unsaved_line is not None:
            self._state.position = self._source.place(self._unsaved_line)
        self._store.save(self._state)
        self._unsaved_line, self._unsaved_messages = None, 0
