"""Work that threads do ahead, and that whoever asks for it does where no thread can be begun."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Threads:
    """A few threads, begun as they are needed; close them, or use them in a ``with`` block.

    Args:
        count: At most so many.
        name: What their names begin with.
    """

    def __init__(self, count: int, name: str) -> None:
        self._count, self._name = count, name
        self._pool: ThreadPoolExecutor | None = None  # most have nothing to do
        self._closed, self._guard = False, threading.Lock()

    def begin[**P, R](self, work: Callable[P, R], *args: P.args, **options: P.kwargs) -> Future[R]:
        """Have a piece of work done, once; here and now if there may be no more threads or the interpreter ends."""
        done, claimed = Future[R](), threading.Lock()

        def run() -> None:
            if claimed.acquire(blocking=False):
                try:
                    done.set_result(work(*args, **options))
                except BaseException as error:
                    done.set_exception(error)
                    if not isinstance(error, Exception):  # Ctrl-C here and now, of which nobody need ask
                        raise

        with self._guard:
            if self._pool is None and not self._closed:
                self._pool = ThreadPoolExecutor(self._count, thread_name_prefix=self._name)
        if self._pool is None:
            run()
            return done
        try:
            self._pool.submit(run)
        except RuntimeError:  # it may be queued all the same, for a thread that a later call begins
            run()
        return done

    def close(self) -> None:
        """Let go of the threads; what was not begun is not done."""
        with self._guard:
            self._closed = True
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Threads:
        """Themselves."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of them."""
        self.close()
