"""Ways to break the commit protocol by leaving out or swapping one single step, to see that the tests notice."""

import __future__

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any
from unittest import mock

from dnadesign.usr.testing.simulated import Fault, Kind, SimulatedFileSystem

STAGED = re.compile(r"\.[0-9a-f]{32}\.\d+")


@dataclass(frozen=True)
class Step:
    """An operation, and the one that changed something before it."""

    kind: Kind
    path: Path
    last_kind: Kind | None
    last_target: str | None

    @property
    def name(self) -> str:
        return self.path.name


@contextmanager
def leaving_out(which: Callable[[Step], bool]) -> Iterator[None]:
    """Operations that claim to have happened and did not."""
    original = SimulatedFileSystem._step
    last: list[tuple[Kind | None, str | None]] = [(None, None)]

    def step(self: SimulatedFileSystem, kind: Kind, path: Path, target: Path | None = None) -> Fault | None:
        fault = original(self, kind, path, target)
        left_out = which(Step(kind, path, *last[0]))
        if kind in ("create", "mkdir", "rename", "unlink", "write", "truncate", "sync", "sync_dir"):
            last[0] = (kind, target.name if target is not None else None)
        return Fault(None, "none") if left_out and fault is None else fault

    with mock.patch.object(SimulatedFileSystem, "_step", step):
        yield


@contextmanager
def rewritten(function: Any, *changes: tuple[str, str], times: int = 1) -> Iterator[None]:
    """A function of which pieces of source are others, wherever it has been imported to."""
    target: FunctionType = inspect.unwrap(function)
    source = textwrap.dedent(inspect.getsource(target))
    for old, new in changes:
        if source.count(old) != times:
            raise AssertionError(
                f"{target.__qualname__} has {old!r} {source.count(old)} times, not {times}: adapt the mutant"
            )
        source = source.replace(old, new)
    changed = compile(
        source,
        "<mutant>",
        "exec",
        flags=__future__.annotations.compiler_flag,
        dont_inherit=True,
    )
    code = next(c for c in changed.co_consts if isinstance(c, CodeType) and c.co_name == target.__name__)
    original = target.__code__
    target.__code__ = code
    try:
        yield
    finally:
        target.__code__ = original
