"""Runs a Python program under strace, to see its system calls on files and to let some of them fail."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

STRACE = shutil.which("strace")
NO_STRACE = "as there is no strace here: system calls that fail are left out; `apt-get install strace` brings it (or dnf)"
needs_strace = pytest.mark.skipif(STRACE is None, reason=NO_STRACE)

KINDS = {
    "mkdir": "mkdir", "mkdirat": "mkdir", "rmdir": "rmdir", "rename": "rename", "renameat": "rename",
    "renameat2": "rename", "unlink": "unlink", "unlinkat": "unlink", "fsync": "sync", "fdatasync": "sync",
    "pwrite64": "write", "pwritev": "write", "write": "write", "writev": "write", "ftruncate": "truncate",
    "truncate": "truncate", "copy_file_range": "copy", "sendfile": "copy", "openat": "open", "open": "open",
    "link": "link", "linkat": "link", "symlink": "link", "symlinkat": "link", "fallocate": "truncate",
    "pwritev2": "write", "creat": "open", "openat2": "open", "chmod": "mode", "fchmod": "mode", "fchmodat": "mode",
    "chown": "owner", "fchown": "owner", "lchown": "owner", "fchownat": "owner", "utimensat": "times",
    "setxattr": "attribute", "fsetxattr": "attribute", "sync": "sync", "syncfs": "sync", "sync_file_range": "sync",
}  # fmt: skip

_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (.*)")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_DESCRIPTOR = re.compile(r"^\d+<([^>]*)>")
_BY_DESCRIPTOR = frozenset({"sync", "write", "truncate", "copy", "mode", "owner", "times", "attribute"})


@dataclass(frozen=True)
class SystemCall:
    """One call on a file: what it does, to which path, with all its arguments as strace shows them."""

    kind: str
    path: str
    arguments: str


def run(program: list[str], *, log: Path, inject: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``python PROGRAM...`` under strace.

    Args:
        program: Arguments for Python.
        log: Where strace writes.
        inject: strace's own words, such as ``fsync:error=EIO:when=3``.
    """
    if STRACE is None:
        raise FileNotFoundError("strace is not installed")
    # Only calls of interest stop the program; a signal that is injected needs them all to (strace 6.1 sends none else).
    quick = [] if inject is not None and "signal=" in inject else ["--seccomp-bpf"]
    command = [
        STRACE,
        "-f",
        *quick,
        "-y",
        "-qq",
        "-s",
        "4096",
        "-o",
        str(log),
        "-e",
        f"trace={','.join(KINDS)}",
    ]
    if inject is not None:
        command += ["-e", f"inject={inject}"]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [*command, sys.executable, *program], capture_output=True, text=True, check=False, env=environment
    )


def times_called(log: Path) -> dict[str, int]:
    """How often each system call was made, wherever, by its name."""
    matches = [_CALL.match(line) for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return dict(Counter(match[1] for match in matches if match is not None))


def calls_below(log: Path, root: Path) -> list[SystemCall]:
    """The calls on files below a folder, in order; a call by descriptor has the path that it was opened under."""
    found = []
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        match = _CALL.match(line)
        if match is None or match[1] not in KINDS:
            continue
        path = _path_of(KINDS[match[1]], match[2], match[3])
        path = path.removesuffix(" (deleted)")
        if path == str(root) or path.startswith(f"{root}/"):
            found.append(
                SystemCall(KINDS[match[1]], path.removeprefix(f"{root}").lstrip("/") or ".", match[2])
            )
    return found


def _path_of(kind: str, arguments: str, result: str) -> str:
    """The path that a call is about; what is opened is what the kernel says that it opened, if it did."""
    descriptor, text = _DESCRIPTOR.match(arguments), _TEXT.search(arguments)
    if kind == "copy":  # from one file to another: the second descriptor is written
        found = re.findall(r"\d+<([^>]*)>", arguments)
        return str(found[1 if len(found) > 1 else 0])
    opened = _DESCRIPTOR.match(result) if kind == "open" else None
    if opened is not None:
        return opened[1]
    if kind in _BY_DESCRIPTOR and descriptor is not None:
        return descriptor[1]
    return text[1] if text is not None else ""
