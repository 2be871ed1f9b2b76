"""What can be done about a file that is damaged, missing or not what it was: it depends on what the file holds."""

from __future__ import annotations

from pathlib import PurePath

from dnadesign.usr.contract.layout import DERIVED, RECORDS, overlay_of
from dnadesign.usr.contract.mends import Mend, spelled
from dnadesign.usr.contract.names import TOMBSTONE_NAMESPACE


def restore_mend(path: str | PurePath) -> Mend | str:
    """The mend for a file of a dataset: overlays can be made anew, of the base there may be copies.

    Args:
        path: Of the file, relative to the dataset or not.
    """
    parts = PurePath(path).parts
    if parts[-1:] == (RECORDS,):
        return (
            "restore it from a backup; without one, import its newest copy in _snapshots into a new dataset"
        )
    above = len(parts) - 1 - parts[::-1].index(DERIVED) if DERIVED in parts else len(parts)
    namespace = overlay_of("/".join(parts[above:]))
    if namespace is None or namespace == TOMBSTONE_NAMESPACE:
        return "restore it from a backup"
    return anew_mend(namespace, "restore it from a backup, or remove the overlay and write it anew: {}")


AS_STORED = "register it as it is stored, or remove the overlay and write it anew: {}"


def anew_mend(namespace: str, template: str = AS_STORED) -> Mend:
    """A mend with a place for how an overlay is removed; for a column that is stored in another type when not said."""
    return spelled(
        template,
        (
            f"remove_overlay({namespace!r}, maintenance=True)",
            f"usr maintenance overlay-remove DATASET --namespace {namespace} --reason TEXT",
        ),
    )
