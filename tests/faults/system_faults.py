"""Faults of random system calls, put by strace into a process that runs already."""

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import MappingProxyType

from dnadesign.usr.contract.layout import (
    DERIVED,
    DERIVED_ARCHIVE,
    EVENTS,
    EVENTS_ARCHIVE,
    INTENT,
    INTENT_SYNCED,
    LEASES,
    LOCK,
    PRIVATE,
    RECORDS,
)
from tests.faults.strace import STRACE

END_WITH_PARENT = (1, signal.SIGKILL)  # PR_SET_PDEATHSIG
ALLOW_ANY_TRACER = (0x59616D61, ctypes.c_ulong(-1))  # PR_SET_PTRACER, PR_SET_PTRACER_ANY
FOR_ATTACHING = 10.0  # seconds

LIBC = ctypes.CDLL(None)


@dataclass(frozen=True)
class Call:
    """A system call by all its names, as far as there are such on this machine.

    Attributes:
        names: As strace takes them.
        errors: What it may fail with.
        often: How many of them about a turn of a writer makes.
        weight: How often to take it.
    """

    names: str
    errors: tuple[str, ...]
    often: int
    weight: int = 2


FULL = ("EIO", "ENOSPC", "EDQUOT")
CALLS: Mapping[str, Call] = MappingProxyType(
    {
        "sync": Call("?fsync,?fdatasync", FULL, 16, weight=6),
        "write at": Call("?pwrite64,?pwritev", FULL, 7, weight=4),
        "write": Call("?write,?writev", FULL, 12),
        "rename": Call("?rename,?renameat,?renameat2", FULL, 6, weight=6),
        "open": Call("?open,?openat", ("EIO", "EMFILE", "ENOSPC"), 60, weight=3),
        "unlink": Call("?unlink,?unlinkat", ("EIO",), 5, weight=3),
        "truncate": Call("?ftruncate,?truncate", ("EIO",), 3, weight=2),
        "copy": Call("?copy_file_range", ("EIO", "ENOSPC", "EXDEV"), 1, weight=2),
        "mkdir": Call("?mkdir,?mkdirat", FULL, 2),
        "read": Call("?pread64,?preadv", ("EIO",), 40),
        "look": Call("?newfstatat,?statx,?fstat", ("EIO",), 40),
        "list": Call("?getdents64", ("EIO",), 4),
        "lock": Call("?flock", ("EIO", "ENOLCK"), 6),
    }
)  # fmt: skip
CHANGING = ("sync", "write at", "write", "rename", "unlink", "truncate", "copy", "mkdir")
TAKING_BACK = ("sync", "truncate")

OF_LAB = f"{DERIVED}/lab"
OFTEN = (
    EVENTS,
    EVENTS,
    EVENTS,
    EVENTS,
    INTENT_SYNCED,
    INTENT_SYNCED,
    PRIVATE,
)  # where it is decided whether a change is made
ARCHIVES = (EVENTS_ARCHIVE, DERIVED_ARCHIVE, f"{DERIVED_ARCHIVE}/lab")  # where compacting and archiving write
PLACES = (
    "",
    PRIVATE,
    LEASES,
    INTENT,
    INTENT_SYNCED,
    EVENTS,
    RECORDS,
    LOCK,
    DERIVED,
    OF_LAB,
    *ARCHIVES,
    *OFTEN,
)


@dataclass(frozen=True)
class SystemFault:
    """A fault as strace takes it.

    Attributes:
        inject: Which calls fail, how, and which of them.
        path: The only path, below a dataset, at which they do; None where they do at any.
    """

    inject: str
    path: str | None = None

    def __str__(self) -> str:
        """The fault in a line."""
        return self.inject if self.path is None else f"{self.inject} at {self.path or 'the dataset'}"


def random_fault(rng: Random) -> SystemFault:
    """Some call anywhere, or one or several at some path, fail or kill: once, for good, or time and again."""
    if rng.randrange(2):
        name = rng.choices(list(CALLS), [call.weight for call in CALLS.values()])[0]
        return SystemFault(_inject(rng, (name,), most=max(2 * CALLS[name].often, 6)))
    path, names = rng.choice(PLACES), rng.choice([(rng.choice(list(CALLS)),), TAKING_BACK, CHANGING])
    if names == TAKING_BACK:  # a sync fails, and so does what would undo it, which is called less often
        return SystemFault(_inject(rng, names, most=1, when="+"), path)
    return SystemFault(_inject(rng, names, most=rng.randrange(1, 7)), path)


def _inject(rng: Random, names: tuple[str, ...], *, most: int, when: str | None = None) -> str:
    """Some fault of these calls from one of the first on; each system call is counted for itself."""
    calls = [CALLS[name] for name in names]
    how_often = rng.choice(["", "", "+", f"+{rng.randrange(2, 12)}"]) if when is None else when
    errors = sorted(set.intersection(*[set(call.errors) for call in calls]))
    what = f"error={rng.choice(errors)}" if rng.randrange(3) else "signal=KILL"
    return f"{','.join(call.names for call in calls)}:{what}:when={rng.randrange(1, most + 1)}{how_often}"


def get_ready() -> None:
    """Have this process end with the one that forked it, and let one trace it that is not above it (Linux)."""
    if sys.platform == "linux":
        for option in (END_WITH_PARENT, ALLOW_ANY_TRACER):
            LIBC.prctl(*option, 0, 0, 0)


def attach(pid: int, fault: SystemFault, *, dataset: Path, log: Path) -> "subprocess.Popen[bytes]":
    """Put a fault into a process and the threads that it will have; strace ends with it.

    Raises:
        RuntimeError: strace could not.
    """
    if STRACE is None:
        raise FileNotFoundError("strace is not installed")
    names = fault.inject.split(":", 1)[0]
    command = [STRACE, "-f", "-y", "-qq", "-o", str(log), "-p", str(pid)]
    command += ["-e", f"trace={names}", "-e", f"inject={fault.inject}"]
    if fault.path is not None:
        command += ["-P", str(dataset / fault.path)]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    until = time.monotonic() + FOR_ATTACHING
    while "TracerPid:\t0" in Path(f"/proc/{pid}/status").read_text(encoding="ascii"):
        if tracer.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"strace could not be attached to a process of its own user: {fault}")
        time.sleep(0.001)
    return tracer


def fired(log: Path) -> int:
    """How many calls failed that strace let fail; not those that killed, after which nothing is written."""
    return log.read_bytes().count(b"(INJECTED)")
