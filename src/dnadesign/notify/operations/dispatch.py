"""Gets messages to one destination in order: straight, or through the spool when it cannot be reached."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from dnadesign.notify.contract.messages import Message, redacted
from dnadesign.notify.contract.outcomes import Attempt, DeliveryPolicy, Outcome
from dnadesign.notify.contract.ports import Clock, Spool, SpooledMessage, Transport
from dnadesign.notify.contract.secrets import Redactor
from dnadesign.notify.contract.signing import message_id
from dnadesign.notify.operations._wording import counted
from dnadesign.notify.operations.deliver import deliver

# Between two rounds over a spool that could not be emptied; the first is in units of the policy's backoff.
_FIRST_DRAIN_AFTER = 10.0
_LONGEST_DRAIN_WAIT = 300.0
_LONGEST_PAUSE = 86400.0


class Disposition(StrEnum):
    """Where a message is now. Each of them is a safe place."""

    DELIVERED = "delivered"
    SPOOLED = "spooled"
    DEAD = "dead letter"


@dataclass(frozen=True, slots=True)
class Drained:
    """What one round over the spool did; ``busy`` if another process is at it."""

    delivered: int = 0
    dead: int = 0
    waiting: int = 0
    last_reason: str = ""
    busy: bool = False


class Dispatcher:
    """Sends the messages of one destination, one after the other.

    While anything waits in the spool, new messages go behind it, so that none overtakes another.

    Args:
        report: Told, in one line, of everything that does not go as it should.
    """

    def __init__(
        self,
        *,
        destination: str,
        transport: Transport,
        spool: Spool,
        policy: DeliveryPolicy,
        clock: Clock,
        redactor: Redactor,
        report: Callable[[str], None],
        chance: random.Random | None = None,
    ) -> None:
        self._destination = destination
        self._transport = transport
        self._spool = spool
        self._policy = policy
        self._clock = clock
        self._redactor = redactor
        self._report = report
        self._chance = chance or random.SystemRandom()
        self._first_drain_after = _FIRST_DRAIN_AFTER * policy.backoff
        self._drain_wait = self._first_drain_after
        self._drain_at = 0.0
        if paused := spool.paused_until():
            # An earlier process was asked to wait; a date far off is a slip of somebody's clock.
            seconds = min((paused - clock.now()).total_seconds(), _LONGEST_PAUSE)
            self._drain_at = clock.monotonic() + seconds
        self._disabled = spool.disabled() is not None

    def submit(self, message: Message) -> Disposition:
        """Deliver the message or put it away safely; returns only when it is in one of the two places."""
        message = redacted(message, self._redactor)
        identifier = message_id(message.key, self._destination)
        if self._must_wait():
            reason = "the destination is disabled" if self._disabled else "earlier messages are waiting"
            return self._put_away(message, identifier, Attempt(Outcome.AGAIN, reason))
        attempt = self._deliver(message, identifier)
        if attempt.outcome is Outcome.DELIVERED:
            return Disposition.DELIVERED
        self._report(f"not delivered: {message.title!r}: {attempt.reason}")
        self._back_off(attempt)
        return self._put_away(message, identifier, attempt)

    def _must_wait(self) -> bool:
        """Whether a new message would overtake others, or is not wanted at all."""
        if not self._disabled and self._spool.is_empty():
            return False
        self.drain_when_due()
        return self._disabled or not self._spool.is_empty()

    def drain_when_due(self) -> Drained | None:
        """One round over the spool, unless the last one failed too short a time ago."""
        if self._disabled or self._clock.monotonic() < self._drain_at or self._spool.is_empty():
            return None
        drained = self.drain()
        if drained.delivered:
            self._report(f"delivered {drained.delivered} from the spool; {drained.waiting} waiting")
        return drained

    def drain(self) -> Drained:
        """Send what waits, oldest first, until one fails; a message whose last try fails is buried and passed."""
        with self._spool.hold() as held:
            if not held:
                return Drained(
                    waiting=len(self._spool.waiting()), last_reason="another process is draining", busy=True
                )
            return self._drain_held()

    def _drain_held(self) -> Drained:
        delivered = dead = 0
        entries = self._spool.waiting()
        for position, entry in enumerate(entries):
            if self._disabled or self._clock.stopping:
                return Drained(delivered, dead, len(entries) - position, "stopped")
            spooled = self._spool.read(entry)
            if spooled is None:
                continue
            attempt = self._deliver(spooled.message, spooled.message_id)
            if attempt.outcome is Outcome.DELIVERED:
                self._spool.remove(entry)
                delivered += 1
                self._drain_wait, self._drain_at = self._first_drain_after, 0.0
            elif self._failed_again(spooled, attempt):
                dead += 1
            else:
                return Drained(delivered, dead, len(entries) - position, attempt.reason)
        return Drained(delivered, dead)

    def _deliver(self, message: Message, identifier: str) -> Attempt:
        return deliver(
            message,
            message_id=identifier,
            transport=self._transport,
            policy=self._policy,
            clock=self._clock,
            chance=self._chance,
        )

    def _failed_again(self, spooled: SpooledMessage, attempt: Attempt) -> bool:
        """Write the failure down; True if the message became a dead letter and the next one may go."""
        spooled = replace(spooled, tries=spooled.tries + 1, reason=attempt.reason)
        if attempt.outcome is Outcome.REJECTED or spooled.tries >= self._policy.spool_tries:
            self._spool.bury(spooled)
            self._report(
                f"dead letter after {counted(spooled.tries, 'try', 'tries')}: {spooled.message.title!r}: {attempt.reason}"
            )
            return True
        self._spool.note_try(spooled)
        self._back_off(attempt)
        return False

    def _put_away(self, message: Message, identifier: str, attempt: Attempt) -> Disposition:
        spooled = self._spool.append(
            message, message_id=identifier, reason=attempt.reason, now=self._clock.now()
        )
        if attempt.outcome is Outcome.REJECTED:
            self._spool.bury(replace(spooled, tries=1))
            return Disposition.DEAD
        return Disposition.SPOOLED

    def _back_off(self, attempt: Attempt) -> None:
        if attempt.outcome is Outcome.GONE:
            self._spool.disable(reason=attempt.reason, now=self._clock.now())
            self._disabled = True
            self._report("the destination said 410 Gone and is disabled; enable it with: notify spool retry")
        if attempt.retry_after:
            seconds = min(attempt.retry_after, _LONGEST_PAUSE)
            self._spool.pause(until=self._clock.now() + timedelta(seconds=seconds))
        wait = max(self._drain_wait, min(attempt.retry_after or 0.0, _LONGEST_PAUSE))
        self._drain_at = self._clock.monotonic() + wait
        self._drain_wait = min(_LONGEST_DRAIN_WAIT, 2 * self._drain_wait)
