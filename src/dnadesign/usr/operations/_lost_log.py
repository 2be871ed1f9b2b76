"""Whether a folder without an event has files of a dataset, whose log is lost then."""

from __future__ import annotations

from dnadesign.usr.contract.errors import CorruptFileError
from dnadesign.usr.contract.layout import EVENTS, RECORDS
from dnadesign.usr.storage.lost_log import mend_of_lost_log
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import stored_overlays


def check_nothing_there(store: Store) -> None:
    """Refuse to write over a dataset that has lost its log; an init that was cut short leaves none of these files.

    Raises:
        CorruptFileError: There is such a file.
    """
    found = [RECORDS] if store.fs.stat(store.path(RECORDS)) is not None else []
    found += [path for paths in stored_overlays(store.fs, store.dir, None).values() for path in paths]
    if found:
        raise CorruptFileError(
            f"{store.path(found[0])}: is there, but {EVENTS} has no event, so a new dataset would replace it",
            mend=mend_of_lost_log(store.dir),
        )
