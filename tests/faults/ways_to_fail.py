"""What can go wrong with one operation of a change."""

import errno
from collections.abc import Callable, Iterator

from dnadesign.usr.testing.disk import os_error
from dnadesign.usr.testing.simulated import Fault, Operation
from tests.faults.changes import ROOT

ALLOCATES = frozenset({"create", "mkdir", "rename", "write", "copy", "sync", "sync_dir"})
WRITES = frozenset({"write", "copy"})
ABOVE = f"{ROOT}/"


class Interrupted(BaseException):
    """Stands for Ctrl-C."""


def shown(operation: Operation) -> str:
    name = str(operation.path).removeprefix(ABOVE)
    to = f" -> {str(operation.target).removeprefix(ABOVE)}" if operation.target is not None else ""
    return f"operation {operation.index} ({operation.kind} {name}{to})"


def ways_to_fail(operation: Operation) -> Iterator[tuple[str, Callable[[Operation], Fault | None]]]:
    """The faults of one operation: each error once and for good, before or after it took effect, and Ctrl-C."""
    at = operation.index

    def once(fault: Fault) -> Callable[[Operation], Fault | None]:
        return lambda now: fault if now.index == at else None

    def for_good(fault: Fault, kinds: frozenset[str] | None) -> Callable[[Operation], Fault | None]:
        return lambda now: fault if now.index >= at and (kinds is None or now.kind in kinds) else None

    where = shown(operation)
    eio = os_error(errno.EIO, operation.path)
    yield f"EIO at {where}", once(Fault(eio))
    yield f"EIO from {where} on", for_good(Fault(eio), None)
    if not operation.changes:
        return
    yield f"EIO after {where}", once(Fault(eio, "whole"))
    yield f"Ctrl-C at {where}", once(Fault(Interrupted()))
    yield f"Ctrl-C after {where}", once(Fault(Interrupted(), "whole"))
    if operation.kind in ALLOCATES:
        interrupted = os_error(errno.EINTR, operation.path)
        yield f"EINTR at {where}", once(Fault(interrupted))
        for code in (errno.ENOSPC, errno.EDQUOT):
            full = os_error(code, operation.path)
            yield f"{errno.errorcode[code]} at {where}", once(Fault(full))
            yield f"{errno.errorcode[code]} from {where} on", for_good(Fault(full), ALLOCATES)
    if operation.kind in WRITES:
        yield f"half a write at {where}", once(Fault(eio, "half"))
        yield f"short write at {where}", once(Fault(None, "half"))
        yield f"short writes from {where} on", for_good(Fault(None, "half"), WRITES)
    if operation.kind == "sync":
        yield f"lost sync at {where}", once(Fault(eio, "lost"))
        yield (
            f"lost syncs from {where} on",
            lambda now: Fault(eio, "lost") if now.index >= at and now.kind == "sync" else None,
        )
