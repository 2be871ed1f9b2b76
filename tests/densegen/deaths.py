"""Kill design runs and see that nothing is lost or doubled: ``python -m tests.densegen.deaths --help``.

Two ways to die. ``--kills N``: a real ``dense run`` is killed N times, half of them at a random moment of its work,
half within the milliseconds of its next flush. ``--steps``: a run dies in front of each step that it takes on the
disk, one run for each (``--every K``: in front of every K-th); its packings are replayed, so that a death takes a
second. After each death the run is resumed, and must come to the designs of a run that nobody disturbed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow.parquet  # noqa: F401 - once, here: every child would load it anew

from dnadesign.densegen import project
from dnadesign.densegen.adapters.outputs import usr_writer
from dnadesign.densegen.adapters.outputs.attempt_log import read_attempts
from dnadesign.densegen.adapters.solvers.processes import SolverProcesses
from dnadesign.densegen.contract.batches import Shard
from dnadesign.densegen.contract.ports import PlanProgress
from dnadesign.densegen.contract.solving import (
    Hello,
    JobEnd,
    Solution,
    SolveRequest,
    message_from_json,
    message_to_json,
)
from dnadesign.densegen.operations.starting import Start
from dnadesign.usr import Dataset
from dnadesign.usr.storage.filesystem import REAL
from tests.densegen.design_cases import write_workspace

DEAD, SURVIVED = 9, 0
# Death in front of these is death in front of the step that follows them.
LOOKING = {"stat", "list", "read_at", "try_lock", "unlock", "close"}
CONFIG = {"plans.0.quota": 4, "plans.1.quota": 3, "output.npz": ["occupancy"]}
_NEVER = 1_000_000
type Made = list[tuple[str, int, str]]


# -- what must hold ---------------------------------------------------------------------------------------------


def made(config: Path) -> Made:
    """The designs in the dataset: plan, attempt, sequence."""
    rows = dataset(config).to_arrow(["densegen__plan", "densegen__attempt_id", "sequence"]).to_pylist()
    return sorted((row["densegen__plan"], row["densegen__attempt_id"], row["sequence"]) for row in rows)


def dataset(config: Path) -> Dataset:
    """The dataset of a test's workspace."""
    return Dataset.open(config.parent / "datasets", "designs")


def assert_whole(config: Path, expected: Made) -> None:
    """The run came to the designs expected, each with its row, each flush known by name, all attempts written."""
    found = dataset(config)
    found.validate()
    assert made(config) == expected
    coverage = found.coverage("densegen")
    assert (coverage.missing, coverage.covered) == (0, len(expected))
    batches = [event.batch_id for event in found.events() if event.action == "import_rows"]
    assert len(batches) == len(set(batches))
    attempts = read_attempts(config.parent / "runs" / "run").to_pylist()
    accepted = sorted((row["plan"], row["attempt_id"]) for row in attempts if row["status"] == "accepted")
    assert accepted == [(plan, attempt) for plan, attempt, _ in expected]


# -- real runs, killed ------------------------------------------------------------------------------------------


def kill_and_resume(folder: Path, *, kills: int, seed: int, say: Callable[[str], None]) -> None:
    """Kill a run so many times, then let it come to its end and hold it against one that was not disturbed."""
    each = max(8, 2 * kills)  # so many that the run is still at work at the last kill
    size = {"plans.0.quota": each, "plans.1.quota": each, "output.chunk_size": 2}
    straight, killed = (write_workspace(folder / name, **size) for name in ("straight", "killed"))
    assert _dense(straight).wait() == 0
    expected, rng, before = made(straight), random.Random(seed), 0
    for number in range(kills):
        run = _dense(killed)
        _kill(run, rng)
        if dataset_exists(killed):
            now = len(made(killed))
            assert before <= now, f"kill {number}: {before} designs became {now}"
            assert dataset(killed).coverage("densegen").missing == 0, f"kill {number}: rows without metadata"
            before = now
        say(f"kill {number + 1} of {kills}: {before} of {len(expected)} designs")
    assert _dense(killed).wait() == 0
    assert_whole(killed, expected)


