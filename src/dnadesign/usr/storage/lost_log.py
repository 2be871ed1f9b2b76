"""A dataset whose log is gone: its files are there, and no event that tells of them."""

from __future__ import annotations

from pathlib import Path

from dnadesign.usr.contract.errors import EventLogError
from dnadesign.usr.contract.layout import EVENTS, EVENTS_ARCHIVE, RECORDS
from dnadesign.usr.storage.filesystem import FileSystem
from dnadesign.usr.storage.visibility import committed_log_end

_IMPORTED = "sequence,bio_type,alphabet,source,created_at"  # of the base; ids and lengths follow from them


def lost_log(fs: FileSystem, dataset: Path) -> EventLogError | None:
    """The error for a folder that has a base and no event; None where it is a dataset, or never was one.

    No crash leaves this: the base gets its name after the first event is on the disk.
    """
    if fs.stat(dataset / RECORDS) is None or committed_log_end(fs, dataset).end > 0:
        return None
    log = fs.stat(dataset / EVENTS)
    state = "is gone" if log is None else "is empty" if log.size == 0 else "has no event"
    return EventLogError(
        f"{dataset / EVENTS}: the event log {state}, although {RECORDS} is there, which is left as it is",
        mend=mend_of_lost_log(dataset),
    )


def mend_of_lost_log(dataset: Path) -> str:
    """How to have the log again, or to go on without it."""
    return (
        f"restore {EVENTS} and {EVENTS_ARCHIVE}/ from a backup; without one, go on in a new dataset: 'usr init NEW', then "
        f"'usr import NEW {dataset / RECORDS} --columns {_IMPORTED}', and attach each file in _derived/ to it"
    )
