"""Looks after spools: what is in them, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dnadesign.notify.adapters.clock import SystemClock, stop_on_signals
from dnadesign.notify.adapters.folders import config_folder
from dnadesign.notify.adapters.profile_files import profile_names, read_profile
from dnadesign.notify.adapters.spool_files import SpoolFolder, all_spools
from dnadesign.notify.assembly import Report, open_destination
from dnadesign.notify.contract.destinations import Destination
from dnadesign.notify.contract.errors import CursorBusy, NotFound, NotifyError, StateFileError
from dnadesign.notify.contract.outcomes import DeliveryPolicy
from dnadesign.notify.contract.ports import SpooledMessage
from dnadesign.notify.contract.secrets import Secret
from dnadesign.notify.operations.dispatch import Drained


@dataclass(frozen=True, slots=True)
class SpoolEntry:
    """One message in a spool, waiting or dead."""

    destination: str
    place: Literal["waiting", "dead"]
    spooled: SpooledMessage

    def to_dict(self) -> dict[str, object]:
        """The entry as JSON values, the message itself left out but for its title."""
        return {
            "destination": self.destination,
            "place": self.place,
            "entry": self.spooled.entry,
            "spooled_at": self.spooled.spooled_at,
            "tries": self.spooled.tries,
            "reason": self.spooled.reason,
            "webhook_id": self.spooled.message_id,
            "title": self.spooled.message.title,
        }


def find_spools(state_folder: Path, destination: str | None) -> list[SpoolFolder]:
    """The spool of one destination, or all there are.

    Raises:
        NotFound: There is none for this destination.
    """
    spools = all_spools(state_folder)
    if destination is None:
        return spools
    found = [spool for spool in spools if spool.folder.name == destination]
    if not found:
        known = ", ".join(spool.folder.name for spool in spools) or "none"
        raise NotFound(f"no spool for destination {destination!r} (there: {known})")
    return found


def entries_of(spool: SpoolFolder) -> list[SpoolEntry]:
    """What is in a spool: what waits, in its order, and then the dead letters."""
    name = spool.folder.name
    waiting = (spool.read(entry) for entry in spool.waiting())
    dead = (spool.read_dead(entry) for entry in spool.dead())
    return [
        *(SpoolEntry(name, "waiting", spooled) for spooled in waiting if spooled is not None),
        *(SpoolEntry(name, "dead", spooled) for spooled in dead if spooled is not None),
    ]


def drain_spool(spool: SpoolFolder, *, address: Secret | None, state_folder: Path, report: Report) -> Drained:
    """Deliver what waits in a spool, in its order, until it is empty or a message fails.

    Args:
        spool: The spool.
        address: The webhook address, where it is kept nowhere.
        state_folder: Where the spool is in.
        report: Told of each failure.

    Raises:
        NotifyError: A secret is missing, or another process is draining.
    """
    destination = _destination_of(spool)
    if disabled := spool.disabled():
        return Drained(
            waiting=len(spool.waiting()), last_reason=f"disabled since {disabled.since}: {disabled.reason}"
        )
    clock = SystemClock()
    with ExitStack() as stack:
        stack.enter_context(stop_on_signals(clock))
        opened = stack.enter_context(
            open_destination(
                destination,
                address=None if destination.address else address,
                policy=_policy_of(destination),
                state_folder=state_folder,
                clock=clock,
            )
        )
        drained = opened.dispatcher(report).drain()
    if clock.stopping:
        raise KeyboardInterrupt
    if drained.busy:
        raise CursorBusy(f"another process is draining the spool of {destination.name}")
    return drained


def revive(spool: SpoolFolder, entries: Sequence[str]) -> int:
    """Enable the destination and put dead letters back to their old places; how many.

    Args:
        spool: The spool.
        entries: Which ones; empty means all.

    Raises:
        NotFound: One of them is not a dead letter.
    """
    dead = spool.dead()
    _check_known(entries, dead)
    spool.enable()
    chosen = [spool.read_dead(entry) for entry in (entries or dead)]
    for spooled in chosen:
        if spooled is not None:
            spool.revive(spooled)
    return len(chosen)


def drop(spool: SpoolFolder, entries: Sequence[str], *, dead_only: bool) -> int:
    """Throw messages away; how many.

    Args:
        spool: The spool.
        entries: Which ones; empty means all.
        dead_only: Of all, only the dead letters.

    Raises:
        NotFound: One of them is not there.
        CursorBusy: Another process is draining.
    """
    with spool.hold() as held:
        if not held:
            raise CursorBusy(f"another process is draining the spool of {spool.folder.name}")
        waiting, dead = spool.waiting(), spool.dead()
        _check_known(entries, [*waiting, *dead])
        for entry in waiting:
            if entry in entries or (not entries and not dead_only):
                spool.remove(entry)
        for entry in dead:
            if entry in entries or not entries:
                spool.remove_dead(entry)
        return len(waiting) + len(dead) - len(spool.waiting()) - len(spool.dead())


def _check_known(entries: Sequence[str], known: Sequence[str]) -> None:
    missing = sorted(set(entries) - set(known))
    if missing:
        raise NotFound(f"not in the spool: {', '.join(missing[:5])}", mend="look with: notify spool list")


def _destination_of(spool: SpoolFolder) -> Destination:
    destination = spool.destination()
    if destination is None:
        raise StateFileError(f"{spool.folder} does not say where its messages go")
    return destination


def _policy_of(destination: Destination) -> DeliveryPolicy:
    """How patiently, as its profile says where it has one that can be read."""
    config = config_folder()
    if destination.name not in profile_names(config):
        return DeliveryPolicy()
    try:
        return read_profile(config, destination.name).delivery.policy()
    except NotifyError:
        return DeliveryPolicy()
