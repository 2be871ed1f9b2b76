"""Fuzz every target for a while, or run one input again: ``python -m tests.fuzz --minutes 10``.

Each target gets a process of its own for an equal share of the time. At the first find its input is tried again in a
fresh process (a busy machine can make a run look endless), made smaller, and told with the command that runs it.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.again import runs_through, smaller
from tests.fuzz.targets import TARGETS

HOME = Path(".fuzz")
_STATISTICS = {
    "executions": r"stat::number_of_executed_units:\s*(\d+)",
    "inputs": r"stat::new_units_added:\s*(\d+)",
}
_COVERAGE = re.compile(r"cov: (\d+)")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of fuzzing one target.

    Args:
        name: The target.
        executions: Inputs that were run.
        inputs: Those that reached something new, in this run.
        coverage: Branches of the instrumented code that were reached, in this run and in earlier ones.
        find: The input that broke it.
        said: The end of what the process printed.
    """

    name: str
    executions: int
    inputs: int
    coverage: int
    find: Path | None
    said: str

    def __str__(self) -> str:
        """A line for the end."""
        found = f"FAILED: {self.find}" if self.find else "no failure"
        return (
            f"{self.name:<14} {self.executions:>10,} executions, {self.inputs:>5,} new inputs, "
            f"{self.coverage:>5,} branches, {found}"
        )


def fuzz(name: str, seconds: int, home: Path) -> Outcome:
    """Fuzz one target in a process of its own."""
    finds = home / "finds"
    before = set(finds.glob(f"{name}-*"))
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:  # libFuzzer ends without tidying up
        command = [sys.executable, "-m", "tests.fuzz.one_target", name, str(seconds), str(home)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, "TMPDIR": folder},
        )
    said = done.stdout + done.stderr
    numbers = {what: int((re.findall(pattern, said) or ["0"])[-1]) for what, pattern in _STATISTICS.items()}
    coverage = max(map(int, _COVERAGE.findall(said)), default=0)
    find = next(iter(sorted(set(finds.glob(f"{name}-*")) - before)), None)
    if find is None and done.returncode not in {
        0,
        -signal.SIGALRM,
    }:  # which libFuzzer ends with when it cannot tell
        raise SystemExit(f"fuzz: the process for {name} ended with {done.returncode}:\n{said[-4000:]}")
    return Outcome(name, numbers["executions"], numbers["inputs"], coverage, find, said)


def fuzz_all(names: list[str], minutes: float, home: Path) -> int:
    """Fuzz these targets in turn; 1 at the first find."""
    seconds = max(1, round(minutes * 60 / len(names)))
    print(f"fuzz: {len(names)} targets for {seconds} s each; inputs are kept in {home}/corpus", flush=True)
    outcomes: list[Outcome] = []
    try:
        for name in names:
            outcome = fuzz(name, seconds, home)
            if outcome.find is not None and runs_through(name, outcome.find):
                print(f"fuzz: {outcome.find} runs through when it is tried again: not counted", flush=True)
                outcome = Outcome(name, outcome.executions, outcome.inputs, outcome.coverage, None, "")
            outcomes.append(outcome)
            if outcome.find is not None:
                break
            print(f"  {name}: {outcome.executions:,} executions", flush=True)
    except KeyboardInterrupt:
        print("fuzz: stopped")
    for outcome in outcomes:
        print(outcome)
    failed = next((outcome for outcome in outcomes if outcome.find is not None), None)
    if failed is None or failed.find is None:
        return 0
    kept = smaller(failed.name, failed.find)
    print(f"\nto run it again: {sys.executable} -m tests.fuzz --again {failed.name} {kept}")
    print("once it is mended: move the input to tests/fuzz/found/" + failed.name)
    runs_through(failed.name, kept, show=True)
    return 1


def why_not() -> str | None:
    """Why there can be no fuzzing here; None if there can."""
    if importlib.util.find_spec("atheris") is not None:
        return None
    here = f"{platform.system()} on {platform.machine()}, Python {platform.python_version()}"
    if (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        return "atheris is not installed: make setup-fuzz"
    return f"fuzzing needs atheris, which comes as wheels for Linux on x86_64 only; this is {here}"


def main() -> int:
    """Read the arguments and do what they say."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="how long, all targets together (default 10)"
    )
    parser.add_argument(
        "--only", action="append", choices=sorted(TARGETS), help="this target; may be repeated"
    )
    parser.add_argument("--home", type=Path, default=HOME, help="where inputs are kept (default .fuzz)")
    parser.add_argument(
        "--again", nargs=2, metavar=("TARGET", "FILE"), help="run one input, within the limits"
    )
    parser.add_argument("--check", action="store_true", help="only see whether fuzzing is possible here")
    given = parser.parse_args()
    if given.again:
        return 0 if runs_through(given.again[0], Path(given.again[1]), show=True) else 1
    missing = why_not()
    if missing is not None:
        parser.error(missing)
    if given.check:
        return 0
    return fuzz_all(given.only or list(TARGETS), given.minutes, given.home)


if __name__ == "__main__":
    sys.exit(main())
