"""Set the event log aside as a segment and begin a new one, without a follower missing or repeating an event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dnadesign.usr.contract.content import Digest, digest_text
from dnadesign.usr.contract.events import Event
from dnadesign.usr.contract.layout import EVENTS, archived_log, parse_timestamp
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.operations._mutation import Draft, Mutation
from dnadesign.usr.storage.filesystem import opened
from dnadesign.usr.storage.intent import Move
from dnadesign.usr.storage.journal import events_of, log_length
from dnadesign.usr.storage.staging import Staging, hash_range
from dnadesign.usr.storage.visibility import segment_names


@dataclass(frozen=True, slots=True)
class ArchiveResult:
    """What archiving did: the segment, relative to the dataset, and its bytes, the archiving event's included."""

    path: str
    bytes: int

    def to_dict(self) -> dict[str, str | int]:
        """For machine-readable output."""
        return {"path": self.path, "bytes": self.bytes}


@dataclass
class ArchiveEvents:
    """The step that archives the log: its event ends the old log and begins the new one, with the same id."""

    def prepare(self, registry: Registry, staging: Staging | None) -> None:
        """Nothing can be done before the lock."""

    def content(self, digest: Digest) -> None:
        """Feed what it is."""
        digest_text(digest, "events_archive")

    def apply(self, mutation: Mutation) -> ArchiveResult:
        """Move the log once the event is in it, and publish a log that has this event alone."""
        store, path = mutation.store, archived_log(_moment(mutation))
        before = log_length(store.fs, store.dir)
        with opened(store.fs, store.path(EVENTS), "read") as log:
            prefix = {"prefix_bytes": before, "prefix_sha256": hash_range(log, 0, before)}
        mutation.moves.append(Move(source=EVENTS, target=path))
        mutation.with_events.append(
            lambda data: mutation.publishes.append(
                mutation.staging.write(data, like=store.path(EVENTS)).publish(EVENTS)
            )
        )
        draft, size = Draft("events_archive"), before
        while draft.metrics.get("bytes") != size:  # the event ends the segment, so its own line counts
            draft.metrics = {"rows": 0, "bytes": size}
            draft.added = [{"path": path, "bytes": size, **prefix, "moved_from": EVENTS}]
            size = before + len(events_of([mutation.event_of(draft).to_json_line()]))
        mutation.note(draft)
        return ArchiveResult(path, size)

    def replay(self, event: Event) -> ArchiveResult:
        """The result of the archiving committed before."""
        added = event.artifacts.get("added")
        first = added[0] if isinstance(added, list) and added and isinstance(added[0], dict) else {}
        size = event.metrics.get("bytes")
        return ArchiveResult(str(first.get("path", "")), size if isinstance(size, int) else 0)


def _moment(mutation: Mutation) -> datetime:
    """The time in the segment's name: now, or just after the newest segment where a clock was set back.

    Segments are read in the order of their names, and that a name is there already proves a move.
    """
    newest = segment_names(mutation.store.fs, mutation.store.dir)[-1:]
    after = [
        parse_timestamp(name[len("events-") : -len(".log")]) + timedelta(microseconds=1) for name in newest
    ]
    return max([mutation.moment, *after])
