"""Delete records so that they can be brought back: tombstones hide them, the base keeps them."""

from __future__ import annotations

from collections.abc import Iterable

from dnadesign.usr.contract.arguments import text_of
from dnadesign.usr.contract.names import TOMBSTONE_NAMESPACE
from dnadesign.usr.operations._record_values import SetValues

_DELETED, _AT, _REASON = "usr__deleted", "usr__deleted_at", "usr__deleted_reason"


def tombstone(ids: str | Iterable[str], *, reason: str | None, allow_missing: bool) -> SetValues:
    """The step that marks records as deleted, now; those that are deleted already keep their time and reason.

    Raises:
        ValidationError: The reason is no text.
    """
    if reason is not None:
        text_of(reason, what="reason")
    return SetValues(
        TOMBSTONE_NAMESPACE,
        "tombstone",
        ids,
        {_DELETED: True, _REASON: reason or None},
        allow_missing=allow_missing,
        decides=(_DELETED,),
        timed=_AT,
        args={"reason": reason},
    )


def restore(ids: str | Iterable[str], *, allow_missing: bool) -> SetValues:
    """The step that brings records back; those that were never deleted stay as they are."""
    return SetValues(
        TOMBSTONE_NAMESPACE,
        "restore",
        ids,
        {_DELETED: False, _AT: None, _REASON: None},
        allow_missing=allow_missing,
        known_only=True,
        decides=(_DELETED,),
    )
