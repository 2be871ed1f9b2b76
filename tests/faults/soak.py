"""Look for violations for as long as there is time: other datasets, other changes, other crashes each time.

    python -m tests.faults.soak --minutes 120 [--processes 2] [--seed 1]
    python -m tests.faults.soak --again enumerate_once 1234567890

Each process goes round the same circle until the time is up, somebody stops it, or something does not hold: a random
history of changes, one more change broken in every way, the same with the real verbs of a real dataset, readers between
the writers of another random history, real writers that are really killed or whose system calls fail, now and then a crowd of them, or bits of a
dataset's files flipped. The totals are printed every minute and in the end, also after Ctrl-C or SIGTERM; the exit
status is 1 if anything did not hold. ``--only`` takes turns of one kind; ``--kept`` adds up the states of several soaks; ``--again`` repeats one turn by what a
violation says of it.
"""

import argparse
import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from queue import Empty
from random import Random

import numpy as np

from dnadesign.usr import register_namespace
from tests.architecture.source_tree import ROOT
from tests.faults.changes import CHANGES, possible, repeatable_ids
from tests.faults.enumeration import Effort, Search, Stopped, Tally, TooManyViolations, random_world
from tests.faults.interleavings import look_at_all
from tests.faults.strace import STRACE
from tests.faults.test_readers import write_one_after_the_other
from tests.faults.verb_search import random_search
from tests.usr.conftest import COLUMNS
from tests.usr.operations.bit_flips import grow, unseen_flips

EFFORT = Effort(crashes=96, nested_every=25, nested_crashes=12, after_faults=8)
KILLED_ROUNDS = 10
FAULTY_ROUNDS = 10
READ_SECONDS = 60
FLIPS = 2500  # about a minute
TELL_EVERY = 60.0  # seconds

Counts = dict[str, int]


@dataclass
class Turn:
    """One turn of a process.

    Attributes:
        rng: Where its choices are drawn from.
        stopped: Whether it is to end now.
        seen: The marks of all states that the process has looked at.
        counts: What was looked at in this turn, besides states.
        fresh: The marks of the states that were new in it.
    """

    rng: Random
    stopped: Callable[[], bool]
    seen: set[int]
    counts: Counts = field(default_factory=dict)
    fresh: array[int] = field(default_factory=lambda: array("q"))


class Marks(set[int]):
    """Marks that are new in a turn, noted for all of the process."""

    def __init__(self, turn: Turn) -> None:
        super().__init__()
        self._turn = turn

    def __contains__(self, mark: object) -> bool:
        """Whether the process has looked at that state."""
        return mark in self._turn.seen

    def add(self, mark: int) -> None:
        """Note a state that the process has not looked at."""
        self._turn.seen.add(mark)
        self._turn.fresh.append(mark)


Once = Callable[[Turn], list[str]]


def enumerate_once(turn: Turn) -> list[str]:
    """One change of a random dataset, broken in every way."""
    rng, tally = turn.rng, Tally(states=Marks(turn), stopped=turn.stopped)
    with repeatable_ids():
        world = random_world(rng, rng.randrange(1, 7))
        name = rng.choice([name for name in CHANGES if possible(world.files, name)])
        with contextlib.suppress(Stopped, TooManyViolations):  # what was found is in the tally
            Search(world, name, tally, EFFORT).run()
    turn.counts["changes with a fault"] = tally.runs
    return tally.violations


def read_once(turn: Turn) -> list[str]:
    """Readers and followers between the writers of a random history."""
    rng = turn.rng
    with repeatable_ids():
        world = random_world(rng, rng.randrange(1, 5))
        names: list[str] = []
        now = world
        for _ in range(rng.randrange(1, 5)):
            names.append(rng.choice([name for name in CHANGES if possible(now.files, name)]))
            now = now.after(names[-1])
        looked, problems = look_at_all(write_one_after_the_other(tuple(names), world), random=rng, most=4000)
    turn.counts["interleavings"] = looked
    return [f"{names}: {problem}" for problem in problems]


def break_a_verb(turn: Turn) -> list[str]:
    """One verb of a real dataset, broken in every way at some of its operations."""
    with repeatable_ids():
        name, search = random_search(turn.rng, turn.stopped)
    turn.counts["real verbs with a fault"] = search.runs
    turn.counts["states of real datasets"] = len(search.states)
    return [f"{name}, {problem}" for problem in search.problems]


