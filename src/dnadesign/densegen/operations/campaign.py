"""The main loop: libraries out to the solvers, packings in, designs to the recorder, plan after plan.

Packings are looked at in the order of their library and solution number, whichever solver process was first, so
that what is accepted does not depend on timing or on the number of processes.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from dnadesign.densegen.contract.batches import Position, Shard, attempt_id
from dnadesign.densegen.contract.config import DesignConfig, Plan
from dnadesign.densegen.contract.errors import StoreError
from dnadesign.densegen.contract.parts import Library
from dnadesign.densegen.contract.ports import (
    Attempt,
    AttemptLog,
    DesignStore,
    PlanProgress,
    ProgressDisplay,
    ResumePoint,
    Solvers,
    StoredDesign,
)
from dnadesign.densegen.contract.sequences import strand_neutral
from dnadesign.densegen.contract.solving import EndReason, JobEnd, Solution, SolveRequest
from dnadesign.densegen.contract.wording import counted
from dnadesign.densegen.operations.explaining import explain
from dnadesign.densegen.operations.finishing import Rejected, Rejection, finish
from dnadesign.densegen.operations.libraries import PlanPool
from dnadesign.densegen.operations.recording import Recorder
from dnadesign.densegen.operations.repeats import Key, Repeats, library_key, only_one_library
from dnadesign.densegen.operations.requests import solve_request
from dnadesign.densegen.operations.resuming import ACCEPTED, resume_point
from dnadesign.densegen.operations.spacers import offered_library

_PATIENCE = 20  # flushes in a row that may find the dataset busy, each after usr's own waiting time
_TICK_SECONDS = 0.25
_AHEAD = 16  # libraries handed out a solver process, so that a slow one does not hold the others up


class StopReason(StrEnum):
    """Why the work on a plan ended."""

    QUOTA = "quota_reached"
    ATTEMPTS = "attempts_limit"
    SECONDS = "seconds_limit"
    EMPTY = "empty_libraries_limit"
    LIBRARIES = "max_libraries"
    INFEASIBLE = "infeasible"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class PlanOutcome:
    """What came of a plan: counts over the whole run, seconds of this start.

    ``mends`` says, where it ended for libraries proven infeasible, which changes would each help; None elsewhere.
    """

    plan: str
    quota: int
    done: int
    new: int
    attempts: int
    failures: dict[str, int]
    reason: StopReason
    seconds: float
    solver_seconds: float
    flush_seconds: float
    flushes: int
    mends: tuple[str, ...] | None = None


@dataclass(slots=True)
class Job:
    """A library at a solver, and what has come back of it."""

    library: Library
    key: Key
    skip: int
    came: deque[Solution | JobEnd] = field(default_factory=deque)
    accepted: int = 0


@dataclass(slots=True)
class Campaign:
    """A run, or a shard of one: what it is made from and what it has found so far."""

    config: DesignConfig
    pools: dict[str, PlanPool]
    shard: Shard
    store: DesignStore
    log: AttemptLog
    solvers: Solvers
    display: ProgressDisplay
    heartbeat: Callable[[list[PlanProgress]], None]
    stopping: Callable[[], bool] = lambda: False
    progress: dict[str, PlanProgress] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _jobs_given: int = 0
    _begun: float = 0.0

    def run(self, stored: list[StoredDesign]) -> list[PlanOutcome]:
        """Work on all plans in their order, each until its quota or a limit.

        Args:
            stored: The designs of this run that the dataset has, those of other shards included.
        """
        self._begun = time.monotonic()
        self._seen = {self._key(design.sequence) for design in stored}
        points = {plan.name: self._point(plan, stored) for plan in self.config.plans}
        for plan in self.config.plans:
            point = points[plan.name]
            self.show(plan, done=point.done, attempts=point.attempts, failures=Counter(point.failures))
        return [_PlanRun(self, plan, points[plan.name]).run() for plan in self.config.plans]

    def _point(self, plan: Plan, stored: list[StoredDesign]) -> ResumePoint:
        return resume_point(
            plan.name,
            stored,
            run_id=self.config.run.id,
            shard=self.shard,
            store=self.store,
            log=self.log,
            solutions_per_library=self.config.library.solutions_per_library,
        )

    def show(self, plan: Plan, *, done: int, attempts: int, failures: Counter[str]) -> None:
        """Note and display how far a plan is."""
        quota = self.shard.quota(plan.quota)
        self.progress[plan.name] = PlanProgress(plan.name, quota, done, attempts, dict(failures))
        self.display.update(self.progress[plan.name])

    def claim(self, sequence: str) -> bool:
        """Whether the run does not have this design yet; from now on it has."""
        key = self._key(sequence)
        new = key not in self._seen
        self._seen.add(key)
        return new

    def next_job(self) -> int:
        """A number for a solve request that no other of this start has."""
        self._jobs_given += 1
        return self._jobs_given

    def _key(self, sequence: str) -> str:
        return strand_neutral(sequence) if self.config.final.unique == "revcomp" else sequence

    @property
    def elapsed(self) -> float:
        """Seconds since this start."""
        return time.monotonic() - self._begun


class _PlanRun:
    """The work on one plan, from its resume point to its end."""

    def __init__(self, campaign: Campaign, plan: Plan, point: ResumePoint) -> None:
        self.campaign, self.plan, self.config = campaign, plan, campaign.config
        self.quota = campaign.shard.quota(plan.quota)
        self.recorder = Recorder.resumed(
            point,
            plan=plan.name,
            run_id=campaign.config.run.id,
            shard=campaign.shard,
            store=campaign.store,
            log=campaign.log,
            chunk_size=campaign.config.output.chunk_size,
            both_strands=campaign.config.final.unique == "revcomp",
        )
        self.begun_with = point.done
        self.jobs: dict[int, Job] = {}
        self.next = point.position
        self.repeats = Repeats()
        self.all_same = only_one_library(campaign.pools[plan.name], self.config.library)
        self.empty = 0
        self.hopeless = False
        self.busy = 0
        self.solver_seconds = 0.0

    def run(self) -> PlanOutcome:
        """Work until the quota or a limit, write the rest, and say what came of it."""
        begun = time.monotonic()
        try:
            reason = self._work()
        finally:
            self.campaign.solvers.cancel()
        recorder = self.recorder
        return PlanOutcome(
            plan=self.plan.name,
            quota=self.quota,
            done=recorder.committed,
            new=recorder.committed - self.begun_with,
            attempts=recorder.attempts,
            failures={name: count for name, count in sorted(recorder.failures.items()) if count},
            reason=reason,
            seconds=time.monotonic() - begun,
            solver_seconds=self.solver_seconds,
            flush_seconds=recorder.flush_seconds,
            flushes=recorder.flushes,
            mends=self._mends(reason),
        )

    def _mends(self, reason: StopReason) -> tuple[str, ...] | None:
        """What would help a plan that ended for libraries without a packing."""
        request = self.repeats.first_infeasible
        if request is None or reason not in {StopReason.EMPTY, StopReason.INFEASIBLE}:
            return None
        return explain(request, self.plan, self.campaign.solvers, self.campaign.next_job)

    def _work(self) -> StopReason:
        while True:
            reason = self._reason_to_stop()
            if reason is not None:
                self._flush_all()
                if reason is not StopReason.QUOTA or self.recorder.done >= self.quota:
                    return reason
                continue
            self._hand_out()
            for message in self.campaign.solvers.messages(timeout=_TICK_SECONDS):
                if message.job in self.jobs:
                    job = self.jobs[message.job]
                    job.came.append(message)
                    self.solver_seconds += message.seconds
                    for request in self.repeats.settle(job.key, message):
                        self._solve_or_give_up(job.key, request)
            self._take_in()
            self._show()
            self.campaign.heartbeat(list(self.campaign.progress.values()))

    def _reason_to_stop(self) -> StopReason | None:
        limits, recorder = self.config.limits, self.recorder
        for reached, reason in (
            (recorder.done >= self.quota, StopReason.QUOTA),
            (self.campaign.stopping(), StopReason.INTERRUPTED),
            (limits.attempts is not None and recorder.attempts >= limits.attempts, StopReason.ATTEMPTS),
            (limits.seconds is not None and self.campaign.elapsed >= limits.seconds, StopReason.SECONDS),
            (self.hopeless, StopReason.INFEASIBLE),
            (self.empty >= limits.empty_libraries, StopReason.EMPTY),
            (not self.jobs and self._no_more_libraries, StopReason.LIBRARIES),
        ):
            if reached:
                return reason
        return None

    @property
    def _no_more_libraries(self) -> bool:
        most = self.config.library.max_libraries
        return most is not None and self.next.library >= most

    def _hand_out(self) -> None:
        """Keep every solver process busy, but towards the end not with more than can be of use."""
        solvers, campaign = self.campaign.solvers, self.campaign
        wanted = min(_AHEAD * solvers.workers, max(solvers.workers, self.quota - self.recorder.done))
        while len(self.jobs) < wanted and not self._no_more_libraries:
            library = offered_library(campaign.pools[self.plan.name], self.config, index=self.next.library)
            job, key = campaign.next_job(), library_key(library)
            self.jobs[job] = Job(library, key, skip=self.next.solution)
            self.next = Position(self.next.library + campaign.shard.count, 0)
            request = solve_request(library, self.config, self.plan, job=job)
            if self.repeats.admit(key, library.index, request) or self.repeats.is_infeasible(key):
                self._solve_or_give_up(key, request)

    def _solve_or_give_up(self, key: Key, request: SolveRequest) -> None:
        """Pass a request on, unless the same parts are proven to have no packing."""
        if self.repeats.is_infeasible(key):
            self.jobs[request.job].came.append(self.repeats.in_vain(key, request.job))
        else:
            self.campaign.solvers.submit(request)

    def _take_in(self) -> None:
        """Look at what has come, in library order, as far as it goes without a gap."""
        while self.jobs and self._reason_to_stop() is None:
            job_id, job = next(iter(self.jobs.items()))
            if not job.came:
                return
            message = job.came.popleft()
            if isinstance(message, JobEnd):
                self._end(job, message)
                del self.jobs[job_id]
            elif message.number >= job.skip:
                self._look_at(job, message)
            if self.recorder.due:
                self._flush()

    def _look_at(self, job: Job, solution: Solution) -> None:
        made = finish(solution, job.library, self.config, self.plan, now=datetime.now(UTC))
        if not isinstance(made, Rejected) and not self.campaign.claim(made.sequence):
            made = Rejected(Rejection.DUPLICATE)
        seconds = solution.seconds
        if isinstance(made, Rejected):
            self.recorder.reject(
                self._attempt(job, solution.number, str(made.reason), made.detail, seconds=seconds)
            )
        else:
            job.accepted += 1
            self.recorder.accept(self._attempt(job, solution.number, ACCEPTED, "", seconds=seconds), made)

    def _end(self, job: Job, end: JobEnd) -> None:
        self.empty = 0 if job.accepted or job.skip else self.empty + 1
        self.hopeless = self.all_same and end.reason is EndReason.INFEASIBLE
        if end.reason not in {EndReason.DONE, EndReason.EXHAUSTED}:
            self.recorder.reject(
                self._attempt(
                    job, end.solutions, str(end.reason), end.detail, seconds=end.seconds, library_done=True
                )
            )

    def _attempt(
        self, job: Job, number: int, status: str, detail: str, *, seconds: float, library_done: bool = False
    ) -> Attempt:
        library = job.library
        spl = self.config.library.solutions_per_library
        return Attempt(
            attempt_id=attempt_id(Position(library.index, number), solutions_per_library=spl),
            library_index=library.index,
            solution_index=number,
            library_sha256=library.sha256,
            status=status,
            detail=detail,
            seconds=seconds,
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            library_done=library_done,
        )

    def _flush_all(self) -> None:
        """Write everything, however busy the dataset is, up to the limit of patience."""
        self._flush()
        while self.recorder.designs:
            self._flush()

    def _flush(self) -> None:
        """Write what is waiting; where another writer holds the dataset for long, the work goes on meanwhile."""
        try:
            written = self.recorder.flush()
        except StoreError as error:
            self.busy += 1
            if not error.busy or self.busy > _PATIENCE:
                raise
            self.campaign.display.note(f"the dataset is busy, trying again later: {error.message}")
            return
        self.busy = 0
        self._show()
        if written:
            self.campaign.display.note(
                f"plan {self.plan.name}: wrote {counted(written, 'design')} ({self.recorder.committed} of {self.quota})"
            )

    def _show(self) -> None:
        recorder = self.recorder
        self.campaign.show(
            self.plan, done=recorder.done, attempts=recorder.attempts, failures=recorder.failures
        )
