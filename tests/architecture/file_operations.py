"""Finds file operations in the source: usr makes all of them through its seam, so that a disk can be simulated."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from tests.architecture.source_tree import Module, imports, within

USR = "dnadesign.usr"
SEAM = "dnadesign.usr.storage.filesystem"

OS_CALLS = frozenset(
    [
        "open",
        "fdopen",
        "read",
        "write",
        "pread",
        "pwrite",
        "readv",
        "writev",
        "preadv",
        "pwritev",
        "copy_file_range",
        "sendfile",
        "truncate",
        "ftruncate",
        "rename",
        "replace",
        "renames",
        "link",
        "symlink",
        "unlink",
        "remove",
        "removedirs",
        "mkdir",
        "makedirs",
        "rmdir",
        "mkfifo",
        "stat",
        "lstat",
        "fstat",
        "statvfs",
        "fsync",
        "fdatasync",
        "sync",
        "chmod",
        "fchmod",
        "chown",
        "fchown",
        "utime",
        "access",
        "listdir",
        "scandir",
        "walk",
        "lseek",
        "lockf",
        "memfd_create",
        "posix_fallocate",
    ]
)
PATH_METHODS = frozenset(
    [
        "write_text",
        "write_bytes",
        "read_text",
        "read_bytes",
        "touch",
        "iterdir",
        "glob",
        "rglob",
        "is_file",
        "is_dir",
        "is_symlink",
        "symlink_to",
        "hardlink_to",
        "chmod",
        "lstat",
        "samefile",
    ]
)
SHARED_METHODS = frozenset(
    ["open", "stat", "mkdir", "unlink", "rename", "rmdir", "exists"]
)  # the seam has them too
LIBRARIES = frozenset({"shutil", "tempfile", "mmap", "fcntl", "io", "glob", "fileinput", "pyarrow.fs"})
LIBRARY_CALLS = frozenset(
    {
        "pa.OSFile", "pa.memory_map", "pa.input_stream", "pa.output_stream", "pq.read_table", "pq.write_table",
        "np.load", "np.save", "np.savez", "np.savez_compressed", "np.memmap", "np.fromfile",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileOperation:
    """A call or import that reaches a file."""

    module: str
    what: str
    line: int


def file_operations(module: Module) -> list[FileOperation]:
    """Every file operation of a module, and every import of a library for them."""
    found = [
        FileOperation(module.name, f"import {name}", item.line)
        for item in imports(module)
        for name in LIBRARIES
        if within(item.target, name)
    ]
    calls = (node for node in ast.walk(module.tree) if isinstance(node, ast.Call))
    return found + [
        FileOperation(module.name, what, node.lineno) for node in calls for what in _reaches(node)
    ]


def _reaches(node: ast.Call) -> Iterator[str]:
    called = ast.unparse(node.func)
    receiver, _, name = called.rpartition(".")
    if (
        called == "open"
        or called in LIBRARY_CALLS
        or (receiver == "os" and name in OS_CALLS)
        or (receiver.startswith("os.path") and name in {"exists", "isfile", "isdir", "getsize", "realpath"})
    ):
        yield called
    elif receiver and name in PATH_METHODS and not _is_seam(receiver):
        yield f".{name}"
    elif receiver and name in SHARED_METHODS and not _is_seam(receiver) and receiver != "os":
        yield f"{receiver}.{name}"


def _is_seam(receiver: str) -> bool:
    """Whether a call goes to a file system, an open file, or a store, by the names that these have everywhere."""
    last = receiver.rsplit(".", 1)[-1]
    return last in {
        "fs",
        "_fs",
        "REAL",
        "file",
        "log",
        "lease",
        "here",
        "source",
        "target",
        "store",
        "_store",
        "self",
    }
