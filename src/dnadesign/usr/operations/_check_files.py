"""The files that the events say a dataset has, held against the files that it has."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from dnadesign.usr.contract.errors import ConcurrentChangeError, CorruptFileError, StorageError
from dnadesign.usr.contract.layout import ARTIFACTS, EVENTS, META, artifact_parts
from dnadesign.usr.contract.restoring import restore_mend
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.operations._accounts import Account, Accounts, is_listing, within
from dnadesign.usr.operations._files import FilesNow, consistent_files
from dnadesign.usr.operations._report import Report
from dnadesign.usr.storage.parquet import batches_of, reading
from dnadesign.usr.storage.staging import hash_range
from dnadesign.usr.storage.store import Store

_SHOWN = 20
_ATTEMPTS = 20
_BATCH_ROWS = 16_384


def check_files(store: Store, report: Report, *, deep: bool, audit: bool = False) -> None:
    """Hold the files of one moment against the log of that moment.

    Args:
        store: The dataset.
        report: Where the findings go.
        deep: Whether every byte is looked at, and not only the sizes.
        audit: Whether a break in the past is a failure, and not only worth knowing: what is there now may be sound.

    Raises:
        ConcurrentChangeError: Files were set aside, as often as they were looked at, before they had been read.
    """
    for _ in range(_ATTEMPTS):
        found = Report(report.dataset, report.registry_mode)
        with ExitStack() as hold, contextlib.suppress(FileNotFoundError):
            accounts, files = consistent_files(store, hold=hold if deep else None)
            check_accounts(store, accounts, files, found, deep=deep, audit=audit)
            report.findings += found.findings
            return
    raise ConcurrentChangeError(
        f"{store.dir}: files were set aside each of the {_ATTEMPTS} times that they were to be read",
        mend="try again when maintenance is over",
    )


def check_accounts(
    store: Store, accounts: Accounts, files: FilesNow, report: Report, *, deep: bool, audit: bool
) -> None:
    """Check that every file is accounted for and every account has its file, with its size (and hash if deep)."""
    problems, found = len(report.problems), files.sizes
    _check_order(accounts, report, audit=audit)
    _check_base_history(accounts, report, audit=audit)
    for account in accounts.files.values():
        _check_file(store, account, files, report, deep=deep)
    for path, entry in accounts.folders.items():
        _check_folder(path, entry, found, report)
    if deep:
        _check_uncovered(store, accounts, files, report)
    known = set(accounts.files) | {p for p in found for f in accounts.folders if p.startswith(f"{f}/")}
    strangers = sorted(p for p in found if p not in known and not p.startswith(f"{ARTIFACTS}/"))
    if strangers and accounts.older:
        report.note(
            "events.files",
            EVENTS,
            f"{counted(len(strangers), 'file')} of {counted(accounts.older, 'event')} of an older tool, without a word on what was written",
        )
    else:
        for path in strangers[:_SHOWN]:
            report.failed(
                "events.files",
                path,
                "no event accounts for this file",
                "it was put there outside usr: remove it, or write its rows with attach or write_overlay_part",
            )
    if len(report.problems) == problems:
        checked = "every byte" if deep else "sizes"
        report.passed(
            "events.files",
            EVENTS,
            f"{counted(accounts.events, 'event')}, {counted(len(accounts.files), 'file')}: {checked}",
        )


def _check_order(accounts: Accounts, report: Report, *, audit: bool) -> None:
    """Check that each line of the log stands there once, and where it was written."""
    tell = report.failed if audit else report.note
    for found in accounts.order.misplaced[:_SHOWN]:
        tell(
            "events.order",
            f"{EVENTS}, event {found.number}",
            f"event {found.event_id} {found.message}",
            "lines of the log were copied or put in another order outside usr: restore .events.log and _events/ from a backup",
        )
    if back := accounts.order.back:
        report.note(
            "events.order",
            f"{EVENTS}, event {back[0].number}",
            f"event {back[0].event_id} {back[0].message}"
            f"{f', and so {counted(len(back) - 1, "other")}' if len(back) > 1 else ''}: a clock was set back, two hosts "
            "differ, or lines of the log are in another order",
        )


def _check_base_history(accounts: Accounts, report: Report, *, audit: bool) -> None:
    """Check that each change of the base began with the base that the event before it left."""
    tell = report.failed if audit else report.note
    for found in accounts.base.breaks()[:_SHOWN]:
        tell(
            "events.base",
            f"{EVENTS}, event {found.number}",
            f"event {found.event_id} {found.message}",
            "the base was changed outside usr before it, or lines of the log are missing, changed or in another order: restore "
            ".events.log and _events/ from a backup; without one, import the records, which 'usr validate --deep' checks, "
            "into a new dataset",
        )


def _check_file(store: Store, account: Account, files: FilesNow, report: Report, *, deep: bool) -> None:
    size = files.sizes.get(account.path)
    said = f"event {account.event_id}"
    if size is None:
        report.failed(
            "events.files",
            account.path,
            f"is missing; {said} wrote it",
            restore_mend(account.path),
        )
    elif account.path == META:
        return  # notes are for people to change
    elif account.bytes is not None and size != account.bytes:
        report.failed(
            "events.files",
            account.path,
            f"has {counted(size, 'byte')}; {said} wrote {account.bytes}: it was changed outside usr",
            restore_mend(account.path),
        )
    elif deep:
        _check_bytes(store, account, files, report)


def _check_bytes(store: Store, account: Account, files: FilesNow, report: Report) -> None:
    """Hold every byte of a file against the hash that it was written with."""
    with files.opened(store, account.path) as file:
        for part in account.ranges:
            if hash_range(file, part.start, part.end) != part.sha256:
                report.failed(
                    "events.files",
                    account.path,
                    f"bytes {part.start} to {part.end} are not those that event {part.event_id} wrote: it is damaged, or "
                    "was changed outside usr",
                    restore_mend(account.path),
                )


def _check_uncovered(store: Store, accounts: Accounts, files: FilesNow, report: Report) -> None:
    """Hold artifacts against their names, and decode what no event has a hash of, page checksums verified."""
    known, bare = accounts.files, []
    for path in sorted(files.sizes):
        named = artifact_parts(path)
        if path in known and known[path].ranges and not known[path].gaps():
            continue
        if named is not None:
            _check_name(store, path, named[1], files, report)
        elif path.endswith(".parquet"):
            bare.append(path)
            _check_pages(store, path, files, report)
    if bare:
        report.note(
            "events.files",
            bare[0] if len(bare) == 1 else EVENTS,
            f"{counted(len(bare), 'file')} with bytes of which no event keeps a hash, as older tools wrote them: decoded instead",
        )


def _check_name(store: Store, path: str, sha256: str, files: FilesNow, report: Report) -> None:
    with files.opened(store, path) as file:
        if hash_range(file, 0, files.sizes[path]) != sha256:
            report.failed(
                "events.files",
                path,
                "its bytes do not hash to its name",
                "it is damaged, or was changed outside usr: restore it from a backup",
            )


def _check_pages(store: Store, path: str, files: FilesNow, report: Report) -> None:
    try:
        with files.opened(store, path) as file, reading(file) as parquet:
            for _ in batches_of(parquet, _BATCH_ROWS):
                pass
    except (CorruptFileError, StorageError) as error:
        report.error("events.files", path, error)


def _check_folder(path: str, entry: Mapping[str, Any], found: Mapping[str, int], report: Report) -> None:
    inside = within(path, found)
    if not is_listing(entry, inside):
        report.failed(
            "events.files",
            path,
            f"has {counted(len(inside), 'file')}; {entry.get('files')} were set aside there, or their sizes differ",
            "restore the folder from a backup, or remove it together with its record",
        )
