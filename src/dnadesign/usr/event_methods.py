"""The facade's methods on events; :class:`dnadesign.usr.Dataset` has them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dnadesign.usr import operations as _ops  # each verb is loaded when it is first called
from dnadesign.usr.contract.actor import Actor
from dnadesign.usr.contract.arguments import count_of, mapping_of, texts_of
from dnadesign.usr.contract.errors import ValidationError
from dnadesign.usr.contract.events import Event
from dnadesign.usr.contract.layout import EVENTS
from dnadesign.usr.storage.event_log import read_all_events
from dnadesign.usr.storage.filesystem import told_unreadable
from dnadesign.usr.storage.log_file import LogLine
from dnadesign.usr.storage.maintenance import require
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.visibility import committed_log_end

if TYPE_CHECKING:  # only names in signatures; what has them is loaded when it is used
    from dnadesign.usr.operations._report import Report
    from dnadesign.usr.operations.archive_events import ArchiveResult
    from dnadesign.usr.operations.recover import RecoveryReport


class EventMethods:
    """What can be done with the events of a dataset."""

    _store: Store

    def log_event(
        self,
        action: str,
        *,
        args: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
        artifacts: Sequence[Mapping[str, Any]] | None = None,
        actor: Actor | None = None,
    ) -> None:
        """Record a tool's own event, such as ``densegen_health``.

        Raises:
            ValidationError: The action is one of usr's own, or outside the grammar.
        """
        listed = [] if artifacts is None else artifacts
        if not isinstance(listed, (list, tuple)):
            raise ValidationError(
                "artifacts: expected a list of files",
                mend="each is {'path': ..., 'bytes': ..., 'sha256': ...}",
            )
        files = tuple(mapping_of(each, what="artifacts") for each in listed)
        step = _ops.tool_event.ToolEvent(
            action, mapping_of(args, what="args"), mapping_of(metrics, what="metrics"), files
        )
        _ops._mutation.run(self._store, [step], actor=actor)

    def events(self) -> Iterator[Event]:
        """Every committed event, oldest first, archived ones included, each once.

        Raises:
            EventLogError: A line is no event; the message names file and offset.
            StorageError: The log cannot be read.
        """
        store = self._store
        with told_unreadable(store.dir):
            log = committed_log_end(store.fs, store.dir)
            yield from read_all_events(store.fs, store.dir, end=log.end, log=log)

    def tail_events(
        self,
        *,
        count: int | None = None,
        since: datetime | None = None,
        actions: Collection[str] = (),
        wait: Callable[[], bool] | None = None,
    ) -> Iterator[LogLine]:
        """The last committed lines of the log that fit, oldest first, then those that come.

        Args:
            count: How many of the lines that are there; all if None.
            since: Only events at this time or later.
            actions: Only events of these actions; of all if empty.
            wait: Called when there are no lines now; says whether to go on. None to stop there.

        Raises:
            EventLogError: The log was cut or replaced while it was followed.
        """
        found = self._store
        if count is not None:
            count_of(count, what="count")
        if since is not None and (not isinstance(since, datetime) or since.tzinfo is None):
            raise ValidationError(
                f"since {since!r:.80}: expected a time with a zone",
                mend="give an aware datetime, such as datetime.now(UTC)",
            )
        texts_of(actions, what="actions")
        return _ops.tail_events.tail_events(
            found.dir / EVENTS, count=count, since=since, actions=actions, wait=wait, fs=found.fs
        )

    def verify_events(self, *, deep: bool = False) -> Report:
        """Hold the log against the disk: every file accounted for, every event's files present with their sizes.

        Args:
            deep: Also hold every byte against the hashes in the events.
        """
        return _ops.verify_events.verify_events(self._store, deep=deep)

    def archive_events(self, *, maintenance: bool = False, actor: Actor | None = None) -> ArchiveResult:
        """Set the log aside as a segment and begin a new one; followers, batches and checks see through it.

        Raises:
            MaintenanceRequired: Neither inside ``with dataset.maintenance(...)`` nor ``maintenance=True``.
        """
        permit = require(self._store.dir, "archiving the events", allowed=maintenance, actor=actor)
        return _ops._mutation.run(
            self._store, [_ops.archive_events.ArchiveEvents()], actor=permit.actor, reason=permit.reason
        )[2][0]

    def recover(self) -> RecoveryReport:
        """Settle what a writer that died left behind, and say what was found; damage is described and left alone."""
        return _ops.recover.recover(self._store)
