"""Run the benchmarks: ``python -m benchmarks [--quick] [--only WORKLOAD]... [--without-peers] [--output FOLDER]``.

The whole set at full size writes ``docs/benchmarks.md``, its chart and its data; anything less is written beside the
generated data, so that figures of small sizes never stand in the documentation.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import machine
from benchmarks.bench import Bench
from benchmarks.measure import Line
from benchmarks.peers import NAMES, peer_table
from benchmarks.report import Results, plain_table, write
from benchmarks.sizes import NAMED
from benchmarks.workloads import WORKLOADS

DOCS = Path(__file__).resolve().parents[1] / "docs"
CACHE = Path(tempfile.gettempdir()) / "dnadesign-bench"


def options(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="How fast usr is, beside others."
    )
    parser.add_argument(
        "--quick", action="store_const", dest="scale", const="quick", help="small sizes, to try things"
    )
    parser.add_argument("--scale", choices=sorted(NAMED), default="full", help="which sizes (default: full)")
    parser.add_argument(
        "--only", choices=sorted(WORKLOADS), action="append", help="only this workload; repeatable"
    )
    parser.add_argument("--without-peers", action="store_true", help="only usr and the floors")
    parser.add_argument("--output", type=Path, help="where page, chart and data are written")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"where data are kept (default: {CACHE})")
    parser.add_argument("--rebuild", action="store_true", help="generate the data anew")
    return parser.parse_args(words)


def say(text: str) -> None:
    """Progress, to stderr."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def main(words: list[str]) -> None:
    """Run what was asked for, print the table and write page, chart and data."""
    chosen = options(words)
    if chosen.rebuild:
        shutil.rmtree(chosen.cache, ignore_errors=True)
    busy = machine.is_busy(machine.load())
    bench = Bench(NAMED[chosen.scale], chosen.cache, peers=not chosen.without_peers, say=say)
    lines: list[Line] = []
    for name, measure in WORKLOADS.items():
        if chosen.only is None or name in chosen.only:
            say(name)
            lines += measure(bench)
    results = Results(
        tuple(lines), machine.describe(chosen.cache), chosen.scale, busy, lacks() if bench.peers else {}
    )
    print(plain_table(results.lines))
    whole = chosen.scale == "full" and chosen.only is None and bench.peers
    for path in write(results, chosen.output or (DOCS if whole else chosen.cache)):
        say(f"wrote {path}")
    if busy:
        say("the machine was busy when this began: the figures are for orientation only")
    missed = sum(not met for line in lines for _, met in line.targets)
    say(f"{missed} of {sum(len(line.targets) for line in lines)} targets missed")


def lacks() -> dict[str, str]:
    """What each peer does not do."""
    with tempfile.TemporaryDirectory() as folder:
        return {name: peer_table(name, Path(folder)).lacks for name in NAMES}


if __name__ == "__main__":
    main(sys.argv[1:])
