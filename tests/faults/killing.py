"""Writers that are really killed: four processes write into one dataset until each dies at a random moment.

    python -m tests.faults.killing FOLDER [--faults] [--rounds 100] [--minutes 60] [--seed 1] [--tell 100]

After each round the dataset is recovered and checked against what the writers have told of each batch. With ``--faults``
each of them has a fault of its own besides, put into it by strace once it runs: some system call fails or kills, once,
for good, or time and again (``tests/faults/system_faults.py``).
"""

import argparse
import functools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.faults.system_faults import SystemFault, attach, fired, get_ready, random_fault
from tests.faults.writers import (
    WRITERS,
    Board,
    Outcome,
    Told,
    check,
    in_child,
    make,
    wait_for,
    warm_up,
    write,
)

ROUNDS_A_DATASET = 10
LIVES = (0.03, 0.3)  # seconds that a writer lives, at least and at most
LIVES_WITH_FAULTS = (0.3, 1.0)  # it is slower under strace, and is to come to its fault
NAME = "set"
WELL_ENDED = ("killed", "killed by a fault", "status 0")


@dataclass
class Totals:
    """What all rounds came to."""

    rounds: int = 0
    of: Counter[str] = field(default_factory=Counter)

    def line(self, *, faults: bool) -> str:
        told = self.of
        line = f"{self.rounds} rounds, {told['done']} transactions acknowledged"
        if faults:
            line += (
                f", {told['failed']} failed, {told['open']} unknown, {told['calls that failed']} calls that failed, "
                f"{told['writers that met a fault']} of {told['writers']} writers met a fault, "
                f"{told['killed by one']} killed by one"
            )
        return f"{line}\n"


class Broken(Exception):
    """A round that left what does not hold; its faults are told."""


def begin(folder: Path, writer: int, start: int, board: Board) -> int:
    """A writer that waits to be let go; its process id."""

    def work() -> None:
        get_ready()
        while not board.may_go():
            time.sleep(0.001)
        write(folder, writer, start, board)

    return in_child(work)


def play_round(folder: Path, start: int, rng: Random, faults: list[SystemFault], totals: Totals) -> Board:
    """Four writers that are killed, at the latest at random moments, with a fault each if there are any.

    Raises:
        Broken: A writer was given an error that no disk explains, or, without faults, any.
    """
    board, tracers, ends = Board(start), [], dict[int, str]()
    children = [begin(folder, writer, start, board) for writer in range(WRITERS)]
    try:
        for pid, fault in zip(children, faults, strict=False):
            log = folder.with_name(f"{folder.name}.{children.index(pid)}.strace")
            tracers.append((log, attach(pid, fault, dataset=folder / NAME, log=log)))
        board.let_go()
        begun, lives = time.monotonic(), LIVES_WITH_FAULTS if faults else LIVES
        moments = sorted(rng.uniform(*lives) for _ in children)
        for pid, moment in zip(rng.sample(children, len(children)), moments, strict=True):
            time.sleep(max(0.0, begun + moment - time.monotonic()))
            ends[pid] = end(pid)
    finally:
        for pid in set(children) - set(ends):
            end(pid)
    count(totals, [ends[pid] for pid in children], tracers)
    if any(ended not in WELL_ENDED for ended in ends.values()):
        raise Broken(f"writers ended so: {[ends[pid] for pid in children]}")
    return board


def end(pid: int) -> str:
    """Kill a process that is not dead yet, and wait for it; how it ended."""
    found, status = os.waitpid(pid, os.WNOHANG)
    if found == 0:
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL:
        return "killed by a fault" if found else "killed"
    return f"status {code}"


def count(totals: Totals, ends: list[str], tracers: list[tuple[Path, "subprocess.Popen[bytes]"]]) -> None:
    """Add up which faults were met."""
    totals.of["writers"] += len(ends)
    for ended, (log, tracer) in zip(ends, tracers, strict=False):
        tracer.wait()
        failed, killed = fired(log), ended == "killed by a fault"
        totals.of["calls that failed"] += failed
        totals.of["killed by one"] += killed
        totals.of["writers that met a fault"] += failed > 0 or killed


def play(options: argparse.Namespace, totals: Totals) -> None:
    """Round after round.

    Raises:
        Broken: What one left does not hold.
    """
    until, rng, told = time.monotonic() + 60 * options.minutes, Random(options.seed), Told()
    for number in range(options.rounds):
        folder = options.folder / str(number // ROUNDS_A_DATASET)
        if time.monotonic() > until:
            break
        if number % ROUNDS_A_DATASET == 0:
            shutil.rmtree(options.folder / str(number // ROUNDS_A_DATASET - 1), ignore_errors=True)
            told = Told()
            if not wait_for(in_child(functools.partial(make, folder))):
                raise Broken("no dataset could be made")
        faults = [random_fault(rng) for _ in range(WRITERS)] if options.faults else []
        try:
            fresh = play_round(folder, number * 1000, rng, faults, totals).outcomes()
            told.of |= fresh
            totals.of.update(outcome.name.lower() for outcome in fresh.values())
            if not faults and Outcome.FAILED in fresh.values():
                raise Broken("a writer was given an error, and there was no fault")
            if not wait_for(in_child(functools.partial(check, folder, told))):
                raise Broken("the dataset does not hold")
        except Broken as broken:
            shown = "".join(f"\n  writer {writer}: {fault}" for writer, fault in enumerate(faults))
            raise Broken(f"round {number} (seed {options.seed}), {folder}: {broken}{shown}") from broken
        totals.rounds += 1
        if options.tell and totals.rounds % options.tell == 0:
            sys.stdout.write(f"after {totals.line(faults=options.faults)}")
            sys.stdout.flush()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--faults", action="store_true", help="let system calls fail besides; needs strace")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no round later than that")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tell", type=int, default=0, help="after every how many rounds to say so")
    options, totals = parser.parse_args(arguments), Totals()
    warm_up()
    try:
        play(options, totals)
    except Broken as broken:
        sys.stderr.write(f"{broken}\n")
        return 1
    sys.stdout.write(totals.line(faults=options.faults))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
