"""What came of a run, and the event that says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from dnadesign.densegen.contract.batches import Shard
from dnadesign.densegen.contract.errors import DensegenError, StoreError
from dnadesign.densegen.contract.ports import (
    COMPLETED_ACTION,
    FAILED_ACTION,
    STARTED_ACTION,
    DesignStore,
    Json,
    PlanProgress,
)
from dnadesign.densegen.operations.campaign import PlanOutcome, StopReason
from dnadesign.densegen.operations.health import health_args


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What came of one start of a run (or shard)."""

    run_id: str
    dataset: str
    shard: str
    plans: tuple[PlanOutcome, ...]
    seconds: float
    workers: int

    @property
    def complete(self) -> bool:
        """Whether every quota is reached."""
        return all(plan.done >= plan.quota for plan in self.plans)

    @property
    def idle(self) -> bool:
        """Whether there was nothing left to do: the quotas were reached before this start."""
        return self.complete and not any(plan.new for plan in self.plans)

    @property
    def hopeless(self) -> bool:
        """Whether going on would only try again what was proven to have no solution."""
        short = [plan for plan in self.plans if plan.done < plan.quota]
        return bool(short) and all(plan.reason is StopReason.INFEASIBLE for plan in short)

    @property
    def interrupted(self) -> bool:
        """Whether someone asked it to stop."""
        return any(plan.reason is StopReason.INTERRUPTED for plan in self.plans)

    @property
    def failures(self) -> dict[str, int]:
        """Failures by reason over all plans."""
        total: Counter[str] = Counter()
        for plan in self.plans:
            total.update(plan.failures)
        return dict(total.most_common())

    @property
    def solver_share(self) -> float:
        """The share of the solver processes' time in which they were solving, 0 to 1."""
        available = self.seconds * self.workers
        return sum(plan.solver_seconds for plan in self.plans) / available if available else 0.0


def log_start(store: DesignStore, shard: Shard, plans: Mapping[str, tuple[int, int]]) -> None:
    """Record in the dataset that (a shard of) a run begins, or goes on with what it has.

    Args:
        store: Where.
        shard: Which part of the run.
        plans: Designs that are there, and the quota, of each plan.
    """
    done, quota = sum(one for one, _ in plans.values()), sum(one for _, one in plans.values())
    told: dict[str, Json] = {name: {"done": have, "quota": wanted} for name, (have, wanted) in plans.items()}
    try:
        store.log(
            STARTED_ACTION, args={"shard": str(shard), "plans": told}, metrics={"done": done, "quota": quota}
        )
    except StoreError as error:
        if not error.busy:  # the next event will say as much
            raise


def log_end(store: DesignStore, outcome: RunOutcome) -> None:
    """Record in the dataset that the run reached its quotas, or that it ended without.

    A start that found nothing left to do says so only if the log does not yet: as when the run was killed after
    its last designs. It then gives no time, for the time that the designs took is not known.
    """
    if outcome.idle and _told(store, outcome):
        return
    short = [plan for plan in outcome.plans if plan.done < plan.quota]
    args: dict[str, Json] = {
        "shard": outcome.shard,
        "plans": {
            plan.plan: {"done": plan.done, "quota": plan.quota, "reason": str(plan.reason)}
            for plan in outcome.plans
        },
        "failures": outcome.failures,
    }
    if short:
        args["reason"] = "interrupted" if outcome.interrupted else "quota_not_reached"
    metrics: dict[str, Json] = {
        "done": sum(plan.done for plan in outcome.plans),
        "quota": sum(plan.quota for plan in outcome.plans),
        "new": sum(plan.new for plan in outcome.plans),
        "attempts": sum(plan.attempts for plan in outcome.plans),
    }
    if not outcome.idle:
        metrics["elapsed_seconds"] = round(outcome.seconds, 3)
    store.log(FAILED_ACTION if short else COMPLETED_ACTION, args=args, metrics=metrics)


def _told(store: DesignStore, outcome: RunOutcome) -> bool:
    """Whether the log already says that (this shard of) the run reached just these quotas."""
    quotas = {plan.plan: plan.quota for plan in outcome.plans}
    return any(
        args.get("shard") == outcome.shard
        and {name: plan["quota"] for name, plan in args.get("plans", {}).items()} == quotas
        for args in store.logged(COMPLETED_ACTION)
    )


def log_failure(
    store: DesignStore, shard: Shard, progress: Mapping[str, PlanProgress], error: Exception
) -> None:
    """Record that a run broke off; that this cannot be recorded must not hide the error itself."""
    plans = list(progress.values())
    args = health_args(plans, shard)
    cause = {"reason": getattr(error, "code", "error"), "error": str(error).splitlines()[0][:500]}
    metrics = {"done": sum(plan.done for plan in plans), "quota": sum(plan.quota for plan in plans)}
    try:
        store.log(FAILED_ACTION, args={**args, **cause}, metrics=metrics)
    except DensegenError as second:
        error.add_note(f"this could not be recorded as an event: {second}")
