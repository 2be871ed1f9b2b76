"""What an event means for its run, said as a title and as facts."""

from __future__ import annotations

import re
from datetime import timedelta

from dnadesign.notify.contract.events import Kind, RunEvent
from dnadesign.notify.contract.watch_state import Folded, RunState, count
from dnadesign.notify.operations._wording import counted, deed, duration_words

_SHORTEST_TOLD = timedelta(seconds=1)


def event_title(event: RunEvent, run: RunState, kind: Kind) -> str:
    """One line that says what happened, and to whom."""
    if kind is Kind.START:
        return _start_title(event, run)
    if kind is Kind.END:
        return _end_title(event, run)
    if kind is Kind.FAILURE:
        return _failure_title(event, run)
    done = deed(event)
    if kind is not Kind.PROGRESS or (done and not run.run_id):
        return f"{event.dataset}: {done or _action_words(event)} by {run_name(run)}"
    so_far = sequences_so_far(run)
    if done is None:
        return f"{run_name(run)}: {so_far or _action_words(event)}"
    # The first sequences of a run without a quota would be told twice.
    repeats = (
        event.action == "import_rows" and not run.quota and run.sequences == count(event.metrics.get("rows"))
    )
    return f"{run_name(run)}: {done}" + (f", {so_far}" if so_far and not repeats else "")


def progress_title(run: RunState, folded: Folded) -> str:
    """One line for many progress events of a run."""
    if not run.run_id:
        return f"{run.dataset}: {counted(folded.events, 'change')} by {run_name(run)}"
    return f"{run_name(run)}: {sequences_so_far(run) or counted(folded.events, 'event')}"


def run_name(run: RunState, event: RunEvent | None = None) -> str:
    """The run as people call it; with its shard where the event is that of one among several."""
    name = run.tool or "unknown tool"
    if not run.run_id:
        return name
    shard = event.args.get("shard") if event is not None else None
    several = isinstance(shard, str) and re.fullmatch(r"\d{1,6}/([2-9]|\d{2,6})", shard)
    return f"{name} run {run.run_id}" + (f" (shard {shard})" if several else "")


def sequences_so_far(run: RunState) -> str | None:
    """How far the run is; None while nothing is known of it."""
    if run.quota:
        return f"{run.sequences:,} of {counted(run.quota, 'sequence')}"
    return counted(run.sequences, "sequence") if run.sequences else None


def run_span(run: RunState, event: RunEvent | None = None) -> timedelta:
    """How long the run has been at it since it was started or resumed: as the tool says, else as its events show."""
    told = event.metrics.get("elapsed_seconds") if event is not None else None
    if isinstance(told, (int, float)) and not isinstance(told, bool) and 0 <= told < 1e9:
        return timedelta(seconds=told)
    return run.last_time - run.first_time


def run_facts(run: RunState, event: RunEvent | None = None) -> tuple[tuple[str, str], ...]:
    """Whose news it is, and the numbers of the run. What no run id holds together has no numbers."""
    facts = [("Dataset", run.dataset)]
    if run.tool:
        facts.append(("Tool", run.tool))
    if not run.run_id:
        return tuple(facts)
    facts.append(("Run", run.run_id))
    if run.sequences:
        facts.append(("Sequences", f"{run.sequences:,}"))
    if run.quota:
        facts.append(("Quota", f"{run.quota:,} ({100 * run.sequences / run.quota:.0f} % done)"))
    span = run_span(run, event)
    if span >= _SHORTEST_TOLD:
        facts.append(("Duration", duration_words(span)))
        if made := _made(run, event):
            facts.append(("Rate", f"{made / (span.total_seconds() / 60):,.1f} sequences/min"))
    return tuple(facts)


def failure_reason(event: RunEvent) -> str | None:
    """Why it failed, where that is said in a word; a free text may say more than its reader should know."""
    reason = event.args.get("reason")
    told = isinstance(reason, str) and re.fullmatch(r"[a-z][a-z0-9_]{0,63}", reason)
    return str(reason).replace("_", " ") if told else None


def _start_title(event: RunEvent, run: RunState) -> str:
    """A start that finds sequences of its own run goes on with it."""
    went_on = count(event.metrics.get("done")) > 0
    so_far = sequences_so_far(run) if went_on else None
    words = f"{run_name(run, event)} {'resumed' if went_on else 'started'} on {run.dataset}"
    return words + (f": {so_far}" if so_far else "")


def _end_title(event: RunEvent, run: RunState) -> str:
    so_far = sequences_so_far(run)
    if so_far and event.metrics.get("new") == 0:
        return f"{run_name(run, event)} had nothing left to do: {so_far}"
    words = f"{run_name(run, event)} completed" + (f": {so_far}" if so_far else "")
    return words + _after(run, event, "in")


def _failure_title(event: RunEvent, run: RunState) -> str:
    reason = failure_reason(event)
    words = f"{run_name(run, event)} "
    words += "was interrupted" if reason == "interrupted" else "FAILED"
    words += _after(run, event, "after")
    told = [part for part in (reason if reason != "interrupted" else None, sequences_so_far(run)) if part]
    if not reason and event.action.rpartition("_")[2] not in ("failed", "failure"):
        told.insert(0, _action_words(event))
    return words + (f": {', '.join(told)}" if told else "")


def _after(run: RunState, event: RunEvent, word: str) -> str:
    span = run_span(run, event)
    return f" {word} {duration_words(span)}" if span >= _SHORTEST_TOLD else ""


def _made(run: RunState, event: RunEvent | None) -> int:
    new = event.metrics.get("new") if event is not None else None
    return count(new) if new is not None else run.made


def _action_words(event: RunEvent) -> str:
    return event.action.replace("_", " ")
