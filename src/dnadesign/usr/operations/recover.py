"""Settle what a writer that died left behind, and say what was found; damage is described and left alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dnadesign.usr.contract.errors import SequencesError
from dnadesign.usr.contract.layout import EVENTS
from dnadesign.usr.operations._lost_log import check_nothing_there
from dnadesign.usr.storage.event_log import read_all_lines
from dnadesign.usr.storage.journal import recover as recover_journal
from dnadesign.usr.storage.lost_log import lost_log
from dnadesign.usr.storage.staging import make_staging_folder
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import Version, not_found
from dnadesign.usr.storage.visibility import committed_log_end


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What recovery found and did.

    Attributes:
        done: What was finished, dropped or saved, a sentence each.
        damage: What it must not guess about, and left as it was.
    """

    done: tuple[str, ...]
    damage: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damage

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {"ok": self.ok, "done": list(self.done), "damage": list(self.damage)}


def recover(store: Store) -> RecoveryReport:
    """Settle a dataset under its lock.

    Raises:
        DatasetNotFound: There is no such folder.
        LockTimeout: A live writer holds the lock; its work needs no recovery.
        UnsupportedFilesystem: Another host may be writing, and no lock here would tell.
    """
    if store.fs.stat(store.dir) is None:
        raise not_found(store.dir)
    store.check_locks()
    make_staging_folder(store.fs, store.dir)
    done: list[str] = []
    damage: list[str] = []
    with store.exclusive(tool="usr maintenance recover"):
        try:
            done += recover_journal(store.fs, store.dir, warn=False)  # what is done is shown
        except SequencesError as error:
            damage.append(str(error))
        else:
            damage += _damage(store)
    return RecoveryReport(tuple(done), tuple(damage))


def _damage(store: Store) -> list[str]:
    """What keeps the log or the files from being read: each of them."""
    log = committed_log_end(store.fs, store.dir)
    if log.end == 0:
        return [_without_event(store)]
    found: list[str] = []
    try:
        for _ in read_all_lines(store.fs, store.dir, end=log.end, log=log):
            pass
    except SequencesError as error:
        found.append(str(error))
    try:
        with store.pin(known_only=False) as version:
            found += _unreadable(version)
    except SequencesError as error:
        found.append(str(error))
    return found


def _without_event(store: Store) -> str:
    """What is wrong with a folder that has no event: an init that was cut short, or files whose log is gone."""
    try:
        check_nothing_there(store)
    except SequencesError as error:
        return str(lost_log(store.fs, store.dir) or error)
    return f"{store.dir / EVENTS}: has no event; init was not finished: repeat it (usr init {store.name})"


def _unreadable(version: Version) -> list[str]:
    found = []
    for file in version.files():
        try:
            _ = file.footer
        except SequencesError as error:
            found.append(str(error))
    return found
