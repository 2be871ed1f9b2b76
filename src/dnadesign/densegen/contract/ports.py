"""What a campaign needs from the world outside, as protocols: a store, an attempt log, solvers, a progress display."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from dnadesign.densegen.contract.batches import Position
from dnadesign.densegen.contract.design import Design
from dnadesign.densegen.contract.errors import DensegenError
from dnadesign.densegen.contract.solving import JobEnd, Solution, SolveRequest

STARTED_ACTION = "densegen_started"
COMPLETED_ACTION = "densegen_completed"
FAILED_ACTION = "densegen_failed"

type Json = bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None


class TakenError(DensegenError):
    """A design that was free a moment ago is in the dataset now; nothing of the batch was written."""

    code = "taken"


@dataclass(frozen=True, slots=True)
class StoredDesign:
    """What the dataset knows of a design of this run.

    A deleted one counts for what has been tried and is never made again, but not towards a quota.
    """

    sequence: str
    plan: str
    library_index: int
    attempt_id: int
    config_sha256: str
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One packing or failure: what came of ``position`` of a plan's work."""

    attempt_id: int
    library_index: int
    solution_index: int
    library_sha256: str
    status: str
    detail: str
    seconds: float
    at: str
    library_done: bool


@dataclass(frozen=True, slots=True)
class PlanProgress:
    """How far a plan is: designs made of how many, packings and failures looked at, failures by reason."""

    plan: str
    quota: int
    done: int = 0
    attempts: int = 0
    failures: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class RunNews:
    """A start or end of (a shard of) a run: the event's action, its reason where it has one, when (ISO 8601, UTC)."""

    action: str
    reason: str
    at: str
    shard: str = "0/1"


class DesignStore(Protocol):
    """The dataset that designs go into."""

    def stored(self, run_id: str) -> list[StoredDesign]:
        """All designs of a run that are committed, deleted ones included."""

    def is_committed(self, batch_id: str) -> bool:
        """Whether a batch of that name is in the dataset."""

    def taken(self, sequences: Sequence[str], *, both_strands: bool) -> set[str]:
        """Those of the sequences that cannot be written as new designs."""

    def commit(self, batch_id: str, designs: Sequence[Design]) -> None:
        """Write designs and their metadata in one transaction.

        Raises:
            TakenError: One of them is in the dataset by now; ask ``taken`` again.
        """

    def log(self, action: str, *, args: Mapping[str, Json], metrics: Mapping[str, Json]) -> None:
        """Record an event of the run in the dataset's log."""

    def logged(self, action: str) -> Iterable[Mapping[str, Any]]:
        """The arguments of each event of that action that the run has logged."""


class AttemptLog(Protocol):
    """The record of all attempts of one shard of a run, kept in numbered parts a plan."""

    def write_part(
        self, plan: str, number: int, attempts: Sequence[Attempt], *, batch_id: str | None
    ) -> None:
        """Write (or write again) part ``number`` of a plan; it holds good once its batch, if any, is committed."""

    def parts(self, plan: str) -> Iterable[tuple[int, str | None, Sequence[Attempt]]]:
        """Number, batch and attempts of each part of a plan, in order."""

    def drop_from(self, plan: str, number: int) -> None:
        """Remove part ``number`` of a plan and all after it."""

    def exclusive_flush(self) -> AbstractContextManager[None]:
        """Held by one shard of the run at a time, so that looking and writing are one step among them."""


class Solvers(Protocol):
    """Solver processes."""

    @property
    def workers(self) -> int:
        """How many libraries can be packed at a time."""

    def submit(self, request: SolveRequest) -> None:
        """Queue a library."""

    def cancel(self) -> None:
        """Forget all that is queued or at work."""

    def messages(self, *, timeout: float) -> Iterable[Solution | JobEnd]:
        """What has come in, waiting up to ``timeout`` seconds when there is nothing."""


class ProgressDisplay(Protocol):
    """Shows a person how the run goes."""

    def update(self, progress: PlanProgress) -> None:
        """The state of the plan at work; called often."""

    def note(self, text: str) -> None:
        """A line worth reading, such as that a part was written."""


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """Where the work on a plan goes on."""

    position: Position
    done: int
    next_batch: int
    next_part: int
    attempts: int
    failures: Mapping[str, int]