def kill_once(turn: Turn) -> list[str]:
    """Rounds of four writers that are killed."""
    seed = str(turn.rng.randrange(1 << 30))
    command = ["tests.faults.killing", "--rounds", str(KILLED_ROUNDS), "--seed", seed]
    return play(turn, command, counted="rounds of killed writers", count=KILLED_ROUNDS)


def meet_faults(turn: Turn) -> list[str]:
    """The same with a fault of a random system call in each of them, where there is strace."""
    if STRACE is None:
        return []
    seed = str(turn.rng.randrange(1 << 30))
    command = ["tests.faults.killing", "--faults", "--rounds", str(FAULTY_ROUNDS), "--seed", seed]
    return play(turn, command, counted="rounds of writers whose system calls fail", count=FAULTY_ROUNDS)


def write_at_once(turn: Turn) -> list[str]:
    """32 processes that write 100 parts each into one namespace."""
    command = ["tests.faults.crowd", "--who", "writers"]
    return play(turn, command, counted="parts written by 32 processes at once", count=3200)


def read_beside(turn: Turn) -> list[str]:
    """Readers beside appends, compactions and materializations."""
    command = ["tests.faults.crowd", "--who", "readers", "--seconds", str(READ_SECONDS)]
    return play(turn, command, counted="seconds of reads beside changes", count=READ_SECONDS)


def flip_bits(turn: Turn) -> list[str]:
    """Bits of the files of a dataset, flipped one after the other: a deep check finds each and names the file."""
    with tempfile.TemporaryDirectory(prefix="usr-soak-") as folder:
        root = Path(folder) / "root"
        register_namespace(root, namespace="score", columns=COLUMNS)
        flipped, unseen = unseen_flips(grow(root), turn.rng, flips=FLIPS, stopped=turn.stopped)
    turn.counts["bits flipped"] = flipped
    return unseen


