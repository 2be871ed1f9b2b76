"""A ``usr`` that does not start Python anew: one process loads the program, and forks for each call of it.

The pages call ``usr`` more than a hundred times, and loading it is most of what a call costs. Calls are the program's own
``main`` in a process of their own, with the caller's folder, environment and standard streams.

Usage: python -m scripts.docs.warm_usr SOCKET
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import NoReturn

CLIENT = """\
#!{python} -SE
import os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
said = [os.getcwd(), *sys.argv, "", *(f"{{k}}={{v}}" for k, v in os.environ.items())]
socket.send_fds(server, [b"."], [0, 1, 2])
server.sendall("\\0".join(said).encode("utf-8", "surrogateescape"))
server.shutdown(socket.SHUT_WR)
status = server.recv(1)
sys.exit(status[0] if status else 70)
"""
_SECONDS = 300
LOADED = [
    "dnadesign.usr.dataset",
    *(
        f"dnadesign.usr.cli.{name}"
        for name in ("base", "checks", "datasets", "events", "files", "maintenance")
    ),
    *(f"dnadesign.usr.cli.{name}" for name in ("namespace", "records", "state", "values")),
    "rich.console",
    "rich.progress",
    "rich.table",
]


@contextlib.contextmanager
def warm_usr(folder: Path) -> Iterator[Path]:
    """Put a ``usr`` into an empty folder (its path a short one) that works as long as the block."""
    address = folder / "socket"
    alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # numpy's threads would not survive the fork
    # Arrow's jemalloc has a thread as well, but settles it at a fork by itself.
    python = [sys.executable, "-W", "ignore:This process:DeprecationWarning"]
    server = subprocess.Popen([*python, "-m", "scripts.docs.warm_usr", str(address)], env=alone)
    try:
        deadline = time.monotonic() + _SECONDS
        while not address.exists():
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the warm usr did not start")
            time.sleep(0.02)
        client = folder / "usr"
        client.write_text(CLIENT.format(python=sys.executable, address=str(address)), encoding="utf-8")
        client.chmod(0o755)
        yield folder
    finally:
        server.terminate()
        server.wait()


def serve(address: str) -> NoReturn:
    """Answer calls until the process is ended."""
    # Loaded before the first fork, so that no call has to.
    for module in LOADED:
        import_module(module)
    main: Callable[[], int] = import_module("dnadesign.usr.cli.app").main

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{address}.new")
    listener.listen()
    Path(f"{address}.new").rename(address)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    while True:
        call, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _answer(call, main)
        call.close()


def _answer(call: socket.socket, main: Callable[[], int]) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(call, 1, 3)
    said = bytearray()
    while data := call.recv(1 << 16):
        said += data
    folder, *words = said.decode("utf-8", "surrogateescape").split("\0")
    ends = words.index("", 1)
    sys.argv = words[:ends]
    os.environ.clear()
    for name, _, value in (pair.partition("=") for pair in words[ends + 1 :]):
        os.environ[name] = value
    os.chdir(folder)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False, errors="backslashreplace", buffering=1)
    status = 70
    try:
        status = main()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        call.send(bytes([status]))
        os._exit(status)


if __name__ == "__main__":
    serve(sys.argv[1])
