"""Posts messages to webhooks over one kept connection; no address ever leaves this module in a text."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from datetime import datetime

import httpx2

from dnadesign.notify.adapters.answer_deadline import AnswerDeadline
from dnadesign.notify.contract.destinations import Credentials, Destination, Provider
from dnadesign.notify.contract.errors import SecretRefused
from dnadesign.notify.contract.formats import http_body
from dnadesign.notify.contract.messages import Message
from dnadesign.notify.contract.outcomes import Attempt, Outcome, attempt_of_status
from dnadesign.notify.contract.signing import signature_headers

_USER_AGENT = "dnadesign-notify"
_MOST_ANSWER_BYTES = 64 * 1024


class WebhookTransport:
    """One destination that takes JSON by POST.

    Args:
        timeout: Seconds for connecting, and for the request with its answer as a whole.

    Raises:
        SecretRefused: The file of certificate authorities is not one.
    """

    def __init__(self, destination: Destination, credentials: Credentials, *, timeout: float) -> None:
        # These log every request with its address, for whoever turns logging on.
        for name in ("httpx2", "httpcore2"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._provider = destination.provider
        self._credentials = credentials
        self._timeout = timeout
        self._deadline = AnswerDeadline(timeout)
        self._client = httpx2.Client(
            timeout=timeout,
            follow_redirects=False,
            verify=_trust(destination.ca_file),
            headers={"user-agent": _USER_AGENT},
            limits=httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30.0),
        )

    def attempt(self, message: Message, *, message_id: str, now: datetime) -> Attempt:
        """Post once. Never raises for what a destination or a network does."""
        body, content_type = http_body(message, self._provider)
        headers = {"content-type": content_type}
        if self._provider is Provider.GENERIC:
            headers |= signature_headers(message_id, body, self._credentials.signing, now=now)
        try:
            with self._deadline.running():
                return self._post(body, headers, now=now)
        except httpx2.TimeoutException:
            return self._timed_out()
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError):
            return Attempt(Outcome.REFUSED, "the webhook address is not one that can be posted to")
        except httpx2.TransportError as error:
            # Only the kind of error is told: its text may hold the address.
            return self._timed_out() if self._deadline.passed else _attempt_of_transport_error(error)
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            return Attempt(Outcome.AGAIN, f"the answer could not be read ({type(error).__name__})")

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
        self._deadline.close()

    def _timed_out(self) -> Attempt:
        return Attempt(Outcome.AGAIN, f"no answer within {self._timeout:g} s")

    def _post(self, body: bytes, headers: Mapping[str, str], *, now: datetime) -> Attempt:
        with self._client.stream(
            "POST",
            self._credentials.address.reveal(),
            content=body,
            headers=headers,
            extensions={"trace": self._deadline.trace},
        ) as response:
            attempt = attempt_of_status(response.status_code, response.headers, now=now)
            _read_to_end(response)
        return attempt


def _read_to_end(response: httpx2.Response) -> None:
    """Read the rest of the answer, so that the connection can be used again; but not for ever.

    Its status has been said already, so that a failure here changes nothing.
    """
    received = 0
    try:
        for chunk in response.iter_raw():
            received += len(chunk)
            if received > _MOST_ANSWER_BYTES:
                return
    except httpx2.TransportError:
        response.close()


def _attempt_of_transport_error(error: httpx2.TransportError) -> Attempt:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Attempt(Outcome.REFUSED, f"the certificate was not accepted: {cause.verify_message}")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx2.ConnectError):
        return Attempt(Outcome.AGAIN, "no connection")
    if isinstance(error, httpx2.RemoteProtocolError):
        return Attempt(Outcome.AGAIN, "the connection was closed, or the answer was not HTTP")
    return Attempt(Outcome.AGAIN, f"the connection failed ({type(error).__name__})")


def _trust(ca_file: str | None) -> ssl.SSLContext | bool:
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SecretRefused(
            f"{ca_file} is not a PEM file of certificate authorities that can be read ({type(error).__name__})",
            mend="ask who runs the receiver for the certificate of its authority, in PEM form",
        ) from None
