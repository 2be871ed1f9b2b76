"""Calls the three programs, each time in a process of its own, with a standard output that takes nothing.

One process loads them and forks for each call: loading is most of what a call costs. At its end a call does what the
interpreter does: it writes what the standard output still holds, and complains if that fails.

Usage: python -m tests.console.calls < CALLS > ENDS, both JSON
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import NoReturn

MAINS = {tool: f"dnadesign.{package}.cli.app" for tool, package in
         (("usr", "usr"), ("dense", "densegen"), ("notify", "notify"))}  # fmt: skip
LOADED = (
    "duckdb",
    "pyarrow.parquet",
    "rich.console",
    "dnadesign.usr.dataset",
    "dnadesign.densegen.project",
    *(
        f"dnadesign.usr.cli.{name}"
        for name in ("base", "checks", "datasets", "events", "files", "maintenance")
    ),
    *(f"dnadesign.usr.cli.{name}" for name in ("namespace", "records", "search", "state", "values")),
    *(f"dnadesign.densegen.cli.{name}" for name in ("checking", "looking", "reporting", "run", "workspace")),
    *(f"dnadesign.notify.cli.{name}" for name in ("profile", "send", "spool", "usr_events")),
    *MAINS.values(),
)
KINDS = ("full", "gone", "shut")
"""A full device, a pipe whose reader has gone, and none at all."""


@dataclass(frozen=True, slots=True)
class End:
    """How a call ended."""

    words: tuple[str, ...]
    status: int
    err: str


def call_all(calls: Sequence[Sequence[str]], *, kind: str, folder: Path) -> list[End]:
    """Run command lines one after the other in a folder, with an output of that kind."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-m", "tests.console.calls"],
        input=json.dumps({"calls": calls, "kind": kind, "folder": str(folder)}),
        env={**os.environ, "HOME": str(folder), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return [End(tuple(one["words"]), one["status"], one["err"]) for one in json.loads(done.stdout)]


def _forked(words: Sequence[str], *, kind: str, folder: str) -> End:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        _call(words, kind=kind, folder=folder, err=write)
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as said:
        err = said.read()
    _, status = os.waitpid(child, 0)
    return End(tuple(words), os.waitstatus_to_exitcode(status), err)


def _call(words: Sequence[str], *, kind: str, folder: str, err: int) -> NoReturn:
    status = 70
    try:
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(err, 2)
        _take_output(kind)
        sys.stderr = os.fdopen(2, "w", closefd=False, errors="backslashreplace", buffering=1)
        sys.stdin, sys.stdout = os.fdopen(0, closefd=False), None  # None as the interpreter has it
        if kind != "shut":
            sys.stdout = os.fdopen(1, "w", closefd=False)
        status = _main(words)
    finally:
        os._exit(status)


def _take_output(kind: str) -> None:
    if kind == "full":
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
    elif kind == "gone":
        read, write = os.pipe()
        os.dup2(write, 1)
        os.close(write)
        os.close(read)
    else:
        os.close(1)


def _main(words: Sequence[str]) -> int:
    sys.argv = list(words)
    try:
        sys.exit(import_module(MAINS[words[0]]).main())
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        status = 1
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        sys.stderr.write(f"Exception ignored: {error}\n")
        status = 120
    return status


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    for module in LOADED:
        import_module(module)
    ends = [asdict(_forked(words, kind=asked["kind"], folder=asked["folder"])) for words in asked["calls"]]
    json.dump(ends, sys.stdout)
