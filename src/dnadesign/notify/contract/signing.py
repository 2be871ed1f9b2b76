"""Standard Webhooks: the id, timestamp and signature of a webhook request."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

from dnadesign.notify.contract.errors import SecretRefused
from dnadesign.notify.contract.secrets import Secret

_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)
MOST_SECRETS = 2


def message_id(key: str, destination: str) -> str:
    """The webhook-id of a message: the same for every try, on every day, of one message to one destination."""
    digest = hashlib.sha256(f"{destination}\n{key}".encode()).hexdigest()
    return f"msg_{digest[:32]}"


def check_signing_secret(secret: Secret) -> None:
    """Accept a Standard Webhooks secret: base64 of 24 to 64 bytes, with or without ``whsec_``.

    Raises:
        SecretRefused: It is not one; a slip in it would otherwise give signatures that nobody can verify.
    """
    text = secret.reveal().removeprefix(_PREFIX)
    try:
        size = len(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if size not in _KEY_BYTES:
        raise SecretRefused(
            "the signing secret is not base64 of 24 to 64 bytes",
            mend="make one: python -c \"import base64, os; print('whsec_' + base64.b64encode(os.urandom(32)).decode())\"",
        )


def signature_headers(
    identifier: str, body: bytes, secrets: Sequence[Secret], *, now: datetime
) -> dict[str, str]:
    """The three headers of the Standard Webhooks specification for one try at one request.

    Args:
        identifier: The webhook-id.
        body: The request body, UTF-8.
        secrets: None, one, or the new and the old one while they are being changed; each signs.
        now: The time of this try, aware; receivers refuse timestamps more than five minutes off.
    """
    now = now.astimezone(UTC)
    headers = {"webhook-id": identifier, "webhook-timestamp": str(int(now.timestamp()))}
    if secrets:
        text = body.decode("utf-8")
        signatures = [
            Webhook(secret.reveal()).sign(msg_id=identifier, timestamp=now, data=text) for secret in secrets
        ]
        headers["webhook-signature"] = " ".join(signatures)
    return headers
