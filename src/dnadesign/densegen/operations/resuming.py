"""Find out where a run stands from what is committed, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from dnadesign.densegen.contract.batches import Position, Shard, batch_id, position_of
from dnadesign.densegen.contract.ports import Attempt, AttemptLog, DesignStore, ResumePoint, StoredDesign

ACCEPTED = "accepted"


def resume_point(
    plan: str,
    stored: Sequence[StoredDesign],
    *,
    run_id: str,
    shard: Shard,
    store: DesignStore,
    log: AttemptLog,
    solutions_per_library: int,
) -> ResumePoint:
    """Where the work on a plan goes on.

    The designs in the dataset are the truth. The attempt log only adds what came of packings in between; parts of
    it whose batch never was committed are removed, for that work is done again.
    """
    mine = [design for design in stored if design.plan == plan and shard.owns(design.library_index)]
    number = 1
    while store.is_committed(batch_id(run_id, shard, plan, number)):
        number += 1
    position = Position(0, 0)
    if mine:
        last = position_of(
            max(design.attempt_id for design in mine), solutions_per_library=solutions_per_library
        )
        position = Position(last.library, last.solution + 1)
    next_part, attempts = _valid_parts(plan, store, log)
    if attempts:
        position = max(position, _after(attempts[-1]))
    failures = Counter(attempt.status for attempt in attempts if attempt.status != ACCEPTED)
    return ResumePoint(
        position=_owned(position, shard, solutions_per_library),
        done=sum(not design.deleted for design in mine),
        next_batch=number,
        next_part=next_part,
        attempts=max(len(attempts), len(mine)),
        failures=failures,
    )


def _valid_parts(plan: str, store: DesignStore, log: AttemptLog) -> tuple[int, list[Attempt]]:
    """The number of the next part, and the attempts of all parts that hold good."""
    attempts: list[Attempt] = []
    expected = 1
    for number, batch, rows in log.parts(plan):
        if number != expected or (batch is not None and not store.is_committed(batch)):
            break
        attempts.extend(rows)
        expected += 1
    log.drop_from(plan, expected)
    return expected, attempts


def _after(attempt: Attempt) -> Position:
    if attempt.library_done:
        return Position(attempt.library_index + 1, 0)
    return Position(attempt.library_index, attempt.solution_index + 1)


def _owned(position: Position, shard: Shard, solutions_per_library: int) -> Position:
    """The first position at or after this one that is the shard's to work on."""
    if position.solution >= solutions_per_library:
        position = Position(position.library + 1, 0)
    if shard.owns(position.library):
        return position
    return Position(position.library + (shard.index - position.library) % shard.count, 0)
