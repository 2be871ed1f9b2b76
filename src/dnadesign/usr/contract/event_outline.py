r"""What an event's line says, known without parsing it: for lines in the very form that usr writes.

One regular expression describes that form whole: compact, in the order of fields, in ASCII, texts without a backslash,
integers of at most 19 digits, and objects nested no deeper than usr's own. A line that it matches is JSON, and an event by
every rule of :func:`~dnadesign.usr.contract.events.event_from_json_line`: nothing is taken on trust. Any other line
(of an older tool, with an escape in it, damaged) says nothing here and must be parsed, which takes several times as long.
"""

from __future__ import annotations

import json
import re
from functools import cache

from dnadesign.usr.contract.json_values import Json

# Looked for beforehand, as is what is not ASCII: an expression that did it would take three times as long.
_NOT_PLAIN = bytes([*range(0x20), ord("\\")])
_PLAIN = rb'[^"]'
_TEXT = rb'"%b*+"' % _PLAIN
_TEXT_OR_NULL = rb"(?:%b|null)" % _TEXT
_KEPT_OR_NULL = rb'(?:"(%b*+)"|null)' % _PLAIN
_INTEGER = rb"-?(?:0|[1-9][0-9]{0,18}+)"
_INTEGER_OR_NULL = rb"(?:%b|null)" % _INTEGER
_NUMBER = rb"%b(?:\.[0-9]{1,30}+)?(?:[eE][-+]?[0-9]{1,3}+)?" % _INTEGER
_DAY = rb"(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
_TIME = rb'"([12][0-9]{3}-%bT(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{6})?(?:Z|\+00:00))"' % _DAY


def _object(depth: int) -> bytes:
    """The pattern of an object with up to ``depth`` levels of lists and objects in it."""
    value = rb"(?:%b|%b|null|true|false)" % (_TEXT, _NUMBER)
    for _ in range(depth):
        items = rb"\[(?:%b(?:,(?!\])|(?=\])))*+\]" % value
        value = rb"(?:%b|%b|null|true|false|%b|%b)" % (_TEXT, _NUMBER, items, _members(value))
    return _members(value)


def _members(value: bytes) -> bytes:
    return rb"\{(?:%b:%b(?:,(?!\})|(?=\})))*+\}" % (_TEXT, value)


@cache  # compiling takes as long as parsing a thousand lines: not at import
def _form() -> re.Pattern[bytes]:
    return re.compile(
        b"".join(
            (
                rb'\{"event_version":1,"event_id":%b,"txid":%b,' % (_KEPT_OR_NULL, _KEPT_OR_NULL),
                rb'"batch_id":%b,"batch_sha256":%b,' % (_KEPT_OR_NULL, _TEXT_OR_NULL),
                rb'"timestamp_utc":%b,"action":"(%b++)",' % (_TIME, _PLAIN),
                rb'"dataset":\{"name":%b,"root":%b\},' % (_TEXT_OR_NULL, _TEXT_OR_NULL),
                rb'"actor":\{"tool":%b,"run_id":%b,' % (_TEXT_OR_NULL, _TEXT_OR_NULL),
                rb'"host":%b,"pid":%b\},' % (_TEXT_OR_NULL, _INTEGER_OR_NULL),
                rb'"args":%b,"metrics":(%b),"artifacts":(%b),' % (_object(2), _object(2), _object(4)),
                rb'"maintenance":%b,' % _object(0),
                rb'"fingerprint":\{"rows":%b,"cols":%b,' % (_INTEGER_OR_NULL, _INTEGER_OR_NULL),
                rb'"size_bytes":%b\},' % _INTEGER_OR_NULL,
                rb'"registry_hash":%b,"version":%b\}\n?' % (_TEXT_OR_NULL, _TEXT_OR_NULL),
            )
        )
    )


class EventOutline:
    """The fields of a line by which events are told apart, without the rest.

    Args:
        match: Where the line has them.
    """

    __slots__ = ("_match",)

    def __init__(self, match: re.Match[bytes]) -> None:
        self._match = match

    @property
    def event_id(self) -> str | None:
        """As in the event."""
        return self._text(1)

    @property
    def txid(self) -> str | None:
        """As in the event."""
        return self._text(2)

    @property
    def batch_id(self) -> str | None:
        """As in the event."""
        return self._text(3)

    @property
    def timestamp_utc(self) -> str:
        """As in the event."""
        return self._match[4].decode("ascii")

    @property
    def action(self) -> str:
        """As in the event."""
        return self._match[5].decode("ascii")

    @property
    def metrics(self) -> dict[str, Json]:
        """As in the event; parsed at each call."""
        return self._object(6)

    @property
    def artifacts(self) -> dict[str, Json]:
        """As in the event; parsed at each call."""
        return self._object(7)

    def _object(self, group: int) -> dict[str, Json]:
        found: dict[str, Json] = json.loads(self._match[group])
        return found

    def _text(self, group: int) -> str | None:
        found = self._match[group]
        return None if found is None else found.decode("ascii")


def outline_of(line: bytes) -> EventOutline | None:
    """The outline of a line in usr's own form, with or without the newline; None where the line must be parsed."""
    match = match_of(line)
    return EventOutline(match) if match is not None else None


def match_of(line: bytes) -> re.Match[bytes] | None:
    """What an :class:`EventOutline` of the line is made of, for those who only ask whether there is one."""
    if not line.isascii() or len(line) - len(line.translate(None, _NOT_PLAIN)) != line.endswith(b"\n"):
        return None
    return _form().fullmatch(line)
