"""Fold the event log and hold it against the files on the disk."""

from __future__ import annotations

from dnadesign.usr.operations._accounts import check_accounts, consistent_files
from dnadesign.usr.operations._report import Report
from dnadesign.usr.storage.store import Store


def verify_events(store: Store, *, deep: bool = False) -> Report:
    """Check every event's files and every file's event, as of one committed version.

    Args:
        store: The dataset.
        deep: Also hash every file, and not only look at its size.

    Raises:
        DatasetNotFound: There is no dataset.
        EventLogError: A line of the log is no event.
        ConcurrentChangeError: Writers were too quick to see one version.
    """
    report = Report(dataset=str(store.dir), registry_mode="none")
    accounts, found = consistent_files(store)
    check_accounts(store, accounts, found, report, deep=deep)
    return report
