"""Decides which events are told at once, which are folded into one message, and when a silence is news."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dnadesign.notify.contract.events import Kind, RunEvent, kind_of_action
from dnadesign.notify.contract.messages import Message
from dnadesign.notify.contract.watch_state import RunState, WatchState
from dnadesign.notify.operations.compose import Include, event_message, progress_message, silence_message

# A run that was last heard of longer ago than this is over, whatever its log says.
_FORGOTTEN_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class FoldPolicy:
    """What is told, and how often.

    Attributes:
        only_actions: Actions that are told; empty means all.
        only_tools: Tools whose events are told; empty means all.
        progress_every: Least time between two progress messages of a run; zero tells each event by itself.
        silence_after: A run not heard of for so long is alerted; None never does.
    """

    only_actions: frozenset[str] = frozenset()
    only_tools: frozenset[str] = frozenset()
    progress_every: timedelta = timedelta(0)
    silence_after: timedelta | None = None
    include: Include = field(default_factory=Include)

    def wants(self, event: RunEvent) -> bool:
        """Whether an event is to be told at all."""
        return (not self.only_actions or event.action in self.only_actions) and self.knows(event)

    def knows(self, event: RunEvent) -> bool:
        """Whether the run that an event belongs to is one that may be told of."""
        return not self.only_tools or (event.tool or "") in self.only_tools


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of one event: told by a message, kept for later, or filtered out (neither)."""

    message: Message | None = None
    kept: bool = False


def hear(event: RunEvent, state: WatchState, policy: FoldPolicy, *, now: datetime) -> Heard:
    """Take one event in.

    Progress is kept while a message about its run is younger than ``progress_every``; anything else is told at
    once, together with what was kept before it.
    """
    if not policy.knows(event):
        return Heard()
    run = state.run_of(event)
    if run.last_id == event.event_id:
        # An archived log ends with the line that the new one begins with.
        return Heard()
    kind = kind_of_action(event.action)
    run.hear(event)
    run.ended = kind in (Kind.END, Kind.FAILURE)
    if not policy.wants(event):
        return Heard()
    if kind is Kind.PROGRESS and policy.progress_every and run.told_at is not None:
        run.fold(event)
        return Heard(kept=True)
    folded, run.folded = run.folded, None
    run.told_at = now.timestamp()
    return Heard(message=event_message(event, run, include=policy.include, folded=folded))


def fill_outbox(state: WatchState, policy: FoldPolicy, *, now: datetime, last_look: bool) -> bool:
    """Move what has become due into the outbox; True if there was any.

    These messages stand for several events, or for none. Their content depends on the clock, so it is fixed in
    the outbox, which is saved before they are sent: a second try after a crash says the same under the same id.

    Args:
        state: Where the outbox is.
        policy: What is told, and how often.
        now: The time of day.
        last_look: Nobody will look again soon, so progress of a run that has gone quiet is told too.
    """
    due = [
        message for run in state.runs.values() for message in _due(run, policy, now=now, last_look=last_look)
    ]
    state.outbox.extend(due)
    return bool(due)


def _due(run: RunState, policy: FoldPolicy, *, now: datetime, last_look: bool) -> list[Message]:
    due = []
    if run.folded is not None and _progress_due(run, policy, now, last_look=last_look):
        due.append(progress_message(run, run.folded))
        run.folded = None
        run.told_at = now.timestamp()
    if _silent(run, policy, now):
        due.append(silence_message(run, silent_for=now - run.last_time))
        run.alerted = True
    return due


def _progress_due(run: RunState, policy: FoldPolicy, now: datetime, *, last_look: bool) -> bool:
    if run.folded is None:
        return False
    # Without a time, or with one from a clock that has been set back, it is due.
    waited = now.timestamp() - (run.told_at or 0.0)
    if waited >= policy.progress_every.total_seconds() or waited < 0:
        return True
    return last_look and now - run.last_time >= policy.progress_every


def _silent(run: RunState, policy: FoldPolicy, now: datetime) -> bool:
    if policy.silence_after is None or run.alerted or run.ended or not run.run_id:
        return False
    if policy.only_tools and run.tool not in policy.only_tools:
        return False
    return policy.silence_after <= now - run.last_time <= policy.silence_after + _FORGOTTEN_AFTER
