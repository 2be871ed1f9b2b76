"""Bounds the time of a whole request: an answer that drips in, byte by byte, never trips a timeout between two reads."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress


class AnswerDeadline:
    """Cuts the connection of a request that takes too long as a whole.

    One thread serves all requests of a destination, one request at a time. ``trace`` is for the HTTP library, which tells of
    each connection that it opens.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._changed = threading.Condition()
        self._deadline: float | None = None
        self._socket: socket.socket | None = None
        self._closed = False
        self._idle = False
        self._passed = False
        self._thread: threading.Thread | None = None

    def trace(self, name: str, info: Mapping[str, object]) -> None:
        """Take note of a connection that was made."""
        if not name.endswith(("connect_tcp.complete", "start_tls.complete")):
            return
        look = getattr(info.get("return_value"), "get_extra_info", None)
        found = look("socket") if look is not None else None
        with self._changed:
            self._socket = found if isinstance(found, socket.socket) else None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Cut the connection if the block takes longer than it may."""
        self._start()
        with self._changed:
            self._deadline, self._passed = time.monotonic() + self._seconds, False
            if self._idle:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._deadline = None

    @property
    def passed(self) -> bool:
        """Whether the last request was cut."""
        return self._passed

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="notify-deadline", daemon=True)
            self._thread.start()

    def _watch(self) -> None:
        with self._changed:
            while not self._closed:
                left = None if self._deadline is None else self._deadline - time.monotonic()
                if left is None or left > 0:
                    # Deadlines only move away while it waits for one: it need not be woken for each request.
                    self._idle = left is None
                    self._changed.wait(left)
                    continue
                self._deadline, self._passed = None, True
                if self._socket is not None:
                    with suppress(OSError):
                        self._socket.shutdown(socket.SHUT_RDWR)
