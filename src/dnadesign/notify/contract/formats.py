"""How each provider wants a message: the body of the request, and its content type."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from dnadesign.notify.contract.destinations import Provider
from dnadesign.notify.contract.events import Kind
from dnadesign.notify.contract.messages import Message

_MARKS = {
    Kind.START: "\N{BLACK RIGHT-POINTING TRIANGLE}",
    Kind.PROGRESS: "\N{HORIZONTAL ELLIPSIS}",
    Kind.END: "\N{CHECK MARK}",
    Kind.FAILURE: "\N{BALLOT X}",
    Kind.ALERT: "\N{WARNING SIGN}",
}
_TEAMS_COLOURS = {Kind.END: "Good", Kind.FAILURE: "Attention", Kind.ALERT: "Warning"}


def cut(text: str, most: int) -> str:
    """The text, shortened to at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def marked_title(message: Message) -> str:
    """The title with a sign that tells good news from bad at a glance."""
    mark = _MARKS.get(message.kind)
    return f"{mark} {message.title}" if mark else message.title


def plain_body(message: Message) -> str:
    """The message below its title as plain text, for mail and the like."""
    width = max((len(label) for label, _ in message.facts), default=0)
    parts = [message.text] if message.text else []
    if message.facts:
        parts.append("\n".join(f"{label + ':':<{width + 1}} {value}" for label, value in message.facts))
    if message.command:
        parts.append(f"Look closer:\n  {message.command}")
    return "\n\n".join(parts)


def cloud_event(message: Message) -> dict[str, object]:
    """The message as a CloudEvents 1.0 event in structured JSON."""
    event: dict[str, object] = {
        "specversion": "1.0",
        "id": message.key,
        "source": message.source,
        "type": message.type,
        "time": message.time,
        "datacontenttype": "application/json",
    }
    if message.subject:
        event["subject"] = message.subject
    event["data"] = {
        "kind": message.kind.value,
        "title": message.title,
        "text": message.text,
        "facts": dict(message.facts),
        "command": message.command,
        **message.data,
    }
    return event


def slack_payload(message: Message) -> dict[str, object]:
    """The message in Slack's Block Kit; limits by Slack's reference: header 150, field 2,000, ten fields, text 3,000."""
    blocks: list[dict[str, object]] = [
        {
            "type": "header",
            "text": {"type": "plain_text", "text": cut(marked_title(message), 150), "emoji": False},
        }
    ]
    if message.text:
        blocks.append({"type": "section", "text": _mrkdwn(message.text, 3000)})
    for start in range(0, len(message.facts), 10):
        some = message.facts[start : start + 10]
        fields = [
            {"type": "mrkdwn", "text": f"*{_slack_text(label, 200)}*\n{_slack_text(value, 1700)}"}
            for label, value in some
        ]
        blocks.append({"type": "section", "fields": fields})
    if message.command:
        blocks.append({"type": "context", "elements": [_mrkdwn(f"Look closer: `{message.command}`", 3000)]})
    return {"text": _slack_text(marked_title(message), 3000), "blocks": blocks[:50]}


def _mrkdwn(text: str, most: int) -> dict[str, object]:
    return {"type": "mrkdwn", "text": _slack_text(text, most)}


def _slack_text(text: str, most: int) -> str:
    # Escaped after cutting at a fifth, so that "&amp;" never is cut in two; a text with "<!channel>" must not call people.
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if len(escaped) <= most:
        return escaped
    return cut(text, most // 5).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def discord_payload(message: Message) -> dict[str, object]:
    """The message in Discord's markdown, at most 2,000 characters; it mentions nobody."""
    lines = [f"**{_discord_text(marked_title(message))}**"]
    if message.text:
        lines.append(_discord_text(message.text))
    lines.extend(f"- {_discord_text(label)}: {_discord_text(value)}" for label, value in message.facts)
    if message.command:
        code = message.command.replace("`", "'")
        lines.append(f"Look closer: `{code}`")
    return {"content": cut("\n".join(lines), 2000), "allowed_mentions": {"parse": []}}


def _discord_text(text: str) -> str:
    for character in "\\*_~`|>#":
        text = text.replace(character, f"\\{character}")
    return text


def teams_payload(message: Message) -> dict[str, object]:
    """The message as an Adaptive Card, in the envelope that a Teams workflow takes."""
    colour = _TEAMS_COLOURS.get(message.kind, "Default")
    body: list[dict[str, object]] = [
        {
            "type": "TextBlock",
            "text": _card_text(marked_title(message), 500),
            "weight": "Bolder",
            "size": "Medium",
            "wrap": True,
            "color": colour,
        }
    ]
    if message.text:
        body.append({"type": "TextBlock", "text": _card_text(message.text, 5000), "wrap": True})
    if message.facts:
        facts = [
            {"title": cut(label, 100), "value": _card_text(value, 1000)} for label, value in message.facts
        ]
        body.append({"type": "FactSet", "facts": facts})
    if message.command:
        text = f"Look closer: {cut(message.command, 1000)}"
        body.append({"type": "TextBlock", "text": text, "fontType": "Monospace", "wrap": True})
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _card_text(text: str, most: int) -> str:
    # Cards read a little markdown: no links or emphasis from what a run wrote.
    for character in "\\*_[]":
        text = text.replace(character, f"\\{character}")
    return cut(text, most)


_JSON = "application/json"
_HTTP_FORMATS: Mapping[Provider, tuple[Callable[[Message], dict[str, object]], str]] = {
    Provider.GENERIC: (cloud_event, "application/cloudevents+json; charset=utf-8"),
    Provider.SLACK: (slack_payload, _JSON),
    Provider.DISCORD: (discord_payload, _JSON),
    Provider.TEAMS: (teams_payload, _JSON),
}


def http_body(message: Message, provider: Provider) -> tuple[bytes, str]:
    """The request body for a provider that takes JSON by HTTP, and its content type."""
    build, content_type = _HTTP_FORMATS[provider]
    text = json.dumps(build(message), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # A lone surrogate is legal in JSON's escapes and has no UTF-8.
    return text.encode("utf-8", "replace"), content_type
