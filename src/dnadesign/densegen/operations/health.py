"""Tell the dataset's log from time to time how a run is doing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dnadesign.densegen.contract.batches import Shard
from dnadesign.densegen.contract.errors import StoreError
from dnadesign.densegen.contract.ports import DesignStore, Json, PlanProgress

HEALTH_ACTION = "densegen_health"
HEALTH_SECONDS = 60.0


@dataclass(slots=True)
class Health:
    """Writes a health event when the first designs are there, then at most one a minute."""

    store: DesignStore
    shard: Shard
    interval: float = HEALTH_SECONDS
    clock: Callable[[], float] = time.monotonic
    _begun: float = field(init=False)
    _last: float | None = field(default=None, init=False)
    _at_start: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Note the time."""
        self._begun = self.clock()

    def __call__(self, plans: Sequence[PlanProgress]) -> None:
        """Write an event if it is time for one."""
        now, done = self.clock(), sum(plan.done for plan in plans)
        if self._at_start is None:
            self._at_start = done
        rested = now - (self._begun if self._last is None else self._last) >= self.interval
        if not rested and (self._last is not None or done == self._at_start):
            return
        self._last = now
        try:
            self.store.log(
                HEALTH_ACTION, args=health_args(plans, self.shard), metrics=self._metrics(plans, now)
            )
        except StoreError as error:
            if not error.busy:  # the next event will say as much
                raise

    def _metrics(self, plans: Sequence[PlanProgress], now: float) -> dict[str, Json]:
        done, quota = sum(plan.done for plan in plans), sum(plan.quota for plan in plans)
        made = done - (self._at_start or 0)
        rate = made / (now - self._begun) if made and now > self._begun else 0.0
        return {
            "done": done,
            "quota": quota,
            "attempts": sum(plan.attempts for plan in plans),
            "designs_per_minute": round(60 * rate, 3),
            "eta_seconds": round((quota - done) / rate, 1) if rate else None,
            "elapsed_seconds": round(now - self._begun, 1),
        }


def health_args(plans: Sequence[PlanProgress], shard: Shard) -> dict[str, Json]:
    """The state of each plan and the failures by reason, as event arguments."""
    failures: Counter[str] = Counter()
    for plan in plans:
        failures.update(plan.failures or {})
    return {
        "shard": str(shard),
        "plans": {plan.plan: {"done": plan.done, "quota": plan.quota} for plan in plans},
        "failures": {name: count for name, count in sorted(failures.items()) if count},
    }
