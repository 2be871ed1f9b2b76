"""Solver processes: killed, stopped and dead ones, and what becomes of their jobs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dnadesign.densegen.adapters.solvers.processes import SolverProcesses
from dnadesign.densegen.contract.errors import SolverUnavailableError
from dnadesign.densegen.contract.solving import EndReason, JobEnd, Solution, SolveRequest

EASY = ("ACGTACCA", "GGATCCTTA", "CATCATCGG")
PATIENCE = 60.0


def easy(job: int) -> SolveRequest:
    return SolveRequest(job=job, sequences=EASY, length=30, reproducible=True)


def collect(solvers: SolverProcesses, *, ends: int) -> list[Solution | JobEnd]:
    came: list[Solution | JobEnd] = []
    deadline = time.monotonic() + PATIENCE
    while sum(isinstance(one, JobEnd) for one in came) < ends:
        assert time.monotonic() < deadline, "the solver processes do not answer"
        came.extend(solvers.messages(timeout=0.1))
    return came


def children() -> set[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=False
    )
    return {int(line.split()[0]) for line in listed.stdout.splitlines() if "densegen" in line}


def test_more_requests_than_processes_are_all_answered() -> None:
    with SolverProcesses(backend="CP_SAT", workers=2) as solvers:
        for job in range(5):
            solvers.submit(easy(job))
        came = collect(solvers, ends=5)
    assert {one.job for one in came if isinstance(one, Solution)} == set(range(5))
    assert not children()


def test_a_process_killed_at_work_ends_its_job_as_crashed_and_is_replaced() -> None:
    with SolverProcesses(backend="CP_SAT", workers=1) as solvers:
        solvers.wait_ready()
        (pid,) = children()
        os.kill(pid, signal.SIGSTOP)
        solvers.submit(easy(1))
        os.kill(pid, signal.SIGKILL)
        (end,) = collect(solvers, ends=1)
        assert isinstance(end, JobEnd)
        assert end.reason is EndReason.CRASHED
        solvers.submit(easy(2))
        assert any(isinstance(one, Solution) and one.job == 2 for one in collect(solvers, ends=1))


def test_a_process_that_hangs_beyond_its_limit_is_killed_and_its_job_times_out() -> None:
    with SolverProcesses(backend="CP_SAT", workers=1) as solvers:
        solvers.wait_ready()
        (pid,) = children()
        os.kill(pid, signal.SIGSTOP)
        solvers.submit(SolveRequest(job=1, sequences=EASY, length=30, time_limit_s=0.01))
        (end,) = collect(solvers, ends=1)
        assert isinstance(end, JobEnd)
        assert end.reason is EndReason.TIMEOUT
        assert pid not in children()


def test_cancelled_jobs_never_answer_and_later_ones_do() -> None:
    with SolverProcesses(backend="CP_SAT", workers=1) as solvers:
        for job in range(3):
            solvers.submit(easy(job))
        solvers.cancel()
        solvers.submit(easy(9))
        assert {one.job for one in collect(solvers, ends=1)} == {9}


def test_a_backend_that_does_not_run_is_refused_before_any_work() -> None:
    with (
        SolverProcesses(backend="NO_SUCH_SOLVER", workers=1) as solvers,
        pytest.raises(SolverUnavailableError),
    ):
        solvers.wait_ready()


def test_solver_processes_die_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import time\n"
        "from dnadesign.densegen.adapters.solvers.processes import SolverProcesses\n"
        "with SolverProcesses(backend='CP_SAT', workers=1) as solvers:\n"
        "    solvers.wait_ready()\n"
        "    print(solvers._children[0].process.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + PATIENCE
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline, "the solver process outlived its parent"
        time.sleep(0.02)


def test_a_file_named_like_a_module_in_the_working_folder_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('imported by mistake')\n")
    monkeypatch.chdir(tmp_path)
    with SolverProcesses(backend="CP_SAT", workers=1) as solvers:
        assert solvers.wait_ready().available


def test_the_next_job_of_a_process_that_dies_is_done_by_its_successor() -> None:
    with SolverProcesses(backend="CP_SAT", workers=1) as solvers:
        solvers.wait_ready()
        (pid,) = children()
        os.kill(pid, signal.SIGSTOP)
        for job in (1, 2, 3):
            solvers.submit(easy(job))
        os.kill(pid, signal.SIGKILL)
        came = collect(solvers, ends=3)
    reasons = {one.job: one.reason for one in came if isinstance(one, JobEnd)}
    assert reasons == {1: EndReason.CRASHED, 2: EndReason.DONE, 3: EndReason.DONE}
    assert {one.job for one in came if isinstance(one, Solution)} == {2, 3}
