"""What may come of reading bytes: a result or an error of the trees, soon, and in little memory."""

from __future__ import annotations

import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from dnadesign.densegen.contract.errors import DensegenError
from dnadesign.notify.contract.errors import NotifyError
from dnadesign.usr.contract.errors import SequencesError

MOST_SECONDS = 5.0
MOST_MEMORY = 256 << 20  # that one input may add to what the process has needed so far
MOST_BYTES = 1 << 16
MOST_RESIDENT_MIB = 1_500  # of a process that has run hundreds of thousands of inputs

_RSS_UNIT = 1 if sys.platform == "darwin" else 1 << 10


class BrokenLimit(AssertionError):
    """An input took too long, or more memory than it may."""


def run_within_limits(read: Callable[[bytes], None], data: bytes) -> None:
    """Read the bytes; an error of the trees is as good as a result.

    Raises:
        BrokenLimit: It took longer than it may, or more memory.
        BaseException: Whatever is not in the error trees.
    """
    before, began = peak_memory(), time.process_time()
    try:
        read(data)
    except (SequencesError, DensegenError, NotifyError) as error:
        check_error(error)
    seconds, grown = time.process_time() - began, peak_memory() - before
    if seconds > MOST_SECONDS:
        raise BrokenLimit(f"{len(data):,} bytes took {seconds:.1f} s")
    if grown > MOST_MEMORY:
        raise BrokenLimit(f"{len(data):,} bytes took {grown >> 20:,} MiB")


def check_error(error: SequencesError | DensegenError | NotifyError) -> None:
    """An error says something that can be printed."""
    assert error.message.strip(), f"a {type(error).__name__} without a message"
    str(error).encode("utf-8", "surrogatepass")


@contextmanager
def stopped_after(seconds: float) -> Iterator[None]:
    """Break off what takes longer; only in the main thread, and only what is Python."""

    def stop(*_: object) -> NoReturn:
        raise BrokenLimit(f"not done after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def peak_memory() -> int:
    """The most bytes that this process has had resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
