"""Check a dataset against the contract: one version, every rule, all problems at once."""

from __future__ import annotations

from typing import get_args

from dnadesign.usr.contract.errors import SequencesError, ValidationError
from dnadesign.usr.operations._accounts import check_accounts, consistent_files
from dnadesign.usr.operations._check_artifacts import check_artifacts
from dnadesign.usr.operations._check_base import Progress, check_base
from dnadesign.usr.operations._check_overlays import check_overlays
from dnadesign.usr.operations._check_registry import RegistryMode, check_registry
from dnadesign.usr.operations._report import Finding, Report
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import Version

__all__ = ["Finding", "RegistryMode", "Report", "check"]


def check(
    store: Store, *, registry_mode: RegistryMode = "current", progress: Progress | None = None
) -> Report:
    """Check one committed version of a dataset.

    Args:
        store: The dataset.
        registry_mode: Which registry its files must match: current, frozen or either.
        progress: Told how many rows of the base are checked, and how many there are, now and then.

    Raises:
        DatasetNotFound: There is no dataset.
        ValidationError: The mode is none of the three.
    """
    if registry_mode not in get_args(RegistryMode):
        raise ValidationError(f"registry_mode {registry_mode!r}: expected current, frozen or either")
    report = Report(dataset=str(store.dir), registry_mode=registry_mode)
    with store.pin() as version:
        if not _check_footers(version, report):
            return report
        keys = check_base(version, report, progress)
        check_overlays(version, report, keys)
        check_artifacts(store, version, report)
        check_registry(store, version, registry_mode, report)
        _check_log(store, report)
    return report


def _check_footers(version: Version, report: Report) -> bool:
    """Whether every file can be read at all."""
    for file in version.files():
        try:
            _ = file.footer.schema
        except SequencesError as error:
            report.error("file", file.path, error)
    return report.ok


def _check_log(store: Store, report: Report) -> None:
    try:
        accounts, found = consistent_files(store)
    except SequencesError as error:
        report.error("events", ".events.log", error)
        return
    check_accounts(store, accounts, found, report, deep=False)
