"""Delivers one message: tries, waits, tries again, and says what came of it."""

from __future__ import annotations

import random

from dnadesign.notify.contract.messages import Message
from dnadesign.notify.contract.outcomes import Attempt, DeliveryPolicy, Outcome, wait_before
from dnadesign.notify.contract.ports import Clock, Transport


def deliver(
    message: Message,
    *,
    message_id: str,
    transport: Transport,
    policy: DeliveryPolicy,
    clock: Clock,
    chance: random.Random,
) -> Attempt:
    """Try until the message is delivered or there is no sense in trying on here; the last attempt is returned.

    The id is the same in every try; timestamp and signature are the transport's, fresh each time. A stop that is
    asked for ends the waiting.
    """
    tries = 0
    while True:
        attempt = transport.attempt(message, message_id=message_id, now=clock.now())
        tries += 1
        if attempt.outcome is not Outcome.AGAIN:
            return attempt
        wait = wait_before(attempt, tries_made=tries, policy=policy, chance=chance)
        if wait is None or clock.wait(wait):
            return attempt
