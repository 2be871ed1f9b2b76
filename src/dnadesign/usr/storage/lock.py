"""Who may write: one ``flock`` per dataset and one per root, with the owner's name inside.

``flock`` belongs to the open file, not to the process: it excludes threads as well as processes and is freed
when its holder dies. It is never mixed with ``lockf``, which does not see it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from dnadesign.usr.contract.errors import LockTimeout, StorageError, UnsupportedFilesystem
from dnadesign.usr.contract.layout import LOCK
from dnadesign.usr.storage.filesystem import FileSystem, OpenFile, write_all

DEFAULT_TIMEOUT = 60.0
SINGLE_WRITER_VARIABLE = "USR_SINGLE_WRITER"

_FIRST_PAUSE = 0.0005
_LONGEST_PAUSE = 0.02
_OWNER_BYTES = 4096
_OCTAL = re.compile(r"\\([0-7]{3})")

_held: set[OpenFile] = set()  # what this process holds, so that a forked child can let go of its copies


def _forget_in_child() -> None:
    for file in _held:
        file.close()
    _held.clear()


os.register_at_fork(after_in_child=_forget_in_child)


def hold_here(file: OpenFile) -> None:
    """Have a child that is forked later let go of its copy of a locked file, which would keep the lock."""
    _held.add(file)


def no_longer_hold(file: OpenFile) -> None:
    """The opposite, before the file is closed."""
    _held.discard(file)


@contextlib.contextmanager
def exclusive_lock(
    fs: FileSystem, folder: Path, *, timeout: float = DEFAULT_TIMEOUT, tool: str | None = None
) -> Iterator[None]:
    """Hold the write lock of a dataset or root for the length of the block.

    Args:
        fs: The file system.
        folder: The dataset's or root's folder.
        timeout: Seconds to wait for another holder.
        tool: The name that others who wait are shown.

    Raises:
        LockTimeout: Somebody else held the lock all the time; the message names the owner.
        StorageError: The lock file cannot be opened for writing.
    """
    path = folder / LOCK
    try:
        file = fs.open(path, "open_or_create")
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be opened for locking: {error.strerror}",
            mend="writing needs write permission in the dataset's folder; reading does not",
        ) from error
    try:
        hold_here(file)  # before it is locked: a child forked at any later moment lets go of it
        try:
            _wait_for(file, path, timeout)
        except OSError as error:
            raise StorageError(
                f"{path}: the file system cannot lock it: {error.strerror}",
                mend="see to the lock service of the file system, or put the root on another one",
            ) from error
        _name_owner(file, tool)
        yield
    finally:
        no_longer_hold(file)
        with contextlib.suppress(OSError):
            file.unlock()
        file.close()


def _wait_for(file: OpenFile, path: Path, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while not file.try_lock():
        left = deadline - time.monotonic()
        if left <= 0:
            raise LockTimeout(
                f"{path}: locked for more than {timeout:g} s by {_owner(file)}",
                mend="wait for that writer or stop it; a lock ends with its process, never delete the file",
            )
        time.sleep(min(left, pause * random.uniform(0.5, 1.5)))  # noqa: S311 - spreads waiters, no secret
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _name_owner(file: OpenFile, tool: str | None) -> None:
    owner = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "tool": tool or "usr",
        "since": int(time.time()),
    }
    text = json.dumps(owner).encode() + b"\n"
    with contextlib.suppress(
        OSError
    ):  # the name is a courtesy; a full disk must not keep recovery from running
        write_all(file, 0, text)
        file.truncate(len(text))


def _owner(file: OpenFile) -> str:
    try:
        owner = json.loads(file.read_at(0, _OWNER_BYTES))
        age = max(0, int(time.time()) - int(owner["since"]))
        return f"{owner['tool']} (process {owner['pid']} on {owner['host']}, for {age} s)"
    except (OSError, ValueError, KeyError, TypeError):
        return "an unknown process"


def check_locks_exclude(
    folder: Path, *, mounts: str | None = None, single_writer: bool | None = None
) -> None:
    """Refuse file systems on which a lock does not keep other hosts out.

    Args:
        folder: An existing folder of the dataset or root.
        mounts: Text of ``/proc/self/mountinfo``; read from there when None (Linux; elsewhere nothing is checked).
        single_writer: The user vouches that only one host writes; default from ``USR_SINGLE_WRITER=1``.

    Raises:
        UnsupportedFilesystem: Locks there are local to each host.
    """
    if single_writer is None:
        single_writer = os.environ.get(SINGLE_WRITER_VARIABLE) == "1"
    if single_writer:
        return
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return
    mount = _mount_of(folder.resolve(), mounts)
    reason = _local_locks(*mount[1:]) if mount else None
    if mount and reason:
        raise UnsupportedFilesystem(
            f"{folder}: on {mount[0]} ({mount[1]}) locks do not keep other hosts out: {reason}",
            mend="remount with working flock, use another file system, or, if only one host ever writes, set "
            f"{SINGLE_WRITER_VARIABLE}=1",
        )


def _mount_of(folder: Path, mounts: str) -> tuple[str, str, set[str]] | None:
    best: tuple[str, str, set[str]] | None = None
    for line in mounts.splitlines():
        left, separator, right = line.partition(" - ")
        fields, tail = left.split(), right.split()
        if not separator or len(fields) < 6 or len(tail) < 3:
            continue
        point = _OCTAL.sub(lambda code: chr(int(code[1], 8)), fields[4])
        inside = folder == Path(point) or Path(point) in folder.parents
        if inside and (best is None or len(point) >= len(best[0])):
            best = (point, tail[0], set(fields[5].split(",")) | set(tail[2].split(",")))
    return best


def _local_locks(kind: str, options: set[str]) -> str | None:
    if kind in {"nfs", "nfs4"}:
        for option in ("nolock", "local_lock=flock", "local_lock=all"):
            if option in options:
                return f"it is mounted with {option!r}"
    if kind == "lustre" and "flock" not in options:
        return (
            "it is mounted with 'localflock'" if "localflock" in options else "it is mounted without 'flock'"
        )
    return None
