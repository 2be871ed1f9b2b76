"""How long a process takes before it does anything."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.bench import NAME, Bench
from benchmarks.measure import Against, Contestant, Figure, Line, alternate

NOTE = "modules are compiled already; no plug-in or site customization is loaded by either"


def measure(bench: Bench) -> list[Line]:
    """Importing the library, help and info, against an interpreter that does nothing."""
    dataset = bench.dataset(bench.sizes.small_rows, bench.sizes.small_parts)
    usr = "import sys; from dnadesign.usr.cli.app import main; sys.argv[0] = 'usr'; main()"
    commands = {
        "import dnadesign.usr": (2.0, ["-c", "import dnadesign.usr"]),
        "usr --help": (8.0, ["-c", usr, "--help"]),
        f"usr info, {bench.sizes.small_rows:,} rows": (
            15.0,
            ["-c", usr, "--root", str(dataset.root), "info", NAME],
        ),
    }
    contestants = [Contestant("bare", _starting(["-c", "pass"]))]
    contestants += [Contestant(name, _starting(words)) for name, (_, words) in commands.items()]
    rounds = replace(bench.sizes.rounds, most=max(bench.sizes.rounds.most, 3))
    found = alternate(contestants, rounds, flush=False)
    bare = Figure("python -c pass", found["bare"].samples)
    return [
        Line(name, found[name], Against(bare, target), note=NOTE if name.startswith("import") else "")
        for name, (target, _) in commands.items()
    ]


def _starting(words: list[str]) -> Callable[[], object]:
    source = str(Path(__file__).resolve().parents[2] / "src")

    def run() -> None:
        subprocess.run(
            [sys.executable, *words],
            check=True,
            stdout=subprocess.DEVNULL,
            env={"PATH": "", "PYTHONPATH": source, "COLUMNS": "100", "LC_ALL": "C.UTF-8"},
        )

    return run
