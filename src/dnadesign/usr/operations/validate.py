"""Check a dataset against the contract: one version, every rule, all problems at once."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from dnadesign.usr.contract.arguments import choice_of
from dnadesign.usr.contract.errors import ConcurrentChangeError, SequencesError, StorageError
from dnadesign.usr.operations._check_artifacts import check_artifacts
from dnadesign.usr.operations._check_base import Progress, check_base, tell_base
from dnadesign.usr.operations._check_files import check_files
from dnadesign.usr.operations._check_overlays import check_overlays, tell_overlays
from dnadesign.usr.operations._check_registry import RegistryMode, check_registry
from dnadesign.usr.operations._report import Finding, Report
from dnadesign.usr.operations._spilled_keys import KeysNotKept, SpilledKeys
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import Version

__all__ = ["Finding", "RegistryMode", "Report", "check"]


def check(
    store: Store,
    *,
    registry_mode: RegistryMode = "current",
    deep: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Check one committed version of a dataset.

    Args:
        store: The dataset.
        registry_mode: Which registry its files must match: current, frozen or either.
        deep: Also hold every byte of every file against the hashes in the events.
        progress: Told how many rows of the base are checked, and how many there are, now and then.

    Raises:
        DatasetNotFound: There is no dataset.
        ValidationError: The mode is none of the three.
        ConcurrentChangeError: Writers were too quick for the files to be held against the log.
        StorageError: There is no room for temporary files.
    """
    choice_of(registry_mode, get_args(RegistryMode), what="registry_mode")
    report = Report(dataset=str(store.dir), registry_mode=registry_mode)
    with store.pin(known_only=False) as version:
        readable = _readable(version, report)
        if readable is not None:
            _check_rows(readable, report, progress)
            check_artifacts(store, readable, report)
            check_registry(store, readable, registry_mode, report)
        _check_log(store, report, deep=deep)
    return report


def _check_rows(version: Version, report: Report, progress: Progress | None) -> None:
    """Check every row by itself, then all keys at once: these need no memory of their own meanwhile."""
    try:
        with SpilledKeys() as keys:
            base = check_base(version, report, keys, progress)
            overlays = check_overlays(version, report, keys)
            told = keys.told()
    except KeysNotKept as error:
        raise StorageError(
            str(error), mend="free some space there, or have TMPDIR name a folder with more"
        ) from error
    if base is not None:
        tell_base(version, report, base, told[base.source])
    tell_overlays(overlays, report, told, whole=base is not None and base.whole)


def _readable(version: Version, report: Report) -> Version | None:
    """What of a version can be read at all: without the overlay files that cannot, None where the base cannot."""
    broken: set[str] = set()
    for file in version.files():
        try:
            _ = file.footer.schema
        except SequencesError as error:
            report.error("file", file.path, error)
            broken.add(file.path)
    if version.base.path in broken:
        return None
    overlays = {
        namespace: replace(overlay, files=tuple(f for f in overlay.files if f.path not in broken))
        for namespace, overlay in version.overlays.items()
    }
    return replace(version, overlays={n: overlay for n, overlay in overlays.items() if overlay.files})


def _check_log(store: Store, report: Report, *, deep: bool) -> None:
    try:
        check_files(store, report, deep=deep)
    except ConcurrentChangeError:
        raise  # nothing is wrong with the dataset
    except SequencesError as error:
        report.error("events", ".events.log", error)
