"""Chooses the way to a destination."""

from __future__ import annotations

from dnadesign.notify.adapters.apprise_client import AppriseTransport
from dnadesign.notify.adapters.webhook_http import WebhookTransport
from dnadesign.notify.contract.destinations import Credentials, Destination, Provider
from dnadesign.notify.contract.ports import Transport


def open_transport(destination: Destination, credentials: Credentials, *, timeout: float) -> Transport:
    """The transport for a destination, its connection not yet made.

    Raises:
        ExtraMissing: Apprise is needed and not installed.
        SecretRefused: The address or the file of certificate authorities is not what it should be.
    """
    if destination.provider is Provider.APPRISE:
        return AppriseTransport(credentials)
    return WebhookTransport(destination, credentials, timeout=timeout)
