"""Watches a log: puts cursor, log, destination and watcher together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dnadesign.notify.adapters.clock import SystemClock, stop_on_signals
from dnadesign.notify.adapters.cursor_files import CursorFile, cursor_path, open_cursor
from dnadesign.notify.adapters.spool_files import SpoolFolder
from dnadesign.notify.adapters.usr_events import UsrEventSource
from dnadesign.notify.assembly import Report, known_secrets, open_destination
from dnadesign.notify.contract.destinations import Destination
from dnadesign.notify.contract.errors import NotFound
from dnadesign.notify.contract.messages import Message, redacted
from dnadesign.notify.contract.outcomes import DeliveryPolicy
from dnadesign.notify.contract.secrets import Redactor, Secret
from dnadesign.notify.contract.watch_state import WatchState
from dnadesign.notify.operations._wording import counted
from dnadesign.notify.operations.dispatch import Disposition
from dnadesign.notify.operations.watch import Watcher, WatchOptions


class From(StrEnum):
    """Where a watcher begins."""

    START = "start"
    END = "end"
    CURSOR = "cursor"


class OnTruncation(StrEnum):
    """What a watcher does when the log is not the one its cursor knows."""

    ERROR = "error"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class WatchPlan:
    """What is watched, from where on, and where the news goes.

    Attributes:
        address: The webhook address, where it is kept nowhere.
    """

    destination: Destination
    address: Secret | None
    log: Path
    state_folder: Path
    options: WatchOptions
    start: From
    on_truncation: OnTruncation
    policy: DeliveryPolicy

    def cursor(self) -> Path:
        """Where the cursor is kept."""
        return cursor_path(self.state_folder, events_path=self.log, destination=self.destination.name)

    def begin(self, saved: WatchState | None) -> WatchState:
        """The state to go on from: the saved one, or a new one where another place is asked for."""
        state = saved or WatchState()
        return state if self.start is From.CURSOR else WatchState(outbox=state.outbox)

    def source(self, state: WatchState, *, is_new: bool) -> UsrEventSource:
        """The log, from the state's place on; all of one that was not there when the watch began is news."""
        return UsrEventSource(
            self.log,
            position=state.position,
            start="end" if self.start is From.END and not is_new else "start",
            on_truncation="restart" if self.on_truncation is OnTruncation.RESTART else "error",
        )


def watch_log(plan: WatchPlan, *, report: Report) -> bool:
    """Watch; True if a signal ended it.

    Args:
        plan: What to watch.
        report: Told, in one line, of what goes on.

    Raises:
        NotifyError: As the command line says; what was done by then is saved.
    """
    clock = SystemClock()
    with ExitStack() as stack:
        stack.enter_context(stop_on_signals(clock))
        cursor = stack.enter_context(open_cursor(plan.cursor()))
        opened = stack.enter_context(
            open_destination(
                plan.destination,
                address=plan.address,
                policy=plan.policy,
                state_folder=plan.state_folder,
                clock=clock,
            )
        )
        is_new = not plan.log.exists()
        if is_new and not _wait_for_log(plan, clock, report):
            return True
        state = plan.begin(cursor.load())
        source = stack.enter_context(closing(plan.source(state, is_new=is_new)))
        if plan.options.follow:
            report(
                f"watching {plan.log} for {plan.destination.name} ({plan.destination.provider.value}); Ctrl-C stops"
            )
        dispatcher = opened.dispatcher(report)
        watcher = Watcher(
            source=source,
            store=cursor,
            state=state,
            submit=dispatcher.submit,
            idle=dispatcher.drain_when_due,
            options=plan.options,
            clock=clock,
            report=lambda text: report(opened.redactor.text(text)),
        )
        try:
            watcher.run()
        finally:
            report(f"{watcher.counts.words()}{_waiting_words(opened.spool)}")
    return clock.stopping


def preview_log(plan: WatchPlan, *, show: Callable[[Message], None], report: Report) -> bool:
    """Show what would be sent from where the cursor is; nothing is sent and nothing is written.

    Returns:
        Whether a signal ended it.
    """
    clock = SystemClock()
    redactor = Redactor(known_secrets(plan.destination, address=plan.address))

    def submit(message: Message) -> Disposition:
        show(redacted(message, redactor))
        return Disposition.DELIVERED

    with ExitStack() as stack:
        stack.enter_context(stop_on_signals(clock))
        is_new = not plan.log.exists()
        if is_new and not _wait_for_log(plan, clock, report):
            return True
        state = plan.begin(CursorFile(plan.cursor()).load())
        source = stack.enter_context(closing(plan.source(state, is_new=is_new)))
        Watcher(
            source=source,
            store=_NoCursor(),
            state=state,
            submit=submit,
            idle=lambda: None,
            options=plan.options,
            clock=clock,
            report=lambda text: report(redactor.text(text)),
        ).run()
    return clock.stopping


def _waiting_words(spool: SpoolFolder) -> str:
    """What of this or an earlier watch is still to be delivered, and how, as the end of a line."""
    try:
        waiting = len(spool.waiting())
    except OSError:  # the error that ends the watch is the one to be told
        return ""
    if not waiting:
        return ""
    return f"; {counted(waiting, 'message')} waiting in the spool (notify spool list, notify spool drain)"


class _NoCursor:
    """Keeps nothing."""

    def save(self, state: WatchState) -> None:
        """Forget the state."""


def _wait_for_log(plan: WatchPlan, clock: SystemClock, report: Report) -> bool:
    """Wait until there is a log, where we follow; False if a signal came first."""
    if not plan.options.follow:
        raise NotFound(
            f"there is no event log {plan.log}", mend="check --events or --dataset; --follow waits for it"
        )
    report(f"waiting for {plan.log}")
    while not plan.log.exists():
        if clock.wait(plan.options.poll_seconds):
            return False
    return True
