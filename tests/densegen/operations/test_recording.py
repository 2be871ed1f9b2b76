"""Flushes and health events: when they happen, and when the dataset is slow or busy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from dnadesign.densegen.adapters.outputs.attempt_log import ParquetAttemptLog
from dnadesign.densegen.contract.batches import Shard
from dnadesign.densegen.contract.design import Design
from dnadesign.densegen.contract.errors import StoreError
from dnadesign.densegen.contract.ports import Attempt, Json, PlanProgress
from dnadesign.densegen.operations.health import Health
from dnadesign.densegen.operations.recording import Recorder
from tests.densegen.adapters.outputs.test_usr_writer import design
from tests.densegen.memory_store import MemoryStore


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class SlowStore(MemoryStore):
    """Takes a while for each commit, and is busy a number of times."""

    clock: Clock
    seconds: float = 0.0
    busy: int = 0

    def commit(self, batch_id: str, designs: Sequence[Design]) -> None:
        self.clock.now += self.seconds
        if self.busy:
            self.busy -= 1
            raise StoreError("locked by another", exit_status=5, cause_code="lock_timeout")
        super().commit(batch_id, designs)

    def log(self, action: str, *, args: Mapping[str, Json], metrics: Mapping[str, Json]) -> None:
        if self.busy:
            self.busy -= 1
            raise StoreError("locked by another", exit_status=5, cause_code="lock_timeout")
        super().log(action, args=args, metrics=metrics)


def recorder(store: SlowStore, folder: Path, *, chunk_size: int) -> Recorder:
    return Recorder(
        plan="plan",
        run_id="run",
        shard=Shard(),
        store=store,
        log=ParquetAttemptLog(folder, Shard()),
        chunk_size=chunk_size,
        both_strands=False,
        committed=0,
        next_batch=1,
        next_part=1,
        attempts=0,
        failures=Counter(),
        clock=store.clock,
    )


def attempt(number: int, *, status: str = "accepted") -> Attempt:
    return Attempt(number, number, 0, "l" * 64, status, "", 0.1, "2026-11-22T00:00:00.000+00:00", False)


def sequence(number: int) -> str:
    return "".join("ACGT"[number >> shift & 3] for shift in range(0, 20, 2))


@pytest.mark.parametrize("seconds", [0.0, 0.02, 1.0, 10.0])
def test_flushes_take_at_most_a_twentieth_of_the_time_and_come_soon_where_they_are_cheap(
    tmp_path: Path, seconds: float
) -> None:
    store = SlowStore()
    store.clock, store.seconds = Clock(), seconds
    made = recorder(store, tmp_path, chunk_size=4)
    for number in range(800):
        store.clock.now += 1.0
        made.accept(attempt(number), design(sequence(number), attempt=number))
        if made.due:
            made.flush()
    free = 3 * seconds  # the first three show what a flush costs
    assert made.flush_seconds - free <= 0.05 * store.clock.now
    if seconds < 0.1:
        assert made.flushes == 200


def test_a_busy_dataset_keeps_the_designs_for_the_next_flush(tmp_path: Path) -> None:
    store = SlowStore()
    store.clock, store.busy = Clock(), 2
    made = recorder(store, tmp_path, chunk_size=1)
    made.accept(attempt(0), design("ACGT"))
    for _ in range(2):
        with pytest.raises(StoreError):
            made.flush()
    assert made.flush() == 1
    assert list(store.batches) == ["run:0-of-1:plan:000001"]
    (part,) = made.log.parts("plan")
    assert (part[0], part[1], len(part[2])) == (1, "run:0-of-1:plan:000001", 1)


def test_failures_without_a_design_are_written_down_from_time_to_time(tmp_path: Path) -> None:
    store = SlowStore()
    store.clock = Clock()
    made = recorder(store, tmp_path, chunk_size=4)
    for number in range(450):
        made.reject(attempt(number, status="infeasible"))
        if made.due:
            made.flush()
    parts = list(made.log.parts("plan"))
    assert [(number, batch, len(rows)) for number, batch, rows in parts] == [(1, None, 200), (2, None, 200)]
    assert store.batches == {}


def test_health_is_told_with_the_first_designs_and_then_once_a_minute(tmp_path: Path) -> None:
    store = SlowStore()
    store.clock = Clock()
    health = Health(store, Shard(1, 4), clock=store.clock)
    for second in range(200):
        store.clock.now = float(second)
        health([PlanProgress("plan", quota=100, done=second // 10, attempts=second, failures={"timeout": 2})])
    assert len(store.events) == 4
    action, args, metrics = store.events[1]
    assert action == "densegen_health"
    assert args == {"shard": "1/4", "plans": {"plan": {"done": 7, "quota": 100}}, "failures": {"timeout": 2}}
    assert metrics["designs_per_minute"] == pytest.approx(6.0, rel=0.01)
    assert metrics["eta_seconds"] == pytest.approx(930, rel=0.01)


def test_health_that_cannot_be_told_now_does_not_stop_the_run() -> None:
    store = SlowStore()
    store.clock, store.busy = Clock(), 1
    health = Health(store, Shard(), clock=store.clock)
    for done in range(3):
        store.clock.now += 60.0
        health([PlanProgress("plan", quota=9, done=done)])
    assert len(store.events) == 2
