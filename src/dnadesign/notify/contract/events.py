"""An event as notify sees it, and what kind of news it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

KNOWN_VERSION = 1


class Kind(StrEnum):
    """What kind of news a message brings."""

    START = "start"
    PROGRESS = "progress"
    END = "end"
    FAILURE = "failure"
    NOTABLE = "notable"
    ALERT = "alert"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One event of a dataset's log.

    Attributes:
        version: Of the event's form.
        line: The whole event as it stands in the log, a JSON object.
    """

    event_id: str
    action: str
    time: datetime
    dataset: str
    tool: str | None
    run_id: str | None
    metrics: Mapping[str, object]
    args: Mapping[str, object]
    version: object
    line: bytes

    @property
    def run_key(self) -> tuple[str, str, str]:
        """What the events of one run share: dataset, tool, run id."""
        return (self.dataset, self.tool or "", self.run_id or "")

    def raw(self) -> Mapping[str, object]:
        """The whole event, parsed anew: few need it."""
        return _mapping(json.loads(self.line))


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One committed line of an event log.

    Attributes:
        event: The event, or None where the line is not one.
        problem: Why it is not one.
        path: The file that the line stands in, as text.
        offset: Where in that file the line begins.
        after: The place behind the line, in the form that its source gave it.
    """

    event: RunEvent | None
    problem: str | None
    path: str
    offset: int
    after: object


# A tool names its own events; the last word says what kind they are.
_LAST_WORDS = {
    Kind.START: ("started", "start", "begun", "resumed", "launched", "submitted"),
    Kind.END: ("completed", "complete", "finished", "done", "succeeded", "success", "ended"),
    Kind.FAILURE: (
        "failed",
        "failure",
        "error",
        "aborted",
        "crashed",
        "interrupted",
        "cancelled",
        "killed",
        "timeout",
    ),
    Kind.PROGRESS: ("progress", "flushed", "heartbeat", "health", "running", "batch"),
}
_KIND_OF_WORD = {word: kind for kind, words in _LAST_WORDS.items() for word in words}
_PROGRESS_ACTIONS = frozenset({"import_rows", "write_overlay_part", "attach", "state_set"})


def kind_of_action(action: str) -> Kind:
    """What kind of news an event of this action is."""
    if action in _PROGRESS_ACTIONS:
        return Kind.PROGRESS
    last = re.split(r"[_.:\-]", action)[-1].lower()
    return _KIND_OF_WORD.get(last, Kind.NOTABLE)


def parse_time(text: object) -> datetime | None:
    """An ISO 8601 time as an aware one in UTC; None where it is not a time."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def event_from_line(line: bytes, *, dataset: str, event_id: str) -> RunEvent | None:
    """The event that a line of a log stands for, whatever its version; None where it is none.

    Args:
        line: The line.
        dataset: The dataset's name, for events of older tools that do not say it.
        event_id: An id for events of older tools that have none.
    """
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict):
        return None
    action, time = raw.get("action"), parse_time(raw.get("timestamp_utc"))
    if not isinstance(action, str) or not action or time is None:
        return None
    where, actor = _mapping(raw.get("dataset")), _mapping(raw.get("actor"))
    return RunEvent(
        event_id=_text(raw.get("event_id")) or event_id,
        action=action,
        time=time,
        dataset=_text(where.get("name")) or dataset,
        tool=_text(actor.get("tool")),
        run_id=_text(actor.get("run_id")),
        metrics=_mapping(raw.get("metrics")),
        args=_mapping(raw.get("args")),
        version=raw.get("event_version", KNOWN_VERSION),
        line=line,
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
