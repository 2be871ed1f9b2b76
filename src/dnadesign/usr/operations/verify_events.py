"""Fold the event log and hold it against the files on the disk."""

from __future__ import annotations

from dnadesign.usr.operations._check_files import check_files
from dnadesign.usr.operations._report import Report
from dnadesign.usr.storage.store import Store


def verify_events(store: Store, *, deep: bool = False) -> Report:
    """Check every event's files and every file's event, as of one committed version.

    Args:
        store: The dataset.
        deep: Hold every byte against the hashes in the events, and not only look at sizes.

    Raises:
        DatasetNotFound: There is no dataset.
        EventLogError: A line of the log is no event.
        ConcurrentChangeError: Writers were too quick to see one version.
    """
    report = Report(dataset=str(store.dir), registry_mode="none")
    check_files(store, report, deep=deep, audit=True)
    return report
