"""Writes event logs as usr writes them, one line an event."""

import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def event(
    action: str,
    *,
    number: int = 0,
    tool: str = "densegen",
    run_id: str | None = "r1",
    time: datetime | None = None,
    metrics: dict[str, object] | None = None,
    args: dict[str, object] | None = None,
    version: int = 1,
) -> dict[str, object]:
    """One event; ``number`` makes its id and, unless a time is given, its time."""
    moment = time or START + timedelta(seconds=number)
    return {
        "event_version": version,
        "event_id": f"{number:032x}",
        "txid": uuid.UUID(int=number).hex,
        "batch_id": None,
        "batch_sha256": None,
        "timestamp_utc": moment.isoformat().replace("+00:00", "Z"),
        "action": action,
        "dataset": {"name": "demo/lexA", "root": "<root>"},
        "actor": {"tool": tool, "run_id": run_id, "host": "node7", "pid": 4711},
        "args": args or {},
        "metrics": metrics or {},
        "artifacts": {"added": [], "removed": []},
        "maintenance": {},
        "fingerprint": {"rows": 1, "cols": 7, "size_bytes": 100},
        "registry_hash": "0" * 64,
        "version": "0.1.0",
    }


def line(one: dict[str, object]) -> bytes:
    """The event as a line."""
    return json.dumps(one, separators=(",", ":")).encode() + b"\n"


def dataset_folder(parent: Path) -> Path:
    """The folder of a dataset that has nothing but its log."""
    folder = parent / "root" / "demo" / "lexA"
    folder.mkdir(parents=True)
    return folder


def append(folder: Path, events: Iterable[dict[str, object]]) -> Path:
    """Put events at the end of a dataset's log; the log's path."""
    path = folder / ".events.log"
    with path.open("ab") as file:
        file.write(b"".join(line(one) for one in events))
    return path


def imports(numbers: Iterable[int], *, rows: int = 10) -> list[dict[str, object]]:
    """Events of base rows added, one for each number."""
    return [event("import_rows", number=number, metrics={"rows": rows, "bytes": 1000}) for number in numbers]
