"""The main loop with real solver processes and a store in memory: quotas, limits, crashes and resumes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from dnadesign.densegen.adapters.outputs.attempt_log import ParquetAttemptLog, read_attempts
from dnadesign.densegen.adapters.solvers.processes import SolverProcesses
from dnadesign.densegen.contract.batches import Shard
from dnadesign.densegen.contract.config import DesignConfig
from dnadesign.densegen.contract.design import Design
from dnadesign.densegen.contract.metadata import design_row
from dnadesign.densegen.contract.ports import PlanProgress
from dnadesign.densegen.contract.solving import EndReason, JobEnd, Solution, SolveRequest
from dnadesign.densegen.operations.campaign import Campaign, PlanOutcome, StopReason
from tests.densegen.design_cases import assert_keeps_promises, config, other_strand, pools
from tests.densegen.memory_store import MemoryStore

WHOLE = Shard()


class Silent:
    def update(self, progress: PlanProgress) -> None:
        pass

    def note(self, text: str) -> None:
        pass


class PowerCut(Exception):
    """Stands for the death of the process."""


class CutStore(MemoryStore):
    """Dies at a commit, before or after it has taken place."""

    cut_at: int = -1
    after: bool = False

    def commit(self, batch_id: str, designs: Sequence[Design]) -> None:
        self.cut_at -= 1
        if self.cut_at == 0 and not self.after:
            raise PowerCut
        super().commit(batch_id, designs)
        if self.cut_at == 0:
            raise PowerCut


def run(
    made: DesignConfig,
    store: MemoryStore,
    folder: Path,
    *,
    shard: Shard = WHOLE,
    workers: int = 1,
    stopping: Callable[[], bool] = lambda: False,
    rows: list[tuple[str, str]] | None = None,
    solvers: Any = None,
) -> list[PlanOutcome]:
    with SolverProcesses(backend="CP_SAT", workers=workers) as real:
        campaign = Campaign(
            config=made,
            pools=pools(made, rows),
            shard=shard,
            store=store,
            log=ParquetAttemptLog(folder, shard),
            solvers=solvers or real,
            display=Silent(),
            heartbeat=lambda _: None,
            stopping=stopping,
        )
        return campaign.run(store.stored(made.run.id))


def made_by(store: MemoryStore) -> list[tuple[str, int, str]]:
    return sorted((one.plan, one.attempt_id, one.sequence) for one in store.designs)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, int, str]]:
    """What the small config gives without any interruption."""
    store = MemoryStore()
    outcomes = run(config(), store, tmp_path_factory.mktemp("whole"))
    assert [outcome.reason for outcome in outcomes] == [StopReason.QUOTA, StopReason.QUOTA]
    return made_by(store)


def test_each_plan_reaches_its_quota_with_different_designs(whole: list[tuple[str, int, str]]) -> None:
    assert [sum(plan == name for plan, _, _ in whole) for name in ("first", "second")] == [6, 5]
    neutral = {min(sequence, other_strand(sequence)) for _, _, sequence in whole}
    assert len(neutral) == 11


def test_the_number_of_solver_processes_does_not_change_the_designs(
    whole: list[tuple[str, int, str]], tmp_path: Path
) -> None:
    store = MemoryStore()
    run(config(), store, tmp_path, workers=3)
    assert made_by(store) == whole


def test_promoters_stand_in_different_places_where_nothing_says_where(tmp_path: Path) -> None:
    store = MemoryStore()
    run(config(**{"target.length": 60, "plans.0.quota": 12, "plans.1.quota": 1}), store, tmp_path)
    starts = [design.promoters[0].upstream_offset for design in store.designs if design.promoters]
    assert len(set(starts)) >= 4
    assert sum(start == 0 for start in starts) <= len(starts) / 2


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("cut_at", range(1, 6))
def test_a_run_cut_at_any_commit_goes_on_to_the_same_designs(
    whole: list[tuple[str, int, str]], tmp_path: Path, cut_at: int, after: bool
) -> None:
    store = CutStore()
    store.cut_at, store.after = cut_at, after
    with pytest.raises(PowerCut):
        run(config(), store, tmp_path)
    run(config(), store, tmp_path)
    assert made_by(store) == whole
    attempts = read_attempts(tmp_path).to_pylist()
    accepted = sorted((row["plan"], row["attempt_id"]) for row in attempts if row["status"] == "accepted")
    assert accepted == [(plan, attempt) for plan, attempt, _ in whole]


def test_a_run_whose_attempt_log_is_lost_goes_on_to_the_same_designs(
    whole: list[tuple[str, int, str]], tmp_path: Path
) -> None:
    store = CutStore()
    store.cut_at = 3
    with pytest.raises(PowerCut):
        run(config(), store, tmp_path / "lost")
    run(config(), store, tmp_path / "new")
    assert made_by(store) == whole


@pytest.mark.parametrize("cut_at", [1, 2, 4])
def test_a_run_cut_within_a_library_of_several_solutions_goes_on_to_the_same_designs(
    tmp_path: Path, cut_at: int
) -> None:
    several = config(**{"library.solutions_per_library": 4})
    straight, store = MemoryStore(), CutStore()
    run(several, straight, tmp_path / "straight")
    store.cut_at = cut_at
    with pytest.raises(PowerCut):
        run(several, store, tmp_path / "cut")
    run(several, store, tmp_path / "cut")
    assert made_by(store) == made_by(straight)


def test_a_finished_run_adds_nothing_when_it_is_started_again(tmp_path: Path) -> None:
    store = MemoryStore()
    run(config(), store, tmp_path)
    before = made_by(store)
    outcomes = run(config(), store, tmp_path)
    assert made_by(store) == before
    assert [outcome.new for outcome in outcomes] == [0, 0]


def test_a_raised_quota_is_filled_up_and_keeps_what_is_there(
    whole: list[tuple[str, int, str]], tmp_path: Path
) -> None:
    store = MemoryStore()
    run(config(), store, tmp_path)
    run(config(**{"plans.0.quota": 9}), store, tmp_path)
    assert set(whole) < set(made_by(store))
    assert len(made_by(store)) == 14


@pytest.mark.parametrize("which", [0, -1])
def test_a_deleted_design_is_replaced_by_another_and_never_made_again(
    whole: list[tuple[str, int, str]], tmp_path: Path, which: int
) -> None:
    store = MemoryStore()
    run(config(), store, tmp_path)
    batches = dict(store.batches)
    gone = [sequence for plan, _, sequence in whole if plan == "first"][which]
    store.deleted.add(gone)
    first, second = run(config(), store, tmp_path)
    assert (first.done, first.new, second.new) == (6, 1, 0)
    assert {name: store.batches[name] for name in batches} == batches
    sequences = [one.sequence for one in store.designs]
    assert len(sequences) == len(set(sequences)) == 12
    store.deleted.clear()  # restored: one more than the quota, and none is made
    assert [outcome.new for outcome in run(config(), store, tmp_path)] == [0, 0]


def test_shards_split_the_quota_and_never_meet(tmp_path: Path) -> None:
    store = MemoryStore()
    for index in (2, 0, 1):
        run(config(), store, tmp_path, shard=Shard(index, 3))
    assert len(made_by(store)) == len(store.sequences) == 11
    again = made_by(store)
    run(config(), store, tmp_path, shard=Shard(1, 3))
    assert made_by(store) == again


@pytest.mark.parametrize("unique", ["sequence", "revcomp"])
def test_designs_that_the_dataset_has_from_elsewhere_are_replaced_by_others(
    whole: list[tuple[str, int, str]], tmp_path: Path, unique: str
) -> None:
    theirs = {sequence if unique == "sequence" else other_strand(sequence) for _, _, sequence in whole[:3]}
    store = MemoryStore(foreign=set(theirs))
    outcomes = run(config(**{"final.unique": unique}), store, tmp_path)
    assert len(store.designs) == 11
    assert sum(outcome.failures.get("in_dataset", 0) for outcome in outcomes) == 3
    mine = {one.sequence for one in store.designs}
    assert not mine & theirs
    assert unique == "sequence" or not {other_strand(one) for one in mine} & theirs


def test_a_design_taken_between_looking_and_writing_is_replaced(
    whole: list[tuple[str, int, str]], tmp_path: Path
) -> None:
    class Racing(MemoryStore):
        def taken(self, sequences: Sequence[str], *, both_strands: bool) -> set[str]:
            found = super().taken(sequences, both_strands=both_strands)
            if not self.batches and not self.foreign:
                self.foreign.add(sequences[0])
            return found

    store = Racing()
    run(config(), store, tmp_path)
    assert len(store.designs) == 11
    assert store.foreign == {next(sequence for plan, _, sequence in whole if plan == "first")}


def test_a_wish_to_stop_writes_what_is_finished(tmp_path: Path) -> None:
    store, asked = MemoryStore(), iter([False] * 40)
    outcomes = run(config(**{"plans.0.quota": 500}), store, tmp_path, stopping=lambda: next(asked, True))
    assert {outcome.reason for outcome in outcomes} == {StopReason.INTERRUPTED}
    assert len(store.designs) == outcomes[0].done


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"limits.attempts": 3}, StopReason.ATTEMPTS),
        ({"limits.seconds": 0.0001}, StopReason.SECONDS),
        ({"library.max_libraries": 2}, StopReason.LIBRARIES),
        ({"limits.empty_libraries": 4, "target.length": 10}, StopReason.EMPTY),
    ],
)
def test_a_limit_ends_a_plan_and_not_the_run(
    tmp_path: Path, change: dict[str, Any], reason: StopReason
) -> None:
    store = MemoryStore()
    outcomes = run(config(**{"plans.0.promoters": [], **change}), store, tmp_path)
    assert outcomes[0].reason is reason
    assert len(outcomes) == 2
    assert len(store.designs) == sum(outcome.done for outcome in outcomes)


def test_failures_are_counted_by_reason_and_kept_over_a_resume(tmp_path: Path) -> None:
    store = MemoryStore()
    cannot = {"target.length": 10, "limits.empty_libraries": 3, "plans.1.quota": 1}
    first = run(config(**cannot), store, tmp_path)
    assert first[0].failures == {"infeasible": 3}
    again = run(config(**cannot), store, tmp_path)
    assert again[0].failures == {"infeasible": 6}


class Unlucky:
    """Solver processes of which every second job crashes or hangs."""

    def __init__(self, real: SolverProcesses) -> None:
        self._real = real

    @property
    def workers(self) -> int:
        return self._real.workers

    def submit(self, request: SolveRequest) -> None:
        self._real.submit(request)

    def cancel(self) -> None:
        self._real.cancel()

    def messages(self, *, timeout: float) -> Iterable[Solution | JobEnd]:
        for message in self._real.messages(timeout=timeout):
            if message.job % 2:
                yield message
            elif isinstance(message, JobEnd):
                yield JobEnd(message.job, EndReason.CRASHED if message.job % 4 else EndReason.TIMEOUT, 0)


def test_crashes_and_timeouts_of_the_solver_do_not_stop_the_run(tmp_path: Path) -> None:
    store = MemoryStore()
    with SolverProcesses(backend="CP_SAT", workers=2) as real:
        outcomes = run(config(), store, tmp_path, solvers=Unlucky(real))
    assert [outcome.done for outcome in outcomes] == [6, 5]
    assert {"crashed", "timeout"} <= set(outcomes[0].failures)


@pytest.mark.parametrize(
    "change",
    [
        {"target.mode": "exact", "target.length": 26, "plans.0.promoters": []},
        {"target.mode": "max"},
        {"target.strands": "single"},
        {"final.pad.end": "both", "target.length": 60},
        {"library.solutions_per_library": 3, "solver.strategy": "diverse"},
        {"solver.backend": "SCIP", "solver.reproducible": False},
        {"library.strategy": "coverage"},
        {"library.strategy": "uniform"},
    ],
    ids=str,
)
def test_each_way_to_design_reaches_the_quota_with_designs_that_hold_what_they_say(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    made, store = config(**change), MemoryStore()
    outcomes = run(made, store, tmp_path)
    assert [outcome.reason for outcome in outcomes] == [StopReason.QUOTA, StopReason.QUOTA]
    for design in store.designs:
        row = design_row(design, run_id="run", config_sha256="c")
        length = len(design.sequence) if made.target.mode == "max" else made.target.length
        assert_keeps_promises(design.sequence, row["densegen__used_tfbs_detail"], length=length)
        assert len(design.sequence) <= made.target.length
        if made.target.mode == "exact":
            assert design.pad.left == design.pad.right == 0
        if made.target.strands == "single":
            assert {one.orientation for one in design.used_tfbs_detail if one.role == "site"} == {"fwd"}


def test_greedy_packs_plans_without_rules(tmp_path: Path) -> None:
    free = {"plans": [{"name": "free", "quota": 5, "inputs": ["sites"]}], "solver.strategy": "greedy"}
    store = MemoryStore()
    run(config(**free), store, tmp_path)
    assert {design.solver.status for design in store.designs} == {"greedy"}
    assert len(store.designs) == 5


def test_a_promoter_keeps_to_its_positions_also_where_sites_are_biased_to_a_side(tmp_path: Path) -> None:
    promoter = {
        "name": "p",
        "upstream": "TTGACA",
        "downstream": "TATAAT",
        "spacer": [16, 18],
        "positions": {"upstream": [0, 9]},
    }
    biased = {"left": ["F0"], "right": ["F1"]}
    store = MemoryStore()
    run(
        config(**{"plans.0.promoters": [promoter], "plans.0.side_biases": biased, "plans.1.quota": 1}),
        store,
        tmp_path,
    )
    firsts = [design for design in store.designs if design.plan == "first"]
    assert len(firsts) == 6
    for design in firsts:
        assert 0 <= design.promoters[0].upstream_offset <= 9
        at = {one.tf: one.offset for one in design.used_tfbs_detail if one.role == "site"}
        assert {"F0", "F1"} <= set(at)


class CountingSolvers:
    """Answers every request with a proof that there is nothing, and counts them."""

    workers = 2

    def __init__(self) -> None:
        self.requests: list[SolveRequest] = []
        self.waiting: list[SolveRequest] = []

    def submit(self, request: SolveRequest) -> None:
        self.requests.append(request)
        self.waiting.append(request)

    def cancel(self) -> None:
        self.waiting.clear()

    def messages(self, *, timeout: float) -> Iterable[Solution | JobEnd]:
        waiting, self.waiting = self.waiting, []
        return [JobEnd(one.job, EndReason.INFEASIBLE, 0) for one in waiting]


ONE_PLAN = {"plans": [{"name": "first", "quota": 6, "inputs": ["sites"]}]}


def test_a_plan_whose_only_library_is_proven_infeasible_ends_after_it(tmp_path: Path) -> None:
    solvers = CountingSolvers()
    made = config(**ONE_PLAN, **{"library.size": 3})
    rows = [("F0", "GCGCTCCGG"), ("F1", "CCATGGTTG"), ("F2", "GGTACGTTA")]
    (outcome,) = run(made, MemoryStore(), tmp_path, rows=rows, solvers=solvers)
    assert (outcome.reason, outcome.attempts, outcome.mends) == (StopReason.INFEASIBLE, 1, ())
    own = {request.job for request in solvers.requests if request.length == made.target.length}
    assert len(own) == 1


def test_a_library_that_was_proven_infeasible_is_not_solved_again(tmp_path: Path) -> None:
    solvers = CountingSolvers()
    made = config(**ONE_PLAN, **{"library.size": 2})
    rows = [("F0", "GCGCTCCGG"), ("F1", "CCATGGTTG"), ("F2", "GGTACGTTA")]  # three pairs
    (outcome,) = run(made, MemoryStore(), tmp_path, rows=rows, solvers=solvers)
    assert outcome.reason is StopReason.EMPTY
    assert outcome.attempts == made.limits.empty_libraries
    solved = [request for request in solvers.requests if request.length == made.target.length]
    assert len(solved) == 3
    details = {row["detail"] for row in read_attempts(tmp_path).to_pylist()}
    assert any("the same sites as in library" in detail for detail in details)