def play(turn: Turn, command: list[str], *, counted: str, count: int) -> list[str]:
    """Run a module that makes real processes, in a folder of its own, and count what it did."""
    with tempfile.TemporaryDirectory(prefix="usr-soak-") as folder:
        played = subprocess.Popen(
            [sys.executable, "-m", command[0], f"{folder}/root", *command[1:]],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        while True:
            try:
                _, errors = played.communicate(timeout=0.5)
                break
            except subprocess.TimeoutExpired:
                if turn.stopped():
                    os.killpg(played.pid, signal.SIGKILL)
                    played.communicate()
                    return []
    turn.counts[counted] = count
    return [f"{' '.join(command)}: {errors}"] if played.returncode else []


TURNS = (
    *[*[*[enumerate_once] * 4, break_a_verb] * 2, read_once, kill_once, meet_faults] * 3,
    write_at_once,
    read_beside,
    flip_bits,
)


def take(once: Once, turn: Turn, seed: int) -> list[str]:
    """Take a turn; what did not hold in it, with how to repeat it."""
    try:
        problems = once(turn)
    except Exception:  # noqa: BLE001 - whatever it is, it is told and ends the search
        problems = [traceback.format_exc()]
    return [f"--again {once.__name__} {seed}: {problem}" for problem in problems]


Result = tuple[Counts, bytes, list[str], int]


def work(
    results: "Queue[Result]", stop: Event, *, seed: int, until: float, turns: tuple[Once, ...], parent: int
) -> None:
    """Go round until the time is up, somebody stops it, or something does not hold."""
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # may be sent to all processes; the first one tells the others
        signal.signal(number, signal.SIG_IGN)
    rng, taken, seen = Random(seed), 0, set[int]()

    def stopped() -> bool:
        return time.monotonic() >= until or stop.is_set() or os.getppid() != parent

    while not stopped():
        start = rng.getrandbits(32)
        turn = Turn(Random(start), stopped, seen)
        problems = take(turns[taken % len(turns)], turn, start)
        taken += 1
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        results.put((turn.counts, turn.fresh.tobytes(), problems, largest))
        if problems:
            return


@dataclass
class Totals:
    """What all processes have looked at; a state that several of them met counts once."""

    begun: float = field(default_factory=time.monotonic)
    counts: Counts = field(default_factory=lambda: {"violations": 0})
    marks: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    fresh: list[np.ndarray] = field(default_factory=list)
    largest: int = 0
    earlier: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    kept: Path | None = None

    def add(self, result: Result) -> None:
        counts, fresh, problems, largest = result
        for name, count in counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        self.counts["violations"] += len(problems)
        self.fresh.append(np.frombuffer(fresh, dtype=np.int64))
        self.largest = max(self.largest, largest)
        for problem in problems:
            sys.stderr.write(f"{problem}\n")

    def show(self, what: str) -> None:
        self.marks = np.unique(np.concatenate([self.marks, *self.fresh]))
        self.fresh = []
        counts = sorted({**self.counts, "distinct states": len(self.marks)}.items())
        if self.kept is not None:
            every = np.union1d(self.earlier, self.marks)
            counts.append(("with those of earlier soaks", len(every)))
            hidden = self.kept.with_name(f".{self.kept.name}.new")
            with hidden.open("wb") as file:
                np.save(file, every, allow_pickle=False)
            hidden.replace(self.kept)
        found = ", ".join(f"{count:,} {name}" for name, count in counts)
        minutes = (time.monotonic() - self.begun) / 60
        sys.stdout.write(f"{what} {minutes:.1f} minutes: {found} ({self.largest} MB a process at most)\n")
        sys.stdout.flush()


def earlier_marks(kept: Path | None) -> np.ndarray:
    """The states that earlier soaks looked at, as they left them in a file."""
    if kept is None or not kept.exists():
        return np.empty(0, dtype=np.int64)
    found: np.ndarray = np.load(kept, allow_pickle=False)
    return found


def soak(
    *, minutes: float, processes: int, seed: int, turns: tuple[Once, ...] = TURNS, kept: Path | None = None
) -> int:
    """Look until the time is up; the exit status."""
    os.environ["PYTHONHASHSEED"] = "0"  # so that all processes mark equal states alike
    until, context = time.monotonic() + 60 * minutes, get_context("spawn")
    results: Queue[Result] = context.Queue()
    stop, by_hand = context.Event(), list[str]()

    def end(number: int, _frame: object) -> None:
        by_hand.append(signal.Signals(number).name)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    workers: list[BaseProcess] = [
        context.Process(
            target=work,
            args=(results, stop),
            kwargs={"seed": one, "until": until, "turns": turns, "parent": os.getpid()},
        )
        for one in range(seed, seed + processes)
    ]
    for worker in workers:
        worker.start()
    totals = collect(workers, results, stop, Totals(kept=kept, earlier=earlier_marks(kept)))
    broken = [worker.exitcode for worker in workers if worker.exitcode]
    if broken:
        sys.stderr.write(f"processes ended with {broken}\n")
    totals.show(f"stopped by {by_hand[0]} after" if by_hand else "done after")
    return 1 if totals.counts["violations"] or broken else 0


def collect(workers: list[BaseProcess], results: "Queue[Result]", stop: Event, totals: Totals) -> Totals:
    """Add up what the processes find until they have ended; the first violation ends all."""
    told = time.monotonic()
    while True:
        alive = any(
            worker.is_alive() for worker in workers
        )  # asked first: what they put before ending is there then
        try:
            totals.add(results.get(timeout=1))
        except Empty:
            if not alive:
                return totals
        if totals.counts["violations"] or any(worker.exitcode for worker in workers):
            stop.set()
        if time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            totals.show("after")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Look for violations for as long as there is time.")
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--kept", type=Path, help="add up the states of several soaks in this file")
    parser.add_argument("--again", nargs=2, metavar=("TURN", "SEED"), help="repeat one turn")
    named = {turn.__name__: turn for turn in TURNS}
    parser.add_argument("--only", choices=sorted(named), help="take no other turns")
    options = parser.parse_args(arguments)
    if options.again is None:
        turns = TURNS if options.only is None else (named[options.only],)
        return soak(
            minutes=options.minutes,
            processes=options.processes,
            seed=options.seed,
            turns=turns,
            kept=options.kept,
        )
    once, seed = named[options.again[0]], int(options.again[1])
    turn = Turn(Random(seed), lambda: False, set())
    problems = take(once, turn, seed)
    sys.stdout.write("".join(f"{problem}\n" for problem in problems) or f"nothing found: {turn.counts}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
