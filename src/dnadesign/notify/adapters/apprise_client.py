"""Hands messages to Apprise, which knows mail, ntfy, Telegram and some 170 other services."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from types import ModuleType
from typing import Any

from dnadesign.notify.contract.destinations import Credentials
from dnadesign.notify.contract.errors import ExtraMissing, SecretRefused
from dnadesign.notify.contract.events import Kind
from dnadesign.notify.contract.formats import plain_body
from dnadesign.notify.contract.messages import Message
from dnadesign.notify.contract.outcomes import Attempt, Outcome, attempt_of_status

_TYPES = {Kind.END: "success", Kind.FAILURE: "failure", Kind.ALERT: "warning"}


def load_apprise() -> ModuleType:
    """The Apprise package.

    Raises:
        ExtraMissing: It is not installed.
    """
    try:
        # Optional, and slow to import: only who sends by it needs it.
        import apprise
    except ImportError:
        raise ExtraMissing(
            "provider apprise needs the package apprise, which is not installed",
            mend="install the extra: pip install 'dnadesign[notify]'",
        ) from None
    module: ModuleType = apprise
    return module


class AppriseTransport:
    """One destination that Apprise knows how to reach.

    Raises:
        ExtraMissing: Apprise is not installed.
        SecretRefused: Apprise does not know this kind of address.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._apprise: Any = load_apprise()
        # These tell addresses to whoever turns logging on; urllib3 does so in warnings.
        for name in ("urllib3", "requests"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self._client = self._apprise.Apprise()
        with _captured_log():
            known = self._client.add(credentials.address.reveal())
        if not known:
            raise SecretRefused(
                "Apprise does not know this kind of address, or it is incomplete",
                mend="compare it with Apprise's description of the service",
            )

    def attempt(self, message: Message, *, message_id: str, now: datetime) -> Attempt:
        """Try once. Never raises for what a destination or a network does."""
        del message_id  # Apprise has no place for it.
        with _captured_log() as records:
            try:
                delivered = self._client.notify(
                    title=message.title,
                    body=plain_body(message) or message.title,
                    body_format=self._apprise.NotifyFormat.TEXT,
                    notify_type=self._apprise.NotifyType(_TYPES.get(message.kind, "info")),
                )
            except Exception as error:  # noqa: BLE001 - code for 170 services, which may raise anything, with addresses in it
                return Attempt(Outcome.AGAIN, f"Apprise failed ({type(error).__name__})")
        if delivered:
            return Attempt(Outcome.DELIVERED, "Apprise delivered it")
        # Apprise says the HTTP status nowhere but in its log, whose text is not to be shown.
        for record in records:
            if found := re.search(r"error=(\d{3})\b", record):
                return attempt_of_status(int(found.group(1)), {}, now=now)
        return Attempt(Outcome.AGAIN, "Apprise could not deliver it")

    def close(self) -> None:
        """Nothing is kept open."""


class _Collector(logging.Handler):
    def __init__(self, records: list[str]) -> None:
        super().__init__(logging.INFO)
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record.getMessage())


@contextmanager
def _captured_log() -> Iterator[list[str]]:
    """Keep what Apprise logs to ourselves."""
    logger = logging.getLogger("apprise")
    records: list[str] = []
    collector, propagate, level = _Collector(records), logger.propagate, logger.level
    logger.addHandler(collector)
    logger.propagate = False
    logger.setLevel(logging.INFO)
    try:
        yield records
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagate
        logger.setLevel(level)
