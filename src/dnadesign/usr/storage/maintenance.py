"""Which datasets this thread or task has opened for maintenance, and why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from dnadesign.usr.contract.actor import Actor
from dnadesign.usr.contract.errors import MaintenanceRequired, ValidationError

DEFAULT_REASON = "asked for with maintenance=True"


@dataclass(frozen=True, slots=True)
class Permit:
    """A dataset that is open for maintenance."""

    dataset: Path
    reason: str
    actor: Actor | None


_permits: ContextVar[tuple[Permit, ...]] = ContextVar("dnadesign_usr_maintenance", default=())


@contextmanager
def maintenance(dataset: Path, *, reason: str, actor: Actor | None = None) -> Iterator[None]:
    """Allow maintenance of one dataset inside the block.

    Args:
        dataset: Its folder.
        reason: Why; it stands in the events.
        actor: Who does it, unless an operation names another.

    Raises:
        ValidationError: The reason is empty.
    """
    if not isinstance(reason, str) or not reason.strip():
        raise ValidationError(
            "maintenance needs a reason", mend="say why: maintenance(reason='merge small parts')"
        )
    token = _permits.set((*_permits.get(), Permit(dataset.resolve(), reason.strip(), actor)))
    try:
        yield
    finally:
        _permits.reset(token)


def require(dataset: Path, what: str, *, allowed: bool = False, actor: Actor | None = None) -> Permit:
    """The permit for maintaining a dataset now.

    Args:
        dataset: Its folder.
        what: The operation, for the message.
        allowed: Whether the call itself says ``maintenance=True``.
        actor: Who does it, before the permit's own.

    Raises:
        MaintenanceRequired: Neither the call nor a surrounding block for this very dataset allows it.
    """
    folder = dataset.resolve()
    for permit in reversed(_permits.get()):
        if permit.dataset == folder:
            return Permit(folder, permit.reason, actor if actor is not None else permit.actor)
    if allowed:
        return Permit(folder, DEFAULT_REASON, actor)
    raise MaintenanceRequired(
        f"{dataset}: {what} is maintenance",
        mend="wrap it: with dataset.maintenance(reason='...'): ... (or pass maintenance=True)",
    )
