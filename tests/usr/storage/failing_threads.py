"""Threads that cannot be begun, as where a process has too many."""

import threading
from collections.abc import Iterator

import pytest


def refuse_threads(monkeypatch: pytest.MonkeyPatch, prefix: str, failing: range) -> Iterator[int]:
    """Have some of the beginnings of threads of that name fail, counted from 0; what counts them."""
    begin, begun = threading.Thread.start, iter(range(1_000))

    def start(thread: threading.Thread) -> None:
        if thread.name.startswith(prefix) and next(begun) in failing:
            raise RuntimeError("can't start new thread")
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    return begun
