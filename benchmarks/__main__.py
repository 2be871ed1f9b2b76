"""Run the benchmarks: ``python -m benchmarks [--quick] [--only WORKLOAD]... [--without-peers] [--page]``.

At full size, peers included, the results come into ``docs/benchmarks.json``: a workload that is measured again takes
the place of what is there of it, the others stay; page and chart are written from all of them. Figures of small sizes
are kept beside the generated data and never stand in the documentation.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.bench import Bench
from benchmarks.peers import NAMES, peer_table
from benchmarks.report import DATA, plain_table, write
from benchmarks.results import Measured, Results, Taken
from benchmarks.sizes import NAMED, Sizes
from benchmarks.workloads import WORKLOADS

DOCS = Path(__file__).resolve().parents[1] / "docs"
CACHE = Path(tempfile.gettempdir()) / "dnadesign-bench"


def options(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="How fast usr is, beside others."
    )
    parser.add_argument(
        "--quick",
        action="store_const",
        dest="scale",
        const="quick",
        default="full",
        help="small sizes, to try things",
    )
    parser.add_argument("--scale", choices=sorted(NAMED), default="full", help="which sizes (default: full)")
    parser.add_argument(
        "--only", choices=sorted(WORKLOADS), action="append", help="only this workload; repeatable"
    )
    parser.add_argument("--seconds", type=float, help="time for the repetitions of a line (default: 180)")
    parser.add_argument("--fewest", type=int, help="repetitions of a line that takes longer (default: 5)")
    parser.add_argument("--page", action="store_true", help="measure nothing: write page and chart anew")
    parser.add_argument("--without-peers", action="store_true", help="only usr and the floors")
    parser.add_argument("--output", type=Path, help="where page, chart and data are written")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"where data are kept (default: {CACHE})")
    parser.add_argument("--rebuild", action="store_true", help="generate the data anew")
    return parser.parse_args(words)


def say(text: str) -> None:
    """Progress, to stderr."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def main(words: list[str]) -> None:
    """Run what was asked for, print the table, and write page, chart and data."""
    chosen = options(words)
    folder = chosen.output or (
        DOCS if chosen.scale == "full" and not chosen.without_peers else chosen.cache / chosen.scale
    )
    if chosen.page:
        known = Results.read(folder / DATA)
        if known is None:
            sys.exit(f"{folder / DATA}: nothing has been measured")
        write(known, folder)
        return
    if chosen.rebuild:
        shutil.rmtree(chosen.cache, ignore_errors=True)
    bench = Bench(_sizes(chosen), chosen.cache, peers=not chosen.without_peers, say=say)
    results = Results((), machine.describe(chosen.cache), {})
    for name, measure in WORKLOADS.items():
        if chosen.only is None or name in chosen.only:
            say(name)
            taken = _taken(results.machine, chosen.scale)
            found = Measured(name, tuple(measure(bench)), taken)
            lacking = lacks() if bench.peers else {}
            results = Results((*results.measured, found), results.machine, lacking)
            _keep(results, folder)  # at once: what was measured is there if a later workload fails
    print(plain_table(results.lines))
    say(f"wrote {folder / DATA}, page and chart")
    busy = [found.workload for found in results.measured if found.taken.busy]
    if busy:
        say(f"the machine was busy before {', '.join(busy)}: those figures are for orientation only")
    missed = sum(not met for line in results.lines for _, met in line.targets)
    say(f"{missed} of {sum(len(line.targets) for line in results.lines)} targets missed")


def _sizes(chosen: argparse.Namespace) -> Sizes:
    sizes = NAMED[chosen.scale]
    seconds = sizes.rounds.seconds if chosen.seconds is None else chosen.seconds
    fewest = sizes.rounds.fewest if chosen.fewest is None else chosen.fewest
    return replace(sizes, rounds=replace(sizes.rounds, seconds=seconds, fewest=fewest))


def _taken(found: dict[str, Any], scale: str) -> Taken:
    load = machine.load()
    return Taken(found["date"], found["commit"], load, machine.is_busy(load), scale, found["packages"])


def _keep(results: Results, folder: Path) -> None:
    known = Results.read(folder / DATA)
    write(results if known is None else known.with_later(results, order=WORKLOADS), folder)


def lacks() -> dict[str, str]:
    """What each peer does not do."""
    with tempfile.TemporaryDirectory() as folder:
        return {name: peer_table(name, Path(folder)).lacks for name in NAMES}


if __name__ == "__main__":
    main(sys.argv[1:])
