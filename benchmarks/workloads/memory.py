"""The most memory that reading, checking and rewriting take, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.bench import NAME, Bench
from benchmarks.measure import Against, Figure, Line

LIMIT = 1.5e9
FLAT = 1.25
_OPERATIONS = {
    "scan": "sum(batch.num_rows for batch in dataset.scan())",
    "compact": "dataset.compact_overlay('bench', maintenance=True)",
    "materialize": "dataset.materialize(maintenance=True)",
    "validate": "dataset.validate()",
    "export": "dataset.export(dataset.root / 'exported.parquet')",
}
# Not getrusage: its peak begins with that of the process that started this one.
_PROGRAM = """
import re, sys
from dnadesign.usr import Dataset
dataset = Dataset(sys.argv[1], sys.argv[2])
{operation}
with open("/proc/self/status") as status:
    print(int(re.search(r"VmHWM:\\s*([0-9]+) kB", status.read())[1]) * 1024)
"""


def measure(bench: Bench) -> list[Line]:
    """Each operation on the large dataset, against the limit and against the usual one."""
    sizes = bench.sizes
    lines = []
    for name in _OPERATIONS:
        usual = _peak(bench, name, sizes.rows, sizes.parts)
        large = _peak(bench, name, sizes.large_rows, sizes.large_parts)
        what = f"peak memory: {name} of {sizes.large_rows:,} rows"
        lines += [
            Line(what, large, Against(Figure("1.5 GB", (LIMIT,), "B"), 1.0)),
            Line(f"{what}, flat", large, Against(Figure(f"{sizes.rows:,} rows", usual.samples, "B"), FLAT)),
        ]
    return lines


def _peak(bench: Bench, name: str, rows: int, parts: int) -> Figure:
    return Figure("usr", tuple(_once(bench, name, rows, parts) for _ in range(bench.sizes.peaks)), "B")


def _once(bench: Bench, name: str, rows: int, parts: int) -> float:
    dataset = bench.dataset(rows, parts)
    program = _PROGRAM.format(operation=_OPERATIONS[name])
    ended = subprocess.run(
        [sys.executable, "-c", program, str(dataset.root), NAME],
        check=True,
        stdout=subprocess.PIPE,
        env={"PATH": "", "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src")},
    )
    return float(ended.stdout.split()[-1])
