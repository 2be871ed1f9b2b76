"""Four processes that write into one dataset at once, what they tell of each batch, and what has to hold of it then.

Processes are forked from one that has done once what they do, so that a writer writes from its first moment on; that one
must have no other threads, as a fork would leave their locks as they are. What a writer tells goes through memory that
it shares with the one that it was forked from: no system call, so none that a fault could hit, and a kill loses nothing.
"""

import contextlib
import functools
import logging
import mmap
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

# Before numpy and Arrow are loaded, of which one starts threads to calculate and the other one to give memory back.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"

import duckdb
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from dnadesign.usr import (
    CommitOutcomeUnknown,
    ConcurrentChangeError,
    Dataset,
    EventLogError,
    LockTimeout,
    SequencesError,
    StorageError,
    compute_id,
    register_namespace,
)
from dnadesign.usr.operations import archive_events, compact

# Loaded once, not by every child, and not while its system calls fail; making a first table loads what Arrow looks for
# where it is installed.
LOADED = (duckdb, pyarrow.compute, pyarrow.parquet, archive_events, compact, pa.table({"id": ["x"]}))

WRITERS = 4
TURNS = 1000  # of a writer in a round, at most
ROWS = 3  # of a batch
AFTER_ERROR = 0.005  # seconds; a fault for good would else have all turns used up at once
GONE_ON_FROM = (StorageError, EventLogError, LockTimeout, ConcurrentChangeError, CommitOutcomeUnknown)


class Outcome(IntEnum):
    """What a writer has told of a batch; one that is open was begun, and it cannot know, or was killed."""

    UNTRIED = 0
    OPEN = 1
    DONE = 2
    FAILED = 3


class Board:
    """The memory that writers tell in, a byte a batch, and by which they are let go."""

    def __init__(self, start: int) -> None:
        self._first = start * WRITERS
        self._bytes = mmap.mmap(-1, 1 + WRITERS * TURNS)

    def tell(self, batch: int, outcome: Outcome) -> None:
        self._bytes[1 + batch - self._first] = outcome

    def outcomes(self) -> dict[int, Outcome]:
        """What was told of the batches that were begun."""
        told = self._bytes[1:]
        return {self._first + i: Outcome(value) for i, value in enumerate(told) if value != Outcome.UNTRIED}

    def let_go(self) -> None:
        self._bytes[0] = 1

    def may_go(self) -> bool:
        return bool(self._bytes[0])


@dataclass
class Told:
    """What the writers of a dataset have told of all their batches, those of earlier rounds too."""

    of: dict[int, Outcome] = field(default_factory=dict)

    def those(self, outcome: Outcome) -> set[int]:
        return {batch for batch, told in self.of.items() if told == outcome}


# -- writing -----------------------------------------------------------------------------------------------------


def sequence_of(number: int) -> str:
    return "".join("ACGT"[number >> shift & 3] for shift in range(46, -2, -2))


def rows_of(batch: int) -> list[str]:
    return [sequence_of(batch * 4 + i) for i in range(ROWS)]


def name_of(batch: int) -> str:
    return f"batch:{batch}"


def transact(found: Dataset, batch: int) -> None:
    """Three rows and a part of an overlay."""
    with found.transaction(batch_id=name_of(batch)) as tx:
        tx.add_sequences(rows_of(batch), bio_type="dna", alphabet="dna_4")
        ids = [compute_id("dna", row) for row in rows_of(batch)]
        tx.write_overlay_part("lab", pa.table({"id": ids, "lab__batch": [batch] * len(ids)}))


def came_of(change: Callable[[], object]) -> Outcome:
    """What came of a change, as a caller knows it; an error that no broken disk explains is raised."""
    try:
        change()
    except CommitOutcomeUnknown:
        return Outcome.OPEN
    except GONE_ON_FROM:
        return Outcome.FAILED
    return Outcome.DONE


def write(folder: Path, writer: int, start: int, board: Board, turns: int = TURNS) -> None:
    """Write batch after batch and tell of each what came of it; go on after errors, and repeat every second batch.

    What came of a batch that the writer could not know is asked for once another one is done, as that has settled it.
    """
    found, open_batches = Dataset(folder, "set", lock_timeout=30), list[int]()
    for batch in range(start * WRITERS + writer, (start + turns) * WRITERS, WRITERS):
        board.tell(batch, Outcome.OPEN)
        outcome = came_of(functools.partial(transact, found, batch))
        if outcome != Outcome.DONE and batch // WRITERS % 2:
            board.tell(batch, Outcome.OPEN)
            again = came_of(functools.partial(transact, found, batch))
            outcome = again if again == Outcome.DONE or outcome == Outcome.FAILED else Outcome.OPEN
        board.tell(batch, outcome)
        if outcome != Outcome.DONE:
            time.sleep(AFTER_ERROR)
        if outcome == Outcome.OPEN:
            open_batches.append(batch)
        if outcome == Outcome.DONE:
            look_for(folder, batch)
            open_batches = [b for b in open_batches if not settled(found, b, board)]
            maintain(found, writer)


