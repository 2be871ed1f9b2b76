"""How far a run is, from its dataset and its attempts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dnadesign.densegen.contract.batches import Shard
from dnadesign.densegen.contract.config import DesignConfig
from dnadesign.densegen.contract.ports import STARTED_ACTION, RunNews, StoredDesign
from dnadesign.densegen.operations.resuming import ACCEPTED


@dataclass(frozen=True, slots=True)
class PlanStatus:
    """A plan of a run: designs there of how many, designs deleted, attempts looked at, failures by reason."""

    plan: str
    quota: int
    done: int
    deleted: int
    attempts: int
    failures: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ShardStatus:
    """A shard of a run, written I/N: what it is at, in words, and whether it is to be started once more."""

    shard: str
    state: str
    to_resume: bool


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run as it stands.

    ``shards`` is None before its first start, ``at_work`` names shards that run now, and
    ``unreferenced_artifacts`` counts the dataset's files of arrays that no row refers to, as a crash may leave them.
    ``parts`` are the shards of a run that is split, one by one.
    """

    run_id: str
    dataset: str
    shards: int | None
    at_work: tuple[str, ...]
    plans: tuple[PlanStatus, ...]
    unreferenced_artifacts: int = 0
    last: RunNews | None = None
    parts: tuple[ShardStatus, ...] = ()

    @property
    def stopped(self) -> str:
        """Why and when the run stopped short of its quotas, in words; empty where it did not, or is at work."""
        if self.last is None or self.at_work or self.complete:
            return ""
        return _ended(self.last)

    @property
    def started(self) -> bool:
        """Whether there is anything of the run."""
        return (
            self.shards is not None
            or self.last is not None
            or any(plan.done or plan.deleted for plan in self.plans)
        )

    @property
    def complete(self) -> bool:
        """Whether every quota is reached."""
        return all(plan.done >= plan.quota for plan in self.plans)


def run_status(
    config: DesignConfig,
    stored: Sequence[StoredDesign],
    attempts: Sequence[Mapping[str, str]],
    *,
    shards: int | None,
    at_work: Sequence[str],
    unreferenced_artifacts: int = 0,
    news: Sequence[RunNews] = (),
) -> RunStatus:
    """The state of a run.

    Args:
        config: What was asked for.
        stored: The run's designs in the dataset.
        attempts: Rows of the attempt log with ``plan`` and ``status``.
        shards: Into how many shards the run is split, if it was started.
        at_work: Shards that a process is working on.
        unreferenced_artifacts: Files of arrays without a row.
        news: The last start or end of each shard that the log tells of, the newest last.
    """
    done = Counter(design.plan for design in stored if not design.deleted)
    deleted = Counter(design.plan for design in stored if design.deleted)
    tried = Counter(row["plan"] for row in attempts)
    failures = Counter((row["plan"], row["status"]) for row in attempts if row["status"] != ACCEPTED)
    plans = tuple(
        PlanStatus(
            plan=plan.name,
            quota=plan.quota,
            done=done[plan.name],
            deleted=deleted[plan.name],
            attempts=tried[plan.name],
            failures={
                reason: count for (name, reason), count in sorted(failures.items()) if name == plan.name
            },
        )
        for plan in config.plans
    )
    return RunStatus(
        config.run.id,
        config.output.dataset,
        shards,
        tuple(at_work),
        plans,
        unreferenced_artifacts,
        news[-1] if news else None,
        _parts(config, stored, shards or 1, at_work, {one.shard: one for one in news}),
    )


def _parts(
    config: DesignConfig,
    stored: Sequence[StoredDesign],
    count: int,
    at_work: Sequence[str],
    news: Mapping[str, RunNews],
) -> tuple[ShardStatus, ...]:
    """Each shard of a run that is split into several."""
    parts = []
    for shard in (Shard(index, count) for index in range(count if count > 1 else 0)):
        done = Counter(
            design.plan for design in stored if not design.deleted and shard.owns(design.library_index)
        )
        complete = all(done[plan.name] >= shard.quota(plan.quota) for plan in config.plans)
        last = news.get(str(shard))
        if shard.name in at_work:
            state = "at work"
        elif complete:
            state = "complete"
        else:
            state = _ended(last) if last is not None else "not started"
        parts.append(ShardStatus(str(shard), state, not complete and shard.name not in at_work))
    return tuple(parts)


def _ended(last: RunNews) -> str:
    """Why and when it ended that is not at work and not complete, in words."""
    moment = f"{last.at[:19].replace('T', ' ')}Z"
    if last.reason == "interrupted":
        return f"interrupted at {moment}"
    if last.action == STARTED_ACTION:
        return f"interrupted: started at {moment} and ended without a word"
    return f"stopped at {moment}" + (f" ({last.reason.replace('_', ' ')})" if last.reason else "")
