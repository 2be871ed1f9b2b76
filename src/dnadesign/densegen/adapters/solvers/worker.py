"""A solver process: one request a line on standard input, messages a line each on standard output.

Run as ``python -P -m dnadesign.densegen.adapters.solvers.worker BACKEND``. It ends when its input ends, and on
Linux when its parent dies, also in the middle of a solve.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import TextIO

from dnadesign.densegen.adapters.solvers import dense_arrays
from dnadesign.densegen.contract.solving import SolveRequest, SolverMessage, message_to_json

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Answer requests until there are no more."""
    backend, parent = sys.argv[1], int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run decides what an interrupt means
    _die_with(parent)
    out = _own_stdout()
    _send(out, dense_arrays.hello(backend))
    for line in sys.stdin:
        for message in dense_arrays.solve(SolveRequest.from_json(line)):
            _send(out, message)


def _die_with(parent: int) -> None:
    """Ask the kernel for a SIGKILL when the parent is gone; elsewhere the end of input has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the request was in force
            os._exit(0)


def _own_stdout() -> TextIO:
    """The pipe to the parent; what solver libraries print goes to standard error from now on."""
    pipe = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(pipe, "w", encoding="utf-8")


def _send(out: TextIO, message: SolverMessage) -> None:
    out.write(message_to_json(message) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
