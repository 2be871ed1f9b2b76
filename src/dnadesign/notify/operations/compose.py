"""Says in words, and in data, what an event or a silence means."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from dnadesign.notify.contract.events import Kind, RunEvent, kind_of_action
from dnadesign.notify.contract.formats import cut
from dnadesign.notify.contract.messages import Message
from dnadesign.notify.contract.watch_state import Folded, RunState

_TYPE_PREFIX = "dnadesign.usr."
_CONTEXT_KEYS = (
    "actor",
    "dataset",
    "txid",
    "batch_id",
    "maintenance",
    "fingerprint",
    "registry_hash",
    "version",
    "artifacts",
)
_MOST_METRICS = 8
# Told in words by the message already.
_TOLD_METRICS = frozenset({"rows", "quota", "namespace"})


@dataclass(frozen=True, slots=True)
class Include:
    """What of an event goes along beyond the usual; all of it may say more than its reader should know."""

    args: bool = False
    context: bool = False
    raw_event: bool = False


def event_message(event: RunEvent, run: RunState, *, include: Include, folded: Folded | None) -> Message:
    """The message for one event; what was folded before it is told with it."""
    kind = kind_of_action(event.action)
    facts = [
        *_run_facts(run, include=include, event=event),
        *_reason_facts(event, kind),
        *_metric_facts(event, kind),
    ]
    if folded:
        facts.append(("Since the last message", _folded_words(folded)))
    if include.args and event.args:
        facts.extend((f"args.{name}", _value_words(value)) for name, value in event.args.items())
    return Message(
        key=event.event_id,
        kind=kind,
        title=_event_title(event, run, kind),
        time=_iso(event.time),
        type=_TYPE_PREFIX + event.action,
        source=_source(event.dataset),
        subject=event.dataset,
        facts=tuple(facts),
        command=_look_closer(event, include=include),
        data=_event_data(event, run, include=include, folded=folded),
    )


def progress_message(run: RunState, folded: Folded) -> Message:
    """The message that stands for many progress events of one run."""
    return Message(
        key=f"progress:{folded.first_id}:{folded.last_id}",
        kind=Kind.PROGRESS,
        title=f"{_who(run)}: {_sequences(run)}",
        time=_iso(run.last_time),
        type="dnadesign.notify.progress",
        source=_source(run.dataset),
        subject=run.dataset,
        facts=(*_run_facts(run), ("Since the last message", _folded_words(folded))),
        command=f"usr events tail {run.dataset} -n 20",
        data={**_run_data(run), "folded": folded.to_dict()},
    )


def silence_message(run: RunState, *, silent_for: timedelta) -> Message:
    """The alert for a run that has said nothing for too long."""
    words = duration_words(silent_for)
    return Message(
        key=f"silence:{run.last_id}",
        kind=Kind.ALERT,
        title=f"Nothing heard from {_who(run)} for {words}",
        time=_iso(run.last_time),
        type="dnadesign.notify.silence",
        source=_source(run.dataset),
        subject=run.dataset,
        text=f"Its last event was at {_iso(run.last_time)}. It may be stuck, killed, or busy with one hard design.",
        facts=_run_facts(run),
        command=f"usr events tail {run.dataset} -n 20",
        data={**_run_data(run), "silent_seconds": round(silent_for.total_seconds())},
    )


def note_message(
    *,
    key: str,
    status: str,
    tool: str | None,
    run_id: str | None,
    text: str,
    meta: Mapping[str, object],
    now: datetime,
) -> Message:
    """The message that a script sends by ``notify send``."""
    kind = kind_of_action(status)
    who = " ".join(part for part in (tool, f"run {run_id}" if run_id else None) if part) or "note"
    facts = [("Status", status)]
    facts.extend((label, value) for label, value in (("Tool", tool), ("Run", run_id)) if value)
    facts.extend((cut(name, 100), _value_words(value)) for name, value in meta.items())
    return Message(
        key=key,
        kind=Kind.NOTE if kind is Kind.NOTABLE else kind,
        title=f"{who}: {status}",
        time=_iso(now),
        type="dnadesign.notify.message",
        source=f"urn:dnadesign:notify:{quote(tool or 'send')}",
        subject=run_id,
        text=text,
        facts=tuple(facts),
        data={"status": status, "tool": tool, "run_id": run_id, "message": text, "meta": _machine(meta)},
    )


def duration_words(span: timedelta) -> str:
    """A duration as people say it: 45 s, 12 min, 2 h 3 min, 3 d 4 h."""
    seconds = max(0, round(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 60:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"


def _event_title(event: RunEvent, run: RunState, kind: Kind) -> str:
    if kind is Kind.START:
        return f"{_who(run)} started on {run.dataset}"
    if kind is Kind.END:
        return f"{_who(run)} completed: {_sequences(run)} in {duration_words(run.last_time - run.first_time)}"
    if kind is Kind.FAILURE:
        return f"{_who(run)} FAILED ({event.action}) after {duration_words(run.last_time - run.first_time)}"
    if kind is Kind.PROGRESS:
        return f"{_who(run)}: {event.action}, {_sequences(run)}"
    return f"{event.dataset}: {event.action} by {_who(run)}"


def _who(run: RunState) -> str:
    name = run.tool or "unknown tool"
    return f"{name} run {run.run_id}" if run.run_id else name


def _sequences(run: RunState) -> str:
    if run.quota:
        return f"{run.sequences:,} of {run.quota:,} sequences"
    return f"{run.sequences:,} sequence{'' if run.sequences == 1 else 's'}"


def _run_facts(
    run: RunState, *, include: Include | None = None, event: RunEvent | None = None
) -> tuple[tuple[str, str], ...]:
    facts = [("Dataset", run.dataset)]
    if run.tool:
        facts.append(("Tool", run.tool))
    if run.run_id:
        facts.append(("Run", run.run_id))
    if include and include.context and event:
        facts.extend((label, value) for label, value in _place(event).items())
    if run.sequences:
        facts.append(("Sequences", f"{run.sequences:,}"))
    if run.quota:
        facts.append(("Quota", f"{run.quota:,} ({100 * run.sequences / run.quota:.0f} % done)"))
    if run.overlay_rows:
        facts.append(("Overlay rows", f"{run.overlay_rows:,}"))
    span = run.last_time - run.first_time
    if span > timedelta(seconds=1):
        facts.append(("Duration", duration_words(span)))
        if run.sequences:
            facts.append(("Rate", f"{run.sequences / (span.total_seconds() / 60):,.1f} sequences/min"))
    return tuple(facts)


def _place(event: RunEvent) -> dict[str, str]:
    raw = event.raw()
    actor, dataset = raw.get("actor"), raw.get("dataset")
    host = actor.get("host") if isinstance(actor, Mapping) else None
    root = dataset.get("root") if isinstance(dataset, Mapping) else None
    return {label: str(value) for label, value in (("Host", host), ("Root", root)) if value}


def _reason_facts(event: RunEvent, kind: Kind) -> list[tuple[str, str]]:
    """Why it failed, where that is said in a word; a free text may say more than its reader should know."""
    reason = event.args.get("reason")
    told = kind is Kind.FAILURE and isinstance(reason, str) and re.fullmatch(r"[a-z][a-z0-9_]{0,63}", reason)
    return [("Reason", str(reason))] if told else []


def _metric_facts(event: RunEvent, kind: Kind) -> list[tuple[str, str]]:
    if kind is Kind.PROGRESS:
        return []
    plain = [
        (name, value)
        for name, value in event.metrics.items()
        if name not in _TOLD_METRICS and isinstance(value, (bool, int, float, str))
    ]
    return [(cut(name, 100), _value_words(value)) for name, value in plain[:_MOST_METRICS]]


def _value_words(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return cut(str(value), 500)


def _folded_words(folded: Folded) -> str:
    events = f"{folded.events:,} event{'' if folded.events == 1 else 's'}"
    return f"{events}, {folded.rows:,} sequences" if folded.rows else events


def _look_closer(event: RunEvent, *, include: Include) -> str:
    root = _place(event).get("Root") if include.context else None
    return f"usr events tail {event.dataset} -n 20" + (f" --root {root}" if root else "")


def _run_data(run: RunState) -> dict[str, object]:
    span = (run.last_time - run.first_time).total_seconds()
    return {
        "dataset": run.dataset,
        "tool": run.tool or None,
        "run_id": run.run_id or None,
        "run": {
            "events": run.events,
            "sequences": run.sequences,
            "overlay_rows": run.overlay_rows,
            "quota": run.quota,
            "seconds": round(span, 3),
        },
    }


def _event_data(
    event: RunEvent, run: RunState, *, include: Include, folded: Folded | None
) -> dict[str, object]:
    data: dict[str, object] = {
        **_run_data(run),
        "event_id": event.event_id,
        "action": event.action,
        "metrics": _machine(event.metrics),
        "folded": folded.to_dict() if folded else None,
    }
    if include.args:
        data["args"] = _machine(event.args)
    if include.context:
        raw = event.raw()
        data["context"] = _machine({key: raw[key] for key in _CONTEXT_KEYS if key in raw})
    if include.raw_event:
        data["raw_event"] = _machine(event.raw())
    return data


def _machine(value: object) -> object:
    """The value without what JSON cannot say: NaN and the infinities become null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _machine(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_machine(item) for item in value]
    return value


def _source(dataset: str) -> str:
    return f"urn:dnadesign:usr:{quote(dataset)}"


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
