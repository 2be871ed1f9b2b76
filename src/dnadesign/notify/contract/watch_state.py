"""What a watcher remembers between two looks at a log: runs, folded events, messages not yet sent, its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dnadesign.notify.contract.errors import StateFileError
from dnadesign.notify.contract.events import Kind, RunEvent, kind_of_action, parse_time
from dnadesign.notify.contract.messages import Message, message_from_dict

STATE_VERSION = 1
_MOST_RUNS = 200


@dataclass(slots=True)
class Folded:
    """Progress that was heard of and not told yet."""

    events: int
    rows: int
    first_id: str
    last_id: str

    def to_dict(self) -> dict[str, object]:
        """The counts as JSON values."""
        return {"events": self.events, "rows": self.rows, "first_id": self.first_id, "last_id": self.last_id}


@dataclass(slots=True)
class RunState:
    """What is known of one run: the events of one dataset that share tool and run id.

    Attributes:
        first_time: When it was first heard of since it was started or resumed.
        added: Base rows that it added while we listened.
        made: Those since it was started or resumed.
        overlay_rows: Overlay rows that it wrote.
        quotas: How many sequences it means to make, where it said so, by shard.
        done: How many of them it has, where it said so, by shard.
        told_at: When (seconds since 1970) the last message about it was made; None before the first.
        alerted: The present silence has been told.
        ended: Its end or failure has been heard.
    """

    dataset: str
    tool: str
    run_id: str
    first_time: datetime
    last_time: datetime
    last_id: str = ""
    events: int = 0
    added: int = 0
    made: int = 0
    overlay_rows: int = 0
    quotas: dict[str, int] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)
    told_at: float | None = None
    alerted: bool = False
    ended: bool = False
    folded: Folded | None = None

    def hear(self, event: RunEvent) -> None:
        """Count one event in; one after the end is the first of a run that was resumed."""
        if self.ended or (kind_of_action(event.action) is Kind.START and len(self.quotas) <= 1):
            self.first_time, self.made = event.time, 0
        self.events += 1
        self.last_id = event.event_id
        self.last_time = max(self.last_time, event.time)
        self.alerted = False
        if event.action == "import_rows":
            rows = count(event.metrics.get("rows"))
            self.added += rows
            self.made += rows
        elif event.action in ("write_overlay_part", "attach"):
            self.overlay_rows += count(event.metrics.get("rows"))
        elif b'"quota":' in event.line and (quota := _quota(event)):
            shard = str(event.args.get("shard", ""))[:100]
            self.quotas[shard] = quota
            self.done[shard] = count(event.metrics.get("done"))

    @property
    def sequences(self) -> int:
        """How many it has made: those added while we listened, or more where it said so."""
        return max(self.added, sum(self.done.values()))

    @property
    def quota(self) -> int | None:
        """How many sequences the run means to make; None while it is not known of all its shards."""
        total = sum(self.quotas.values())
        return total if total >= max(1, self.sequences) else None

    def fold(self, event: RunEvent) -> None:
        """Keep one progress event for a later message."""
        if self.folded is None:
            self.folded = Folded(events=0, rows=0, first_id=event.event_id, last_id=event.event_id)
        self.folded.events += 1
        self.folded.last_id = event.event_id
        if event.action == "import_rows":
            self.folded.rows += count(event.metrics.get("rows"))

    def to_dict(self) -> dict[str, object]:
        """The run as JSON values."""
        return {
            "dataset": self.dataset,
            "tool": self.tool,
            "run_id": self.run_id,
            "first_time": self.first_time.isoformat(),
            "last_time": self.last_time.isoformat(),
            "last_id": self.last_id,
            "events": self.events,
            "added": self.added,
            "made": self.made,
            "overlay_rows": self.overlay_rows,
            "quotas": self.quotas,
            "done": self.done,
            "told_at": self.told_at,
            "alerted": self.alerted,
            "ended": self.ended,
            "folded": self.folded.to_dict() if self.folded else None,
        }


@dataclass(slots=True)
class WatchState:
    """Everything that a cursor file holds. One atomic write keeps place and memory together.

    Attributes:
        position: The place in the log, as its source writes it; None before the first line.
        outbox: Messages that were made from more than one event and are still to be sent, oldest first.
    """

    position: Mapping[str, object] | None = None
    runs: dict[tuple[str, str, str], RunState] = field(default_factory=dict)
    outbox: list[Message] = field(default_factory=list)

    def run_of(self, event: RunEvent) -> RunState:
        """The run that an event belongs to, made where it is new."""
        run = self.runs.get(event.run_key)
        if run is None:
            dataset, tool, run_id = event.run_key
            run = RunState(
                dataset=dataset, tool=tool, run_id=run_id, first_time=event.time, last_time=event.time
            )
            self.runs[event.run_key] = run
            self._forget_old_runs()
        return run

    def _forget_old_runs(self) -> None:
        if len(self.runs) <= _MOST_RUNS:
            return
        quiet = [(not run.ended, run.last_time, key) for key, run in self.runs.items() if run.folded is None]
        for _, _, key in sorted(quiet)[: len(self.runs) - _MOST_RUNS]:
            del self.runs[key]

    def to_dict(self) -> dict[str, object]:
        """The state as JSON values."""
        return {
            "version": STATE_VERSION,
            "position": dict(self.position) if self.position is not None else None,
            "runs": [run.to_dict() for run in self.runs.values()],
            "outbox": [message.to_dict() for message in self.outbox],
        }


def _quota(event: RunEvent) -> int:
    return count(event.metrics.get("quota")) or count(event.args.get("quota"))


def watch_state_from_dict(raw: Mapping[str, object], *, path: str) -> WatchState:
    """The state that ``to_dict`` wrote.

    Raises:
        StateFileError: Another version, or a file changed by hand into something else.
    """
    if raw.get("version") != STATE_VERSION:
        raise StateFileError(
            f"{path} is a cursor of version {raw.get('version')!r}; this program reads version {STATE_VERSION}",
            mend="use the program that wrote it, or move the file away and start again with --from",
        )
    try:
        position, runs, outbox = raw["position"], raw["runs"], raw["outbox"]
        if not isinstance(runs, list) or not isinstance(outbox, list):
            raise TypeError("runs or outbox")
        if position is not None and not isinstance(position, Mapping):
            raise TypeError("position")
        states = [_run_from_dict(run) for run in runs]
        return WatchState(
            position=position,
            runs={(run.dataset, run.tool, run.run_id): run for run in states},
            outbox=[message_from_dict(message, path=path) for message in outbox],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StateFileError(
            f"{path} is not a cursor file: {type(error).__name__} in its content",
            mend="move the file away and start again with --from start or --from end",
        ) from None


def _run_from_dict(raw: Mapping[str, object]) -> RunState:
    first, last, folded = parse_time(raw["first_time"]), parse_time(raw["last_time"]), raw["folded"]
    if first is None or last is None:
        raise ValueError("time")
    told_at, quotas, done = raw["told_at"], raw["quotas"], raw["done"]
    if not isinstance(quotas, Mapping) or not isinstance(done, Mapping):
        raise TypeError("quotas or done")
    return RunState(
        dataset=str(raw["dataset"]),
        tool=str(raw["tool"]),
        run_id=str(raw["run_id"]),
        first_time=first,
        last_time=last,
        last_id=str(raw["last_id"]),
        events=count(raw["events"]),
        added=count(raw["added"]),
        made=count(raw["made"]),
        overlay_rows=count(raw["overlay_rows"]),
        quotas={str(shard): count(quota) for shard, quota in quotas.items()},
        done={str(shard): count(number) for shard, number in done.items()},
        told_at=float(told_at) if isinstance(told_at, (int, float)) else None,
        alerted=bool(raw["alerted"]),
        ended=bool(raw["ended"]),
        folded=_folded_from_dict(folded) if isinstance(folded, Mapping) else None,
    )


def _folded_from_dict(raw: Mapping[str, object]) -> Folded:
    return Folded(
        events=count(raw["events"]),
        rows=count(raw["rows"]),
        first_id=str(raw["first_id"]),
        last_id=str(raw["last_id"]),
    )


def count(value: object) -> int:
    """A whole number that is not negative; 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
