"""Writers that are really killed: four processes write into one dataset until each dies at a random moment.

    python -m tests.faults.killing FOLDER [--rounds 100] [--minutes 60] [--seed 1] [--tell 100]

After each round the dataset is recovered and checked against what the writers had been told is done. Processes are
forked from one that has done once what they do, so that a writer writes from its first moment on; that one must have
no other threads, as a fork would leave their locks as they are.
"""

import argparse
import functools
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

# Before numpy and Arrow are loaded, of which one starts threads to calculate and the other one to give memory back.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"

import duckdb
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from dnadesign.usr import Dataset, SequencesError, compute_id, register_namespace

# Loaded once, not by every child; making a first table loads what Arrow looks for where it is installed.
LOADED = (duckdb, pyarrow.compute, pyarrow.parquet, pa.table({"id": ["x"]}))

WRITERS = 4
ROUNDS_A_DATASET = 10
LONGEST = 0.5  # seconds that a writer lives


def sequence_of(number: int) -> str:
    return "".join("ACGT"[number >> shift & 3] for shift in range(46, -2, -2))


def rows_of(batch: int) -> list[str]:
    return [sequence_of(batch * 4 + i) for i in range(3)]


def write(folder: Path, writer: int, start: int, tell: int, turns: int = 10_000) -> None:
    """Write transactions of three rows and a part of an overlay, and tell each that is done to a pipe."""
    found = Dataset(folder, "set", lock_timeout=30)
    for turn in range(turns):
        batch = (start + turn) * WRITERS + writer
        with found.transaction(batch_id=f"batch:{batch}") as tx:
            tx.add_sequences(rows_of(batch), bio_type="dna", alphabet="dna_4")
            ids = [compute_id("dna", row) for row in rows_of(batch)]
            tx.write_overlay_part("lab", pa.table({"id": ids, "lab__batch": [batch] * len(ids)}))
        os.write(tell, f"{batch}\n".encode())
        if writer == 0:
            found.compact_overlay("lab", layout="part", maintenance=True)
        if writer == 1:
            found.archive_events(maintenance=True)


def in_child(work: Callable[[], None]) -> int:
    """Run in a forked child; its process id."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        except SequencesError as error:
            sys.stderr.write(f"{error}\n")
        except Exception:  # noqa: BLE001 - the process ends here; whoever waits for it sees that it failed
            traceback.print_exc()
        finally:
            os._exit(status)
    return pid


def check(folder: Path, told: set[int]) -> None:
    """Recover, and hold the dataset against what its writers were told."""
    found = Dataset(folder, "set")
    found.recover()
    problems = [*found.check().problems, *found.verify_events(deep=True).problems]
    caches = ("torn", "keys")  # what was cut off is kept, what is remembered of keys may be
    left = [p.name for p in (found.dir / ".usr").rglob("*") if p.is_file() and p.parent.name not in caches]
    table = found.to_arrow(["id", "lab__batch"]).to_pydict()
    by_id = dict(zip(table["id"], table["lab__batch"], strict=True))
    batches = {value for value in by_id.values() if value is not None}
    wrong = [
        batch for batch in batches if any(by_id.get(compute_id("dna", r)) != batch for r in rows_of(batch))
    ]
    recorded = {batch for batch in told | batches if found.batch(f"batch:{batch}") is not None}
    if problems or left or wrong or told - batches or recorded != batches or len(by_id) != 3 * len(batches):
        sys.stderr.write(
            f"problems {[str(p) for p in problems]}, left {left}, in part {wrong}, lost {told - batches}, "
            f"recorded but not there {recorded ^ batches}, {len(by_id)} rows of {len(batches)} batches\n"
        )
        raise SystemExit(1)


def make(folder: Path) -> None:
    folder.mkdir(parents=True)
    register_namespace(folder, namespace="lab", columns="lab__batch:int64")
    Dataset(folder, "set").init()


def warm_up() -> None:
    """Do once what most writers do, so that none of them has to load anything; compacting and archiving would start threads."""
    with tempfile.TemporaryDirectory() as above:
        folder, (into, out) = Path(above) / "root", os.pipe()
        make(folder)
        write(folder, WRITERS - 1, 0, out, turns=2)
        os.close(into)
        os.close(out)


def play_round(folder: Path, start: int, rng: random.Random) -> set[int]:
    """Four writers that are killed; the batches that they were told are done."""
    pipes = [os.pipe() for _ in range(WRITERS)]
    children = []
    for writer, (_, out) in enumerate(pipes):

        def work(writer: int = writer, out: int = out) -> None:
            write(folder, writer, start, out)

        children.append(in_child(work))
    begun = time.monotonic()
    rng.shuffle(children)
    for pid, moment in zip(children, sorted(rng.uniform(0.05, LONGEST) for _ in children), strict=True):
        time.sleep(max(0.0, begun + moment - time.monotonic()))
        os.kill(pid, signal.SIGKILL)
    told = set()
    for pid in children:
        os.waitpid(pid, 0)
    for into, out in pipes:
        os.close(out)
        with os.fdopen(into, "rb") as lines:
            told |= {int(line) for line in lines.read().split()}
    return told


def wait_for(pid: int) -> bool:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no round later than that")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tell", type=int, default=0, help="after every how many rounds to say so")
    options = parser.parse_args(arguments)
    until, done = time.monotonic() + 60 * options.minutes, 0
    warm_up()
    rng, told, acknowledged = random.Random(options.seed), set[int](), 0
    for number in range(options.rounds):
        folder = options.folder / str(number // ROUNDS_A_DATASET)
        if time.monotonic() > until:
            break
        if number % ROUNDS_A_DATASET == 0:
            shutil.rmtree(options.folder / str(number // ROUNDS_A_DATASET - 1), ignore_errors=True)
            told = set()
            if not wait_for(in_child(functools.partial(make, folder))):
                return 1
        fresh = play_round(folder, number * 1000, rng)
        told |= fresh
        acknowledged += len(fresh)
        if not wait_for(in_child(functools.partial(check, folder, told))):
            sys.stderr.write(
                f"round {number} (seed {options.seed}) left a dataset that does not hold: {folder}\n"
            )
            return 1
        done += 1
        if options.tell and done % options.tell == 0:
            sys.stdout.write(f"after {done} rounds, {acknowledged} transactions acknowledged\n")
            sys.stdout.flush()
    sys.stdout.write(f"{done} rounds, {acknowledged} transactions acknowledged\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