def dataset_exists(config: Path) -> bool:
    """Whether the dataset and its first designs are there."""
    made_here = Dataset(config.parent / "datasets", "designs")
    return made_here.exists() and "densegen__plan" in made_here.schema().names


def _dense(config: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "dnadesign.densegen.cli.app", "run", "--resume", "-c", str(config)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)


def _kill(run: subprocess.Popen[str], rng: random.Random) -> None:
    """SIGKILL at a random moment of its first seconds, or just after it told of a flush, when the next one is near."""
    assert run.stderr is not None
    if rng.random() < 0.5:
        time.sleep(rng.uniform(0.2, 4.0))
    else:
        for _ in range(rng.randint(1, 2)):
            next((line for line in run.stderr if "wrote" in line), None)
        time.sleep(rng.uniform(0.0, 0.3))
    os.killpg(run.pid, signal.SIGKILL)
    run.stderr.close()
    run.wait()


# -- replayed runs, dead in front of each step --------------------------------------------------------------------


@dataclass
class Steps:
    """The steps that a process takes on the disk, by name; the one of number ``last`` it does not live to take."""

    last: int
    taken: list[str] = field(default_factory=list)

    def take(self, name: str) -> None:
        """Take a step, or die."""
        if len(self.taken) == self.last:
            os._exit(DEAD)
        self.taken.append(name)

    def taking(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call as a step."""

        def stepped(*words: Any, **options: Any) -> Any:
            self.take(f"{call.__name__} {words}")
            return call(*words, **options)

        return stepped


class Dying:
    """A file system whose process dies in front of a step."""

    def __init__(self, inner: Any, steps: Steps) -> None:
        self.inner, self.steps = inner, steps

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if not callable(found):
            return found

        def call(*words: Any, **options: Any) -> Any:
            if name not in LOOKING:
                self.steps.take(f"{name} {getattr(self.inner, 'path', '')} {words}")
            result = found(*words, **options)
            return Dying(result, self.steps) if name == "open" else result

        return call


@dataclass
class Replay:
    """Solver processes that answer from what real ones have answered before."""

    answers: dict[str, list[Solution | JobEnd]]
    waiting: deque[SolveRequest] = field(default_factory=deque)
    workers: int = 1

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def wait_ready(self) -> Hello:
        return Hello("CP_SAT", available=True, version="replayed")

    def submit(self, request: SolveRequest) -> None:
        self.waiting.append(request)

    def cancel(self) -> None:
        self.waiting.clear()

    def messages(self, *, timeout: float) -> Iterator[Solution | JobEnd]:
        request = self.waiting.popleft()
        for message in self.answers[_key(request)]:
            yield replace(message, job=request.job)


class Recording(SolverProcesses):
    """Real solver processes, of which all is kept."""

    answers: dict[str, list[Solution | JobEnd]]
    asked: dict[int, str]

    def submit(self, request: SolveRequest) -> None:
        self.asked[request.job] = _key(request)
        super().submit(request)

    def messages(self, *, timeout: float) -> Iterator[Solution | JobEnd]:
        for message in super().messages(timeout=timeout):
            self.answers.setdefault(self.asked[message.job], []).append(message)
            yield message


def _key(request: SolveRequest) -> str:
    return replace(request, job=0).to_json()


class Silent:
    """Shows nothing."""

    def update(self, progress: PlanProgress) -> None:
        pass

    def note(self, text: str) -> None:
        pass


def run_here(config: Path, solvers: Any) -> None:
    """The work of ``dense run --resume`` in this process, with these solvers."""
    patch.object(project, "SolverProcesses", lambda **_: solvers).start()  # this process is the child's own
    outcome = project.start_run(
        project.open_project(config),
        start=Start.RESUME,
        shard=Shard(),
        display=Silent(),
        stopping=lambda: False,
    )
    assert outcome.complete


def in_child(work: Callable[[], None]) -> int:
    """Do work in a process of its own; the parent never reads a dataset, as threads and fork do not go together."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = SURVIVED
        finally:
            if status:
                traceback.print_exc()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def record(folder: Path) -> tuple[dict[str, list[Solution | JobEnd]], Made]:
    """What the solvers answer in a run that is not disturbed, and its designs."""
    config, kept = write_workspace(folder / "straight", **CONFIG), folder / "answers"

    def work() -> None:
        solvers = Recording(backend="CP_SAT", workers=1)
        solvers.answers, solvers.asked = {}, {}
        run_here(config, solvers)
        told = {key: list(map(message_to_json, came)) for key, came in solvers.answers.items()}
        kept.write_text(json.dumps([told, made(config)]), encoding="utf-8")

    assert in_child(work) == SURVIVED
    told, designs = json.loads(kept.read_text(encoding="utf-8"))
    answers = {key: [_answer(line) for line in lines] for key, lines in told.items()}
    return answers, [tuple(design) for design in designs]


def _answer(line: str) -> Solution | JobEnd:
    message = message_from_json(line)
    assert not isinstance(message, Hello)
    return message


def die_at(config: Path, number: int, answers: dict[str, list[Solution | JobEnd]]) -> int:
    """Run in a child that dies in front of step ``number``; its exit status. One that lives names its steps."""

    def work() -> None:
        steps = Steps(number)
        patch.object(usr_writer, "Dataset", partial(Dataset, fs=Dying(REAL, steps))).start()
        for name in (
            "fsync",
            "replace",
            "link",
            "unlink",
        ):  # the run's own folder does not go through the seam
            setattr(os, name, steps.taking(getattr(os, name)))
        run_here(config, Replay(answers))
        (config.parent / "steps").write_text("\n".join(steps.taken), encoding="utf-8")

    return in_child(work)


def die_at_steps(folder: Path, *, every: int, only: str, say: Callable[[str], None]) -> tuple[int, int]:
    """Let a run die in front of every so-manieth step that concerns ``only``, and resume each.

    Returns how many deaths there were, and after how many of them there were files of arrays without a row.
    """
    answers, expected = record(folder)
    whole = write_workspace(folder / "whole", **CONFIG)
    assert die_at(whole, _NEVER, answers) == SURVIVED
    names = (whole.parent / "steps").read_text(encoding="utf-8").splitlines()
    chosen = [number for number, name in enumerate(names) if only in name][::every]
    leftovers = 0
    for number in chosen:
        config = write_workspace(folder / str(number), **CONFIG)
        status = die_at(config, number, answers)
        assert status == DEAD, f"step {number}: ended with {status}"
        seen: Callable[[], None] = partial(_resume, config, answers, expected)
        assert in_child(seen) == SURVIVED, f"after death at step {number}, {names[number]}"
        leftovers += (config.parent / "left-over").exists()
        say(f"step {number} of {len(names)}: died, resumed, whole")
    return len(chosen), leftovers


def _resume(config: Path, answers: dict[str, list[Solution | JobEnd]], expected: Made) -> None:
    """Go on after a death; files of arrays that it left are shown by status and removed by maintenance."""
    run_here(config, Replay(answers))
    assert_whole(config, expected)
    left = project.open_project(config).status().unreferenced_artifacts
    if left:
        (config.parent / "left-over").touch()
        with dataset(config).maintenance(reason="test"):
            dataset(config).prune_artifacts()
        assert project.open_project(config).status().unreferenced_artifacts == 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.densegen.deaths", description=__doc__)
    parser.add_argument("--kills", type=int, default=0, help="kill a real run so many times")
    parser.add_argument("--steps", action="store_true", help="die in front of the steps on the disk")
    parser.add_argument("--every", type=int, default=1, help="in front of every K-th step only")
    parser.add_argument(
        "--only", default="", help="in front of steps that concern this only, such as .events.log"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if chosen.steps:
            deaths, leftovers = die_at_steps(
                Path(scratch) / "steps", every=chosen.every, only=chosen.only, say=_say
            )
            _say(f"{deaths} deaths, all whole after a resume; {leftovers} left files of arrays, removed")
        if chosen.kills:
            kill_and_resume(Path(scratch) / "kills", kills=chosen.kills, seed=chosen.seed, say=_say)
            _say(f"{chosen.kills} kills: the same designs as an undisturbed run")


if __name__ == "__main__":
    main()
