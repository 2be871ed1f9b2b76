"""A message: what is said, before any provider gives it a form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from dnadesign.notify.contract.errors import StateFileError
from dnadesign.notify.contract.events import Kind
from dnadesign.notify.contract.secrets import Redactor, texts_in


@dataclass(frozen=True, slots=True)
class Message:
    """One piece of news, the same for every provider.

    Attributes:
        key: What the message is about, unique and stable: an event id, or a name built from event ids.
        kind: What kind of news it is.
        title: One line that says what.
        text: What else there is to say, in a few lines; may be empty.
        facts: Label and value pairs, in reading order.
        command: What to type to look closer.
        time: ISO 8601, when it happened.
        type: CloudEvents type.
        source: CloudEvents source, a URI reference.
        subject: CloudEvents subject: the dataset, where there is one.
        data: The same for machines; JSON values only.
    """

    key: str
    kind: Kind
    title: str
    time: str
    type: str
    source: str
    text: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    command: str | None = None
    subject: str | None = None
    data: Mapping[str, object] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """The message as JSON values."""
        return {
            "key": self.key,
            "kind": self.kind.value,
            "title": self.title,
            "time": self.time,
            "type": self.type,
            "source": self.source,
            "text": self.text,
            "facts": [list(fact) for fact in self.facts],
            "command": self.command,
            "subject": self.subject,
            "data": dict(self.data),
        }


def message_from_dict(raw: Mapping[str, object], *, path: str) -> Message:
    """The message that ``to_dict`` wrote.

    Raises:
        StateFileError: The file was changed by hand into something else.
    """
    try:
        facts, data, command, subject = raw["facts"], raw["data"], raw["command"], raw["subject"]
        if not isinstance(facts, list) or not isinstance(data, Mapping):
            raise TypeError("facts or data")
        return Message(
            key=str(raw["key"]),
            kind=Kind(str(raw["kind"])),
            title=str(raw["title"]),
            time=str(raw["time"]),
            type=str(raw["type"]),
            source=str(raw["source"]),
            text=str(raw["text"]),
            facts=tuple((str(label), str(value)) for label, value in facts),
            command=str(command) if command is not None else None,
            subject=str(subject) if subject is not None else None,
            data=data,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StateFileError(f"{path} does not hold a message: {type(error).__name__}") from None


def redacted(message: Message, redactor: Redactor) -> Message:
    """The message with every secret in it replaced, in what people read and in what machines read."""
    spoken = (message.title, message.text, message.source, message.subject or "", message.command or "")
    if redactor.is_clean(texts_in((spoken, message.facts, message.data))):
        return message
    data = redactor.value(message.data)
    return replace(
        message,
        title=redactor.text(message.title),
        text=redactor.text(message.text),
        facts=tuple((redactor.text(label), redactor.text(value)) for label, value in message.facts),
        command=redactor.text(message.command) if message.command else message.command,
        source=redactor.text(message.source),
        subject=redactor.text(message.subject) if message.subject else message.subject,
        data=data if isinstance(data, dict) else {},
    )
