"""An event as notify sees it, and what kind of news it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import NamedTuple

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


@dataclass(slots=True)
class RunEvent:
    """One event of a dataset's log; what is in its line and not here is read when it is asked for.

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
    version: object
    line: bytes
    _raw: Mapping[str, object] | None = None
    _metrics: Mapping[str, object] | None = None

    @property
    def run_key(self) -> tuple[str, str, str]:
        """What the events of one run share: dataset, tool, run id."""
        return (self.dataset, self.tool or "", self.run_id or "")

    @property
    def metrics(self) -> Mapping[str, object]:
        """What came of it, true numbers; of a line that usr wrote, read without the rest of it."""
        if self._metrics is None:
            found = _METRICS.findall(self.line) if self._raw is None else []
            alone = _object(found[0]) if len(found) == 1 else None
            self._metrics = alone if alone is not None else _mapping(self.raw().get("metrics"))
        return self._metrics

    @property
    def args(self) -> Mapping[str, object]:
        """What was asked for, without secrets."""
        return _mapping(self.raw().get("args"))

    def raw(self) -> Mapping[str, object]:
        """The whole event; empty where the line turns out not to be JSON."""
        if self._raw is None:
            self._raw = _object(self.line) or {}
        return self._raw

    def is_whole(self) -> bool:
        """Whether the line is an event to its end; reads it in full."""
        return bool(self.raw())


# Metrics without anything nested in them, between the fields that usr writes around them. Where this stands more than once, one
# of them is in an argument.
_METRICS = re.compile(rb'\},"metrics":(\{[^{}\[\]\\]*\}),"artifacts":\{')


class SourceLine(NamedTuple):
    """One committed line of an event log.

    Attributes:
        event: The event, or None where the line is not one.
        problem: Why it is not one.
        path: The file that the line stands in, as text.
        offset: Where in that file the line begins.
        behind: What the source tells the place behind the line by.
    """

    event: RunEvent | None
    problem: str | None
    path: str
    offset: int
    behind: object


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
_PROGRESS_ACTIONS = frozenset({"import_rows", "write_overlay_part", "attach", "state_set", "state_clear"})


def kind_of_action(action: str) -> Kind:
    """What kind of news an event of this action is."""
    if action in _PROGRESS_ACTIONS:
        return Kind.PROGRESS
    last = re.split(r"[_.:\-]", action)[-1].lower()
    return _KIND_OF_WORD.get(last, Kind.NOTABLE)


# What usr and densegen log; other tools have actions of their own.
KNOWN_ACTIONS = frozenset(
    {
        *("init", "import_rows", "attach", "write_overlay_part", "compact_overlay", "materialize", "registry_freeze"),
        *("snapshot", "snapshot_prune", "dedupe", "merge", "tombstone", "restore", "state_set", "state_clear"),
        *("remove_overlay", "archive_overlay", "artifacts_prune", "events_archive"),
        *("densegen_started", "densegen_completed", "densegen_failed", "densegen_health"),
    }
)  # fmt: skip


KNOWN_TOOLS = ("usr", "densegen")
"""What those two are called as actors; every other tool names itself."""


def doubt_about_action(action: str) -> str | None:
    """What speaks against an action that somebody means to hear of; None for one that usr or densegen logs."""
    if action in KNOWN_ACTIONS:
        return None
    near = get_close_matches(action.lower(), sorted(KNOWN_ACTIONS), n=1, cutoff=0.75)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return f"neither usr nor densegen logs an action {action!r}: only another tool's can be heard of by it{meant}"


def doubt_about_tool(tool: str) -> str | None:
    """What speaks against a tool that somebody means to hear of; None unless it is nearly called usr or densegen."""
    near = get_close_matches(tool.lower(), KNOWN_TOOLS, n=1, cutoff=0.6)
    if tool in KNOWN_TOOLS or not near:
        return None
    return f"neither usr nor densegen is called {tool!r} in its events; did you mean {near[0]!r}?"


def likely_word(action: str) -> str | None:
    """The word that tells a kind of news and was most likely meant by one that tells none; None if nothing is near."""
    last = re.split(r"[_.:\-]", action)[-1].lower()
    near = [] if last in _KIND_OF_WORD else get_close_matches(last, _KIND_OF_WORD, n=1, cutoff=0.85)
    return near[0] if near else None


def parse_time(text: object) -> datetime | None:
    """An ISO 8601 time as an aware one in UTC; None where it is not a time."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is UTC:
        return moment
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def event_from_line(line: bytes, *, dataset: str, event_id: str) -> RunEvent | None:
    """The event that a line of a log stands for, whatever its version; None where it is none.

    Args:
        line: The line.
        dataset: The dataset's name, for events of older tools that do not say it.
        event_id: An id for events of older tools that have none.
    """
    raw = _object(line)
    if raw is None:
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
        version=raw.get("event_version", KNOWN_VERSION),
        line=line,
        _raw=raw,
    )


# The beginning of a line as usr writes it: compact, in its order of fields, in ASCII. Names and times hold no backslash, or the
# line is read in full. Quotes inside of texts are escaped, so that nothing in an argument can look like this.
_TEXT = r'"([^"\\]*)"'
_TEXT_OR_NULL = r'(?:"([^"\\]*)"|null)'
_ANY_OR_NULL = r'(?:"[^"\\]*(?:\\.[^"\\]*)*"|null)'
_BEGINNING = re.compile(
    rf'\{{"event_version":1,"event_id":"([0-9a-f]{{32}})","txid":{_ANY_OR_NULL},"batch_id":{_ANY_OR_NULL},'
    rf'"batch_sha256":{_ANY_OR_NULL},"timestamp_utc":{_TEXT},"action":"([a-z][a-z0-9_]*)",'
    rf'"dataset":\{{"name":{_TEXT},"root":{_ANY_OR_NULL}\}},"actor":\{{"tool":{_TEXT_OR_NULL},"run_id":{_TEXT_OR_NULL},'
)


def skim_line(line: bytes) -> RunEvent | None:
    """The event of a line that looks as usr writes it, known by its beginning; None where it must be read in full."""
    if not line.isascii() or not line.endswith(b"}\n"):
        return None
    match = _BEGINNING.match(line.decode("ascii"))
    if match is None:
        return None
    event_id, time, action, dataset, tool, run_id = match.groups()
    moment = parse_time(time)
    if moment is None or not dataset:
        return None
    return RunEvent(event_id, action, moment, dataset, tool or None, run_id or None, KNOWN_VERSION, line)


def _object(line: bytes) -> dict[str, object] | None:
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return raw if isinstance(raw, dict) else None


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
