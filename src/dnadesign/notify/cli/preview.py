"""Shows what would be sent."""

from __future__ import annotations

import json

from dnadesign.notify.contract.destinations import Destination, Provider
from dnadesign.notify.contract.formats import http_body, plain_body
from dnadesign.notify.contract.messages import Message
from dnadesign.notify.contract.signing import message_id


def preview(message: Message, destination: Destination) -> str:
    """One line of JSON: to whom, under which id, and the body as the provider would get it."""
    body: object
    if destination.provider is Provider.APPRISE:
        body = {"title": message.title, "body": plain_body(message)}
    else:
        body = json.loads(http_body(message, destination.provider)[0])
    return json.dumps(
        {
            "destination": destination.name,
            "provider": destination.provider.value,
            "webhook-id": message_id(message.key, destination.name),
            "signed": bool(destination.signing),
            "body": body,
        },
        ensure_ascii=False,
    )
