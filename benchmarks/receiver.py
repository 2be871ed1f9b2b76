"""A webhook receiver that does next to nothing, in a process of its own: it says its port, then takes every request."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


@contextmanager
def receiving() -> Iterator[str]:
    """The address of a receiver that runs for as long as the block."""
    process = subprocess.Popen([sys.executable, "-m", __name__], stdout=subprocess.PIPE, text=True)
    try:
        port = process.stdout.readline() if process.stdout else ""
        yield f"http://127.0.0.1:{int(port)}/hook"
    finally:
        process.kill()
        process.communicate()


def serve() -> None:
    """Take one connection after the other, for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _answer_all(connection)


def _answer_all(connection: socket.socket) -> None:
    received = b""
    while True:
        head, end, rest = received.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]) if end else 0
        if end and len(rest) >= length:
            received = rest[length:]
            connection.sendall(_ANSWER)
            continue
        more = connection.recv(1 << 16)
        if not more:
            return
        received += more


if __name__ == "__main__":
    serve()
