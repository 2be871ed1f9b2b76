"""What came of one try to deliver, and when to try again."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum


class Outcome(StrEnum):
    """What came of one try."""

    DELIVERED = "delivered"
    AGAIN = "again"  # may well work later: no connection, timeout, 408, 425, 429, 5xx
    REJECTED = "rejected"  # this message is not wanted: the other 4xx
    REFUSED = "refused"  # the destination as it stands takes nothing: 3xx, 401, 403, 404, a wrong certificate
    GONE = "gone"  # 410: never again


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: what came of it, and why, in words without the address.

    ``retry_after`` is in seconds from now.
    """

    outcome: Outcome
    reason: str
    status: int | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How often and how patiently one message is tried; times in seconds.

    Attributes:
        tries: Tries in a row before the message is spooled.
        backoff: Upper bound of the wait after the first try; it doubles with each further one.
        longest_wait: No single wait is longer; a longer Retry-After goes to the spool.
        timeout: Of one try.
        spool_tries: Rounds of tries from the spool before a message becomes a dead letter.
    """

    tries: int = 5
    backoff: float = 0.5
    longest_wait: float = 30.0
    timeout: float = 15.0
    spool_tries: int = 12


_AGAIN = frozenset({408, 425, 429})
_DESTINATION = frozenset({401, 402, 403, 404, 405, 407, 421, 426, 451})


def attempt_of_status(status: int, headers: Mapping[str, str], *, now: datetime) -> Attempt:
    """What an HTTP answer means for the message."""
    retry_after = parse_retry_after(headers.get("retry-after"), now=now)
    if 200 <= status < 300:
        return Attempt(Outcome.DELIVERED, f"HTTP {status}", status)
    if status == 410:
        return Attempt(Outcome.GONE, "HTTP 410: the destination is gone", status)
    if status in _AGAIN or status >= 500:
        return Attempt(Outcome.AGAIN, f"HTTP {status}", status, retry_after)
    if 300 <= status < 400:
        return Attempt(Outcome.REFUSED, f"HTTP {status}: redirects are not followed", status)
    if status in _DESTINATION:
        return Attempt(Outcome.REFUSED, f"HTTP {status}: the destination does not accept this sender", status)
    return Attempt(Outcome.REJECTED, f"HTTP {status}: the destination does not accept this message", status)


def parse_retry_after(text: str | None, *, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (seconds or an HTTP date); None where it says nothing usable."""
    if text is None:
        return None
    text = text.strip()
    try:
        # Discord gives fractions of a second.
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, IndexError):
            return None
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (aware - now).total_seconds()
    # NaN and infinities parse as floats and mean nothing here.
    return max(0.0, seconds) if -1e9 < seconds < 1e9 else None


def wait_before(
    attempt: Attempt, *, tries_made: int, policy: DeliveryPolicy, chance: random.Random
) -> float | None:
    """Seconds to wait before the next try; None if it is not worth waiting here.

    Exponential backoff with full jitter (Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015), and never less than
    what the receiver asked for.
    """
    if tries_made >= policy.tries:
        return None
    ceiling = min(policy.longest_wait, policy.backoff * 2.0 ** (tries_made - 1))
    wait = chance.uniform(0.0, ceiling)
    if attempt.retry_after is not None:
        wait += attempt.retry_after
    return wait if wait <= policy.longest_wait else None
