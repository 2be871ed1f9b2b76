"""The standard streams of a console script: there, in UTF-8, and with errors that say which stream they are about."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Buffer

OUTPUT = "standard output"
"""What errors call it, in place of a file's name."""


class _Output(io.FileIO):
    """The standard output, whose errors name it."""

    def write(self, data: Buffer, /) -> int:
        """Write, as a file does."""
        try:
            return super().write(data)
        except OSError as error:
            error.filename = OUTPUT
            raise


def take_streams() -> None:
    """Write UTF-8 into pipes and files whatever the locale, and never fail on a terminal's narrower one.

    A stream that whoever started the process has closed becomes an empty one, lest a file get its number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # then its number is the lowest that is free
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, closefd=False))
    out = sys.stdout
    out.flush()
    raw = _Output(out.fileno(), "w", closefd=False)
    unbuffered = isinstance(out.buffer, io.RawIOBase)  # python -u
    sys.stdout = io.TextIOWrapper(
        raw if unbuffered else io.BufferedWriter(raw),
        encoding=out.encoding if out.isatty() else "utf-8",
        errors="backslashreplace",
        line_buffering=out.isatty(),
        write_through=unbuffered,
    )
    reconfigure = getattr(sys.stderr, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace", **({} if sys.stderr.isatty() else {"encoding": "utf-8"}))


def end_output() -> None:
    """Write what the standard output still holds; where it takes no more, let nothing more go there.

    Without this the interpreter would try once more when it ends, and complain.
    """
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_unread(error: OSError) -> bool:
    """Whether an error says that nobody reads the standard output any more; then the process has no more to do."""
    return isinstance(error, BrokenPipeError) and error.filename == OUTPUT
