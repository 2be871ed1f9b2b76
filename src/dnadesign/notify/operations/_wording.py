"""How events, counts, sizes and durations are said in words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta

from dnadesign.notify.contract.events import RunEvent
from dnadesign.notify.contract.formats import cut
from dnadesign.notify.contract.watch_state import count

# What usr's own events say happened; {name} is a metric, with its unit where it counts records.
_DEEDS: Mapping[str, str] = {
    "init": "dataset made",
    "import_rows": "{rows:sequence} added",
    "attach": "{namespace} data attached to {rows:record}",
    "write_overlay_part": "{namespace} data of {rows:record} written",
    "compact_overlay": "overlay {namespace} compacted",
    "materialize": "overlays written into the base table",
    "registry_freeze": "registry frozen",
    "snapshot": "snapshot of {rows:record} made",
    "snapshot_prune": "{files:old file} of snapshots removed",
    "dedupe": "{rows_removed:duplicate record} removed, {rows:record} kept",
    "merge": "{rows:record} merged in from another dataset",
    "tombstone": "{rows:record} deleted",
    "restore": "{rows:record} restored",
    "state_set": "state of {rows:record} set",
    "state_clear": "state of {rows:record} cleared",
    "remove_overlay": "overlay {namespace} removed",
    "archive_overlay": "overlay {namespace} archived",
    "artifacts_prune": "{files:unused file} removed",
    "events_archive": "event log archived",
}
_MOST_METRICS = 8
# Told in words elsewhere in the message, or of no use to people.
_TOLD_METRICS = frozenset(
    {
        *("rows", "rows_incoming", "namespace", "quota", "done", "new", "elapsed_seconds", "designs_per_minute"),
        *("rows_removed", "files", "bytes", "bytes_before", "columns", "namespaces", "artifacts"),
    }
)  # fmt: skip
_LABELS = {"eta_seconds": "Time left"}


def deed(event: RunEvent) -> str | None:
    """What usr's own event says happened; None for other events."""
    pattern = _DEEDS.get(event.action)
    if pattern is None:
        return None
    return re.sub(r"\{(\w+)(?::([\w ]+))?\}", lambda found: _said(event, found[1], found[2]), pattern)


def _said(event: RunEvent, name: str, unit: str | None) -> str:
    value = event.metrics.get(name)
    return counted(count(value), unit) if unit else cut(str(value or "overlay"), 100)


def counted(number: int, unit: str, units: str | None = None) -> str:
    """A number with its unit: 1 record, 3,000 records; of more than one ``units``, where that is not the unit with an s."""
    return f"{number:,} {unit if number == 1 else units or f'{unit}s'}"


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


def size_words(size: float) -> str:
    """A number of bytes as people say it, in decimal units."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:,.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} TB"


def metric_facts(event: RunEvent) -> list[tuple[str, str]]:
    """The metrics that the message does not tell otherwise; nothing and none of something are left out."""
    plain = [
        (name, value)
        for name, value in event.metrics.items()
        if name not in _TOLD_METRICS and isinstance(value, (bool, int, float, str)) and value not in (0, "")
    ]
    return [(_label(name), _metric_words(name, value)) for name, value in plain[:_MOST_METRICS]]


def _label(name: str) -> str:
    words = name.removesuffix("_seconds").replace("_", " ").strip() or name
    return _LABELS.get(name) or cut(words[:1].upper() + words[1:], 100)


def _metric_words(name: str, value: bool | float | str) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e12:
        if name == "bytes" or name.endswith("_bytes"):
            return size_words(value)
        if name.endswith("_seconds"):
            return duration_words(timedelta(seconds=value)) if value >= 1 else f"{value:.2g} s"
    return value_words(value)


def value_words(value: object) -> str:
    """A value in at most 500 characters."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    if isinstance(value, (Mapping, list, tuple)):
        return cut(json.dumps(value, ensure_ascii=False), 500)
    return cut(str(value), 500)
