"""Look for violations for as long as there is time: other datasets, other changes, other crashes each time.

    python -m tests.faults.soak --minutes 120 [--processes 2] [--seed 1]

Each process goes round the same circle until the time is up: a random history of changes, one more change broken in
every way, readers between the writers of another random history, real writers that are really killed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from multiprocessing.queues import Queue
from queue import Empty
from random import Random

from tests.architecture.source_tree import ROOT
from tests.faults.changes import CHANGES, possible, repeatable_ids
from tests.faults.enumeration import Effort, Search, Tally, TooManyViolations, random_world
from tests.faults.interleavings import look_at_all
from tests.faults.test_readers import write_one_after_the_other

EFFORT = Effort(crashes=96, nested_every=25, nested_crashes=12, after_faults=8)
KILLED_ROUNDS = 10

Counts = dict[str, int]


def enumerate_once(rng: Random, counts: Counts, seen: set[int]) -> list[str]:
    """One change of a random dataset, broken in every way."""
    tally, before = Tally(states=seen), len(seen)
    with repeatable_ids():
        world = random_world(rng, rng.randrange(1, 7))
        name = rng.choice([name for name in CHANGES if possible(world.files, name)])
        try:
            Search(world, name, tally, EFFORT).run()
        except TooManyViolations as found:
            return [str(found)]
        finally:
            counts["distinct states"] = counts.get("distinct states", 0) + len(seen) - before
            counts["changes with a fault"] = counts.get("changes with a fault", 0) + tally.runs
    return []


def read_once(rng: Random, counts: Counts, _seen: set[int]) -> list[str]:
    """Readers and followers between the writers of a random history."""
    with repeatable_ids():
        world = random_world(rng, rng.randrange(1, 5))
        names: list[str] = []
        now = world
        for _ in range(rng.randrange(1, 5)):
            names.append(rng.choice([name for name in CHANGES if possible(now.files, name)]))
            now = now.after(names[-1])
        looked, problems = look_at_all(write_one_after_the_other(tuple(names), world), random=rng, most=4000)
    counts["interleavings"] = counts.get("interleavings", 0) + looked
    return [f"{names}: {problem}" for problem in problems]


def kill_once(rng: Random, counts: Counts, _seen: set[int]) -> list[str]:
    """Rounds of four writers that are killed."""
    with tempfile.TemporaryDirectory() as folder:
        seed = str(rng.randrange(1 << 30))
        command = [
            sys.executable,
            "-m",
            "tests.faults.killing",
            folder,
            "--rounds",
            str(KILLED_ROUNDS),
            "--seed",
            seed,
        ]
        played = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    counts["rounds of killed writers"] = counts.get("rounds of killed writers", 0) + KILLED_ROUNDS
    return [played.stderr] if played.returncode else []


def work(seed: int, until: float, results: "Queue[tuple[Counts, list[str]]]") -> None:
    """Go round until the time is up or something does not hold."""
    rng, turn, seen = Random(seed), 0, set[int]()
    while time.monotonic() < until:
        counts: Counts = {}
        once = (*[enumerate_once] * 8, read_once, kill_once)[turn % 10]
        turn += 1
        start = rng.getrandbits(32)
        problems = [f"{once.__name__} with seed {start}: {p}" for p in once(Random(start), counts, seen)]
        results.put((counts, problems))
        if problems:
            return


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Look for violations for as long as there is time.")
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args(arguments)
    until, context = time.monotonic() + 60 * options.minutes, get_context("spawn")
    results: Queue[tuple[Counts, list[str]]] = context.Queue()
    seeds = range(options.seed, options.seed + options.processes)
    workers = [context.Process(target=work, args=(seed, until, results)) for seed in seeds]
    for worker in workers:
        worker.start()
    totals: Counts = {"violations": 0}
    told = time.monotonic()
    while any(worker.is_alive() for worker in workers) or not results.empty():
        try:
            counts, problems = results.get(timeout=1)
        except Empty:
            continue
        for name, count in counts.items():
            totals[name] = totals.get(name, 0) + count
        totals["violations"] += len(problems)
        for problem in problems:
            sys.stderr.write(f"{problem}\n")
        if time.monotonic() - told > 60:
            told = time.monotonic()
            _show(totals)
    _show(totals)
    return 1 if totals["violations"] or any(worker.exitcode for worker in workers) else 0


def _show(totals: Counts) -> None:
    sys.stdout.write(", ".join(f"{count:,} {name}" for name, count in sorted(totals.items())) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
