"""Buffer designs and attempts of a plan and write them, one transaction a flush."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from dnadesign.densegen.contract.batches import Shard, batch_id
from dnadesign.densegen.contract.design import Design
from dnadesign.densegen.contract.ports import Attempt, AttemptLog, DesignStore, ResumePoint, TakenError
from dnadesign.densegen.operations.finishing import Rejection
from dnadesign.densegen.operations.resuming import ACCEPTED

FLUSH_SHARE = 0.05
_COSTS_LOOKED_AT = 3
_MOST_RACES = 20
_CHECKPOINT_ATTEMPTS = 200


@dataclass(slots=True)
class Recorder:
    """What a plan has made and not yet written, and the numbers under which it will be.

    Flushes are spaced so that they take at most a twentieth of the wall time, however slow the dataset is.
    """

    plan: str
    run_id: str
    shard: Shard
    store: DesignStore
    log: AttemptLog
    chunk_size: int
    both_strands: bool
    committed: int
    next_batch: int
    next_part: int
    attempts: int
    failures: Counter[str]
    clock: Callable[[], float] = time.monotonic
    designs: dict[int, Design] = field(default_factory=dict)
    rows: list[Attempt] = field(default_factory=list)
    flush_seconds: float = 0.0
    flushes: int = 0
    _costs: deque[float] = field(default_factory=lambda: deque(maxlen=_COSTS_LOOKED_AT))
    _last_end: float = 0.0

    @classmethod
    def resumed(
        cls,
        point: ResumePoint,
        *,
        plan: str,
        run_id: str,
        shard: Shard,
        store: DesignStore,
        log: AttemptLog,
        chunk_size: int,
        both_strands: bool,
    ) -> Recorder:
        """A recorder that goes on at a resume point."""
        return cls(
            plan=plan,
            run_id=run_id,
            shard=shard,
            store=store,
            log=log,
            chunk_size=chunk_size,
            both_strands=both_strands,
            committed=point.done,
            next_batch=point.next_batch,
            next_part=point.next_part,
            attempts=point.attempts,
            failures=Counter(point.failures),
        )

    @property
    def done(self) -> int:
        """Designs committed and designs waiting for the next flush."""
        return self.committed + len(self.designs)

    def accept(self, attempt: Attempt, design: Design) -> None:
        """Take a design in."""
        self.designs[attempt.attempt_id] = design
        self.rows.append(attempt)
        self.attempts += 1

    def reject(self, attempt: Attempt) -> None:
        """Take a failure in."""
        self.rows.append(attempt)
        self.attempts += 1
        self.failures[attempt.status] += 1

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        if self.designs:
            return len(self.designs) >= self.chunk_size and self._rested
        return len(self.rows) >= _CHECKPOINT_ATTEMPTS

    @property
    def _rested(self) -> bool:
        """Whether the last flush is long enough ago; the cheapest of the last few counts, as one may be unlucky."""
        if len(self._costs) < _COSTS_LOOKED_AT:
            return True
        return self.clock() - self._last_end >= min(self._costs) * (1 / FLUSH_SHARE - 1)

    def flush(self) -> int:
        """Write what is waiting; returns how many designs were committed."""
        if not self.rows:
            return 0
        begun = self.clock()
        try:
            with self.log.exclusive_flush():
                return self._write()
        finally:
            self._last_end = self.clock()
            self._costs.append(self._last_end - begun)
            self.flush_seconds += self._costs[-1]

    def _write(self) -> int:
        for _ in range(_MOST_RACES):
            self._drop_taken()
            name = batch_id(self.run_id, self.shard, self.plan, self.next_batch) if self.designs else None
            self.log.write_part(self.plan, self.next_part, self.rows, batch_id=name)
            try:
                if name is not None:
                    self.store.commit(name, list(self.designs.values()))
            except TakenError:
                continue
            return self._written()
        raise TakenError(
            f"batch {name}: its designs were taken by another writer {_MOST_RACES} times in a row",
            mend="let the other writer finish, then go on with --resume",
        )

    def _drop_taken(self) -> None:
        """Turn designs that the dataset has by now into failures."""
        sequences = [design.sequence for design in self.designs.values()]
        taken = self.store.taken(sequences, both_strands=self.both_strands) if sequences else set()
        lost = {number for number, design in self.designs.items() if design.sequence in taken}
        for number in lost:
            del self.designs[number]
        self.failures[Rejection.IN_DATASET] += len(lost)
        self.rows = [
            replace(row, status=str(Rejection.IN_DATASET))
            if row.attempt_id in lost and row.status == ACCEPTED
            else row
            for row in self.rows
        ]

    def _written(self) -> int:
        count = len(self.designs)
        self.committed += count
        self.next_part += 1
        if count:
            self.next_batch += 1
            self.flushes += 1
        self.designs, self.rows = {}, []
        return count