def look_for(folder: Path, batch: int) -> None:
    """See as a reader that knows nothing what was just told done.

    Raises:
        AssertionError: It is not there.
    """
    with contextlib.suppress(*GONE_ON_FROM):
        if Dataset(folder, "set").batch(name_of(batch)) is None:
            raise AssertionError(f"batch {batch} is told done, and a reader does not see it")


def settled(found: Dataset, batch: int, board: Board) -> bool:
    """Ask after a later change what came of a batch, and tell it; whether there was an answer."""
    try:
        there = found.batch(name_of(batch)) is not None
    except GONE_ON_FROM:
        return False
    board.tell(batch, Outcome.DONE if there else Outcome.FAILED)
    return True


def maintain(found: Dataset, writer: int) -> None:
    if writer == 0:
        came_of(lambda: found.compact_overlay("lab", layout="part", maintenance=True))
    if writer == 1:
        came_of(lambda: found.archive_events(maintenance=True))


# -- processes ---------------------------------------------------------------------------------------------------


def in_child(work: Callable[[], None]) -> int:
    """Run in a forked child; its process id."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        except SequencesError as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
        except Exception:  # noqa: BLE001 - the process ends here; whoever waits for it sees that it failed
            traceback.print_exc()
        finally:
            os._exit(status)
    return pid


def wait_for(pid: int) -> bool:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def make(folder: Path) -> None:
    folder.mkdir(parents=True)
    register_namespace(folder, namespace="lab", columns="lab__batch:int64")
    Dataset(folder, "set").init()


def warm_up() -> None:
    """Do once what most writers do, so that none of them has to load anything; compacting and archiving would start threads."""
    logging.getLogger("dnadesign.usr").setLevel(
        logging.ERROR
    )  # what is left to the next writer is not of interest
    with tempfile.TemporaryDirectory() as above:
        folder = Path(above) / "root"
        make(folder)
        write(folder, WRITERS - 1, 0, Board(0), turns=2)


# -- what has to hold --------------------------------------------------------------------------------------------


def problems_of_rows(found: Dataset, told: Told) -> list[str]:
    """What a reader finds wrong: each batch is there whole or not at all, and as its writer told."""
    table = found.to_arrow(["id", "lab__batch"]).to_pydict()
    by_id = dict(zip(table["id"], table["lab__batch"], strict=True))
    there = {batch for batch in by_id.values() if batch is not None}
    recorded = {batch for batch in told.of if found.batch(name_of(batch)) is not None}
    events = Counter(event.batch_id for event in found.events() if event.batch_id is not None)
    halved = [b for b in there if any(by_id.get(compute_id("dna", row)) != b for row in rows_of(b))]
    wrong = {
        "in part": halved,
        "told done and lost": told.those(Outcome.DONE) - there,
        "told failed and there": told.those(Outcome.FAILED) & there,
        "there and never begun": there - set(told.of),
        "recorded or there, not both": recorded ^ there,
        "rows of no batch": len(by_id) - ROWS * len(there),
        "rows twice": len(table["id"]) - len(by_id),
        "not of two events": [b for b in there if events.pop(name_of(b), 0) != 2],
    }
    wrong["events of none"] = dict(events)
    return [f"{what}: {which}" for what, which in wrong.items() if which]


def check(folder: Path, told: Told) -> None:
    """Read, recover, and hold the dataset against what its writers told; ends the process at what does not hold."""
    problems = [f"before recovery, {p}" for p in problems_of_rows(Dataset(folder, "set"), told)]
    found = Dataset(folder, "set")
    if not found.recover().ok:
        problems.append("recovery found what it could not mend")
    problems += [str(p) for p in (*found.check().problems, *found.verify_events(deep=True).problems)]
    caches = ("torn", "keys")  # what was cut off is kept, what is remembered of keys may be
    left = [p for p in (found.dir / ".usr").rglob("*") if p.is_file() and p.parent.name not in caches]
    problems += [f"left behind: {path.name}" for path in left]
    problems += problems_of_rows(found, told)
    if problems:
        sys.stderr.write("".join(f"{problem}\n" for problem in problems))
        raise SystemExit(1)
