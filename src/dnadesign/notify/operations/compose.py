"""Says in words, and in data, what an event or a silence means."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from dnadesign.notify.contract.events import Kind, RunEvent, kind_of_action
from dnadesign.notify.contract.formats import cut
from dnadesign.notify.contract.messages import Message
from dnadesign.notify.contract.watch_state import Folded, RunState
from dnadesign.notify.operations._telling import (
    event_title,
    failure_reason,
    progress_title,
    run_facts,
    run_name,
    run_span,
)
from dnadesign.notify.operations._wording import counted, duration_words, metric_facts, value_words

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
        *run_facts(run, event),
        *(_place(event).items() if include.context else ()),
        *([("Reason", reason)] if kind is Kind.FAILURE and (reason := failure_reason(event)) else []),
        *metric_facts(event),
    ]
    if folded:
        facts.append(("Since the last message", _folded_words(folded)))
    if include.args and event.args:
        facts.extend((f"args.{name}", value_words(value)) for name, value in event.args.items())
    return Message(
        key=event.event_id,
        kind=kind,
        title=event_title(event, run, kind),
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
        title=progress_title(run, folded),
        time=_iso(run.last_time),
        type="dnadesign.notify.progress",
        source=_source(run.dataset),
        subject=run.dataset,
        facts=(*run_facts(run), ("Since the last message", _folded_words(folded))),
        command=f"usr events tail {run.dataset} -n 20",
        data={**_run_data(run), "folded": folded.to_dict()},
    )


def silence_message(run: RunState, *, silent_for: timedelta) -> Message:
    """The alert for a run that has said nothing for too long."""
    words = duration_words(silent_for)
    return Message(
        key=f"silence:{run.last_id}",
        kind=Kind.ALERT,
        title=f"Nothing heard from {run_name(run)} for {words}",
        time=_iso(run.last_time),
        type="dnadesign.notify.silence",
        source=_source(run.dataset),
        subject=run.dataset,
        text=f"Its last event was at {run.last_time:%Y-%m-%d %H:%M} UTC. It may be stuck, killed, or busy with one hard design.",
        facts=run_facts(run),
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
    facts.extend((cut(name, 100), value_words(value)) for name, value in meta.items())
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


def _place(event: RunEvent) -> dict[str, str]:
    raw = event.raw()
    actor, dataset = raw.get("actor"), raw.get("dataset")
    host = actor.get("host") if isinstance(actor, Mapping) else None
    root = dataset.get("root") if isinstance(dataset, Mapping) else None
    return {label: str(value) for label, value in (("Host", host), ("Root", root)) if value}


def _folded_words(folded: Folded) -> str:
    events = counted(folded.events, "event")
    return f"{events}, {counted(folded.rows, 'sequence')}" if folded.rows else events


def _look_closer(event: RunEvent, *, include: Include) -> str:
    root = _place(event).get("Root") if include.context else None
    return f"usr events tail {event.dataset} -n 20" + (f" --root {root}" if root else "")


def _run_data(run: RunState, event: RunEvent | None = None) -> dict[str, object]:
    return {
        "dataset": run.dataset,
        "tool": run.tool or None,
        "run_id": run.run_id or None,
        "run": {
            "events": run.events,
            "sequences": run.sequences,
            "overlay_rows": run.overlay_rows,
            "quota": run.quota,
            "seconds": round(run_span(run, event).total_seconds(), 3),
        },
    }


def _event_data(
    event: RunEvent, run: RunState, *, include: Include, folded: Folded | None
) -> dict[str, object]:
    data: dict[str, object] = {
        **_run_data(run, event),
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
