"""``dense run``: start or go on with a run, and say what came of it."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from dnadesign.densegen.cli.display import display
from dnadesign.densegen.contract.batches import Shard
from dnadesign.densegen.contract.errors import ConfigError
from dnadesign.densegen.contract.wording import counted
from dnadesign.densegen.operations.explaining import in_words
from dnadesign.densegen.operations.outcome import RunOutcome
from dnadesign.densegen.operations.starting import Start
from dnadesign.densegen.project import Project, open_project, start_run

_INTERRUPTED = 130


def run_config(path: Path, *, resume: bool, fresh: bool, shard: str, run_id: str | None) -> int:
    """Run a config; returns the exit status: 0 quotas reached, 1 not, 130 interrupted."""
    if resume and fresh:
        raise ConfigError("--resume and --fresh exclude each other: go on, or begin from nothing?")
    start = Start.RESUME if resume else Start.FRESH if fresh else Start.NEW
    part = Shard.parse(shard)
    project = open_project(path, run_id=run_id)
    for warning in project.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    _warn_of_repeat(project)
    with _stop_on_signal() as stopping, display() as shown:
        outcome = start_run(project, start=start, shard=part, display=shown, stopping=stopping)
    _summary(outcome, project.root, again=_again(path, shard=shard, run_id=run_id))
    if outcome.complete:
        return 0
    return _INTERRUPTED if outcome.interrupted else 1


def _warn_of_repeat(project: Project) -> None:
    """Say so where the run is about to make another run's designs once more."""
    if project.config.output.existing == "skip" and (other := project.repeated_run()) is not None:
        print(
            f"warning: run {other!r} is in the dataset with the same seed and config: its designs will be packed "
            "again and skipped, before new ones come; another run.seed saves the time",
            file=sys.stderr,
        )


@contextmanager
def _stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Turn the first SIGINT or SIGTERM into a wish to stop, which the run grants after writing what it has."""
    asked: list[int] = []

    def ask(number: int, _: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        print("stopping: writing what is finished (again to stop at once)", file=sys.stderr)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _again(path: Path, *, shard: str, run_id: str | None) -> str:
    """The command that goes on with this very run."""
    words = ["dense", "run", "-c", str(path), "--resume"]
    words += [] if run_id is None else ["--run-id", run_id]
    words += [] if shard == str(Shard()) else ["--shard", shard]
    return shlex.join(words)


def _summary(outcome: RunOutcome, root: Path, *, again: str) -> None:
    out = sys.stderr
    part = "" if outcome.shard == "0/1" else f", shard {outcome.shard}"
    time = "nothing left to do" if outcome.idle else f"{outcome.seconds:.1f} s"
    print(f"run {outcome.run_id}{part}: {time}", file=out)
    for plan in outcome.plans:
        print(
            f"  {plan.plan}: {plan.done} of {counted(plan.quota, 'design')} ({plan.new} new, {plan.attempts} tried, "
            f"{plan.reason})",
            file=out,
        )
    if outcome.failures:
        counts = ", ".join(f"{count} {name}" for name, count in outcome.failures.items())
        print(f"  not used: {counts}", file=out)
    if not outcome.idle:
        print(f"  solver busy {100 * outcome.solver_share:.0f} % of the time", file=out)
    print(f"  dataset {outcome.dataset} in {root}", file=out)
    for plan in outcome.plans:
        if plan.mends is not None:
            print(f"  plan {plan.plan} met libraries that have no packing", file=out)
            print(f"  mend: {in_words(plan.mends)}; then begin again with --fresh", file=out)
    if outcome.hopeless:
        print("  quota not reached; going on would try the same libraries again", file=out)
    elif not outcome.complete:
        print(f"  quota not reached; to go on: {again}", file=out)
