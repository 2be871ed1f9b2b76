r"""The event: one change to a dataset as one line of JSON.

A line is written with compact separators, in the field order of :class:`Event` and in ASCII (other characters as
``\uXXXX``): it then means the same to every reader, also to one that splits at Unicode's line separators or guesses
an encoding. Lines of older tools lack fields; those are None or empty in the Event, and fields unknown here are kept
in ``extra``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import cast
from uuid import uuid4

from dnadesign._version import __version__
from dnadesign.usr.contract.actor import Actor, resolve_actor
from dnadesign.usr.contract.errors import ValidationError
from dnadesign.usr.contract.event_fields import (
    check_version,
    mapping,
    optional_integer,
    optional_text,
    parse_object,
    required_text,
    timestamp,
    unknown_fields,
)
from dnadesign.usr.contract.json_values import Json, cut_json, to_json_object
from dnadesign.usr.contract.layout import isoformat
from dnadesign.usr.contract.names import check_action
from dnadesign.usr.contract.redaction import redact, redact_text

EVENT_VERSION = 1
MAX_LINE_BYTES = 1 << 20  # of a line, its newline included
_CUTS = ((1 << 16, 1000), (1 << 12, 100), (512, 10), (64, 3), (0, 0))  # characters of a text, items of a list
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
ARCHIVE_ACTION = "events_archive"
LIBRARY_ACTIONS = frozenset(
    {
        "init", "import_rows", "attach", "write_overlay_part", "compact_overlay", "materialize", "registry_freeze",
        "snapshot", "snapshot_prune", "dedupe", "merge", "tombstone", "restore", "state_set", "state_clear",
        "remove_overlay", "archive_overlay", "artifacts_prune", ARCHIVE_ACTION,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DatasetRef:
    """Which dataset an event belongs to: its id, and the root that it had when it was written."""

    name: str | None = None
    root: str | None = None

    def to_dict(self) -> dict[str, Json]:
        """The reference as it stands in an event."""
        return {"name": self.name, "root": self.root}


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Size of the file that a change wrote: rows, columns, bytes."""

    rows: int | None = None
    cols: int | None = None
    size_bytes: int | None = None

    def to_dict(self) -> dict[str, Json]:
        """The fingerprint as it stands in an event."""
        return {"rows": self.rows, "cols": self.cols, "size_bytes": self.size_bytes}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change to a dataset.

    Attributes:
        event_version: Version of the line's form, 1.
        event_id: 32 hex digits; None in logs of older tools.
        txid: The transaction that committed it; its other events carry the same.
        batch_id: The caller's name for the change, unique in the dataset, or None.
        batch_sha256: Hash of the batch's normalised input, or None.
        timestamp_utc: When, as ISO 8601 in UTC; see :attr:`time`.
        action: What was done: one of ``LIBRARY_ACTIONS``, or a name that a tool gave.
        dataset: Where.
        actor: Who.
        args: What was asked for, without secrets.
        metrics: What came of it, true numbers.
        artifacts: Files added and removed, see :mod:`dnadesign.usr.contract.artifacts`; other shapes in old logs.
        maintenance: ``{"reason": ...}``, or empty.
        fingerprint: The file written.
        registry_hash: Hash of the registry in force.
        version: Version of the library that wrote the event.
        extra: Fields of the line that are not known here; those of ``dataset``, ``actor`` and ``fingerprint`` under
            the name of their parent.
    """

    event_version: int = EVENT_VERSION
    event_id: str | None = None
    txid: str | None = None
    batch_id: str | None = None
    batch_sha256: str | None = None
    timestamp_utc: str
    action: str
    dataset: DatasetRef = field(default_factory=DatasetRef)
    actor: Actor = field(default_factory=Actor)
    args: Mapping[str, Json] = field(default_factory=dict)
    metrics: Mapping[str, Json] = field(default_factory=dict)
    artifacts: Mapping[str, Json] = field(default_factory=dict)
    maintenance: Mapping[str, Json] = field(default_factory=dict)
    fingerprint: Fingerprint = field(default_factory=Fingerprint)
    registry_hash: str | None = None
    version: str | None = None
    extra: Mapping[str, Json] = field(default_factory=dict)

    @property
    def time(self) -> datetime:
        """``timestamp_utc`` as an aware time."""
        return datetime.fromisoformat(self.timestamp_utc)

    def to_dict(self) -> dict[str, Json]:
        """The event as the JSON object that its line holds."""
        found: dict[str, Json] = {
            "event_version": self.event_version,
            "event_id": self.event_id,
            "txid": self.txid,
            "batch_id": self.batch_id,
            "batch_sha256": self.batch_sha256,
            "timestamp_utc": self.timestamp_utc,
            "action": self.action,
            "dataset": self._with_extra("dataset", self.dataset.to_dict()),
            "actor": self._with_extra("actor", self.actor.to_dict()),
            "args": dict(self.args),
            "metrics": dict(self.metrics),
            "artifacts": dict(self.artifacts),
            "maintenance": dict(self.maintenance),
            "fingerprint": self._with_extra("fingerprint", self.fingerprint.to_dict()),
            "registry_hash": self.registry_hash,
            "version": self.version,
        }
        return {**found, **{name: value for name, value in self.extra.items() if name not in found}}

    def _with_extra(self, name: str, known: Mapping[str, Json]) -> dict[str, Json]:
        extra = self.extra.get(name)
        return {**extra, **known} if isinstance(extra, dict) else dict(known)

    def to_json_line(self) -> bytes:
        """The event as one line, its newline included.

        Raises:
            ValidationError: The line would be longer than 1 MiB, or a value has no JSON form.
        """
        text = self._dump()
        if len(text) >= MAX_LINE_BYTES:
            raise ValidationError(
                f"event {self.action!r} takes {len(text) + 1:,} bytes, expected at most {MAX_LINE_BYTES:,}",
                mend="put large results into a file and its path into the event",
            )
        return text.encode("ascii") + b"\n"

    def _dump(self) -> str:
        try:
            return _ENCODER.encode(self.to_dict())
        except (TypeError, ValueError, RecursionError) as error:
            raise ValidationError(
                f"event {self.action!r} cannot be written as JSON: {error}",
                mend="give args, metrics and artifacts as texts, finite numbers, lists and mappings",
            ) from error

    @classmethod
    def from_json_line(cls, line: bytes) -> Event:
        """Read an event back from its line, with or without the newline.

        Raises:
            EventLogError: The line is no JSON object, of an unknown version, or lacks what every event has.
        """
        return event_from_json_line(line)


_KNOWN: dict[str, frozenset[str] | None] = {
    **{known.name: None for known in fields(Event) if known.name != "extra"},
    "dataset": frozenset(known.name for known in fields(DatasetRef)),
    "actor": frozenset(known.name for known in fields(Actor)),
    "fingerprint": frozenset(known.name for known in fields(Fingerprint)),
}


def event_from_json_line(line: bytes) -> Event:
    """Read an event from its line, with or without the newline.

    Raises:
        EventLogError: The line is no JSON object, of an unknown version, or lacks what every event has.
    """
    found = parse_object(line)
    version = check_version(found, expected=EVENT_VERSION)
    dataset, actor, fingerprint = (mapping(found, name) for name in ("dataset", "actor", "fingerprint"))
    return Event(
        event_version=version,
        event_id=optional_text(found, "event_id"),
        txid=optional_text(found, "txid"),
        batch_id=optional_text(found, "batch_id"),
        batch_sha256=optional_text(found, "batch_sha256"),
        timestamp_utc=timestamp(found, "timestamp_utc"),
        action=required_text(found, "action"),
        dataset=DatasetRef(name=optional_text(dataset, "name"), root=optional_text(dataset, "root")),
        actor=Actor(
            tool=optional_text(actor, "tool"),
            run_id=optional_text(actor, "run_id"),
            host=optional_text(actor, "host"),
            pid=optional_integer(actor, "pid"),
        ),
        args=mapping(found, "args"),
        metrics=mapping(found, "metrics"),
        artifacts=mapping(found, "artifacts"),
        maintenance=mapping(found, "maintenance"),
        fingerprint=Fingerprint(
            rows=optional_integer(fingerprint, "rows"),
            cols=optional_integer(fingerprint, "cols"),
            size_bytes=optional_integer(fingerprint, "size_bytes"),
        ),
        registry_hash=optional_text(found, "registry_hash"),
        version=optional_text(found, "version"),
        extra=unknown_fields(found, _KNOWN),
    )


def check_new_batch_id(batch_id: str) -> None:
    """Refuse a batch id that has a secret in it: it stands in the log as it is, so that the batch can be found.

    Raises:
        ValidationError: It has.
    """
    shown = redact_text(batch_id)
    if shown != batch_id:
        raise ValidationError(
            f"batch id {shown!r:.80}: has what looks like a secret in it, and would stand in the event log",
            mend="build it from run, shard and number, such as 'run7:0/4:000012'",
        )


def make_event(
    action: str,
    *,
    dataset: DatasetRef,
    registry_hash: str | None,
    txid: str,
    args: Mapping[str, object] | None = None,
    metrics: Mapping[str, object] | None = None,
    artifacts: Mapping[str, object] | None = None,
    reason: str | None = None,
    fingerprint: Fingerprint | None = None,
    batch_id: str | None = None,
    batch_sha256: str | None = None,
    actor: Actor | None = None,
    now: datetime | None = None,
) -> Event:
    """A new event, ready to be written: identified, timed, signed by its actor, free of secrets, within bounds.

    Args:
        action: What is done, ``[a-z][a-z0-9_]*``.
        dataset: Where.
        registry_hash: Hash of the registry in force.
        txid: The transaction that commits it.
        args: What was asked for. Secrets are redacted, and what is too long is cut, with a mark where.
        metrics: What came of it; numbers are kept whatever their name.
        artifacts: Files added and removed, see :func:`~dnadesign.usr.contract.artifacts.artifact_lists`.
        reason: Why, for maintenance.
        fingerprint: The file written.
        batch_id: The caller's name for the change.
        batch_sha256: Hash of the batch's normalised input.
        actor: Who; what it leaves open comes from :func:`~dnadesign.usr.contract.actor.resolve_actor`.
        now: The time, if not this very moment.

    Raises:
        ValidationError: A name outside its grammar, a value with no JSON form, or metrics or artifacts that do
            not fit into the line.
    """
    who = resolve_actor(actor)
    clean_actor = replace(
        who,
        tool=redact_text(who.tool) if who.tool else who.tool,
        run_id=redact_text(who.run_id) if who.run_id else who.run_id,
    )
    event = Event(
        event_id=uuid4().hex,
        txid=txid,
        batch_id=batch_id,
        batch_sha256=batch_sha256,
        timestamp_utc=isoformat(now if now is not None else datetime.now(UTC)),
        action=check_action(action),
        dataset=dataset,
        actor=clean_actor,
        args=_clean(args, "args"),
        metrics=_clean(metrics, "metrics", keep_numbers=True),
        artifacts=_clean(artifacts, "artifacts", keep_numbers=True),
        maintenance=_clean({} if reason is None else {"reason": reason}, "maintenance"),
        fingerprint=fingerprint or Fingerprint(),
        registry_hash=registry_hash,
        version=__version__,
    )
    return _within_bounds(event)


def _clean(values: Mapping[str, object] | None, where: str, *, keep_numbers: bool = False) -> dict[str, Json]:
    plain = to_json_object(values or {}, where=where)
    return cast("dict[str, Json]", redact(plain, keep_numbers=keep_numbers))


def _within_bounds(event: Event) -> Event:
    """The event with its args and reason cut as far as its line needs."""
    shown = event
    for characters, items in _CUTS:
        if len(shown._dump()) < MAX_LINE_BYTES:
            return shown
        shown = replace(
            event,
            args=cut_json(event.args, characters=characters, items=items),
            maintenance=cut_json(event.maintenance, characters=characters, items=items),
        )
    shown.to_json_line()  # refuses what is still too long
    return shown
