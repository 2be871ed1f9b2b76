"""What a design run costs beside solving, and what a second solver process gains: ``python -m benchmarks.design_run``.

A promoter, two groups, libraries of ten sites. The floor is the solver alone: the same libraries, packed by as many
processes that do nothing else. Wall times mean something on a quiet machine only; shares of CPU time hold anywhere.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from dnadesign.densegen.adapters.solvers.dense_arrays import solve
from dnadesign.densegen.contract.batches import Shard
from dnadesign.densegen.contract.ports import PlanProgress
from dnadesign.densegen.contract.solving import SolveRequest
from dnadesign.densegen.operations.libraries import sample_library
from dnadesign.densegen.operations.requests import solve_request
from dnadesign.densegen.operations.starting import Start
from dnadesign.densegen.project import open_project, start_run

CONFIG = """\
schema_version: 1
run: {{id: bench, seed: 5}}
inputs: [{{name: sites, kind: sites, path: sites.csv}}]
target: {{length: 60}}
library: {{size: 10}}
plans:
  - name: designs
    quota: {quota}
    inputs: [sites]
    groups:
      - {{name: one, members: [A, B], min_required: 1}}
      - {{name: two, members: [A, B, C], min_required: 2}}
    promoters:
      - {{name: sigma70, upstream: TTGACA, downstream: TATAAT, spacer: [16, 18]}}
solver: {{workers: {workers}, reproducible: true}}
output: {{root: datasets, dataset: designs, chunk_size: 10}}
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of a run: wall, CPU of the run itself, CPU of its solver processes, solving as the solvers count it."""

    wall: float
    own: float
    solvers: float
    solving: float


class Silent:
    """Shows nothing."""

    def update(self, progress: PlanProgress) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""


def write_workspace(folder: Path, *, quota: int, workers: int) -> Path:
    """Sites and a config; returns the path of the config."""
    folder.mkdir(parents=True)
    rng = random.Random(5)  # noqa: S311 - made-up sites
    lines = ["tf,tfbs"]
    for tf in "ABC":
        lines += [f"{tf},{''.join(rng.choices('ACGT', k=rng.randint(15, 20)))}" for _ in range(250)]
    (folder / "sites.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(quota=quota, workers=workers), encoding="utf-8")
    return config


def run(config: Path) -> Cost:
    """The whole run in this process, its imports included."""
    outcome = start_run(
        open_project(config), start=Start.NEW, shard=Shard(), display=Silent(), stopping=lambda: False
    )
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return Cost(
        wall=0.0,
        own=own.ru_utime + own.ru_stime,
        solvers=children.ru_utime + children.ru_stime,
        solving=sum(plan.solver_seconds for plan in outcome.plans),
    )


def requests(config: Path) -> list[SolveRequest]:
    """What the run asks its solvers."""
    project = open_project(config)
    (plan,) = project.config.plans
    source = project.plan_pools()[plan.name]
    libraries = (
        sample_library(
            source, project.config.library, seed=project.config.run.seed, index=index, double_strand=True
        )
        for index in range(plan.quota)
    )
    return [solve_request(library, project.config, plan, job=job) for job, library in enumerate(libraries)]


def pack(config: Path, *, part: int, parts: int) -> None:
    """Every so-manieth library, packed in this process."""
    for request in requests(config)[part::parts]:
        for _ in solve(request):
            pass


def _child(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.design_run", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _measured_run(config: Path) -> Cost:
    begun = time.monotonic()
    child = _child("--run", str(config))
    told, _ = child.communicate()
    return Cost(**{**json.loads(told), "wall": time.monotonic() - begun})


def _measured_floor(config: Path, *, processes: int) -> float:
    begun = time.monotonic()
    children = [_child("--pack", str(config), str(part), str(processes)) for part in range(processes)]
    for child in children:
        child.communicate()
    return time.monotonic() - begun


def main(words: list[str]) -> None:
    """Run what was asked for, one and two solver processes in turn."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.design_run", description=__doc__)
    parser.add_argument("--quota", type=int, default=200, help="designs a run (default: 200)")
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--pack", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args(words)
    if chosen.run:
        sys.stdout.write(json.dumps(asdict(run(chosen.run))))
        return
    if chosen.pack:
        pack(Path(chosen.pack[0]), part=int(chosen.pack[1]), parts=int(chosen.pack[2]))
        return
    sys.stdout.write(f"{chosen.quota} designs; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    with tempfile.TemporaryDirectory() as scratch:
        costs, floors = [], []
        for workers in (1, 2):
            config = write_workspace(Path(scratch) / str(workers), quota=chosen.quota, workers=workers)
            cost, floor = _measured_run(config), _measured_floor(config, processes=workers)
            costs.append(cost)
            floors.append(floor)
            sys.stdout.write(
                f"{workers} solver processes: {cost.wall:.1f} s; solving {cost.solving:.1f} s, "
                f"{100 * cost.solving / cost.wall / workers:.1f} % of the processes' time; "
                f"CPU of the run itself {cost.own:.1f} s, {100 * cost.own / (cost.own + cost.solvers):.1f} % of all; "
                f"the solver alone {floor:.1f} s\n"
            )
        sys.stdout.write(
            f"two over one: {costs[0].wall / costs[1].wall:.2f} x; the solver alone {floors[0] / floors[1]:.2f} x\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
