"""A page of the documentation as the steps that a reader takes: files to write, things to run, output to see.

What a reader need not see stands in comments of the page, right before the block that it is about:

    <!-- file: mine.csv -->       the block is this file
    <!-- exit: 3 -->              the block of sh ends with this status
    <!-- raises: BatchConflict -->  the block of python ends with this error
    <!-- interrupt: "rows" -->    Ctrl-C is pressed once that is seen
    <!-- not run: a reason -->    the block is not run

and ``<!-- run``, lines of sh, ``-->`` runs them unseen. A block of text behind a block that is run, be it with words
between, is what the reader sees then; a line of it that is only ``...`` stands for any lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

_TOKEN = re.compile(
    r"^```(?P<language>[\w-]*)\n(?P<code>.*?)^```$|^<!-- (?P<directive>[a-z ]+?)(?::|\n)(?P<value>.*?)-->$",
    re.DOTALL | re.MULTILINE,
)
_RUN = ("sh", "python")
_DIRECTIVES = ("file", "exit", "raises", "interrupt", "not run", "run")


@dataclass(slots=True)
class Step:
    """One thing that a page has its reader do.

    Attributes:
        kind: ``file`` (write it), ``sh`` or ``python`` (run it).
        code: The file's text, or what to run.
        line: Where it stands in the page, from 1.
        name: Of a file.
        status: Exit status that a block of sh ends with.
        error: Name of the error that a block of python ends with.
        interrupt: What is seen when Ctrl-C is pressed, None if it is not.
        output: What is seen then, if the page shows it.
        output_span: Where the page shows it, as offsets into its text.
    """

    kind: Literal["file", "sh", "python"]
    code: str
    line: int
    name: str = ""
    status: int = 0
    error: str | None = None
    interrupt: str | None = None
    output: str | None = None
    output_span: tuple[int, int] = field(default=(0, 0))


class PageError(Exception):
    """A page that cannot be understood."""


def read_page(path: Path) -> list[Step]:
    """The steps of a page, in order.

    Raises:
        PageError: A directive is unknown, or stands before nothing.
    """
    return list(_steps(path.read_text(encoding="utf-8"), path.name))


def _steps(text: str, page: str) -> Iterator[Step]:
    told: dict[str, str] = {}
    last: Step | None = None
    for found in _TOKEN.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        directive, language = found["directive"], found["language"]
        if directive is not None:
            if directive not in _DIRECTIVES:
                raise PageError(f"{page}:{line}: unknown directive {directive!r}")
            if directive == "run":
                yield Step("sh", found["value"].strip() + "\n", line)
            else:
                told[directive] = found["value"].strip()
            continue
        if "file" in told:
            yield Step("file", found["code"], line, name=told["file"])
        elif "not run" in told:
            last = None
        elif language in _RUN:
            last = Step("sh" if language == "sh" else "python", found["code"], line)
            last.interrupt = told.get("interrupt")
            last.status = int(told.get("exit", "0" if last.interrupt is None else "130"))
            last.error = told.get("raises")
            _find_output(text, found.end(), last)
            yield last
        elif language == "text" and (last is None or last.output_span != found.span("code")):
            raise PageError(f"{page}:{line}: this block of text is neither a file nor the output of anything")
        told = {}
    if told:
        raise PageError(f"{page}: {', '.join(told)} stands before nothing")


def blocks_not_run(path: Path) -> list[tuple[str, str]]:
    """The blocks of a page that are not run: each one's reason and text."""
    found, reason = [], None
    for token in _TOKEN.finditer(path.read_text(encoding="utf-8")):
        if token["directive"] == "not run":
            reason = token["value"].strip()
        elif token["directive"] is None:
            found += [(reason, token["code"])] if reason is not None else []
            reason = None
    return found


def _find_output(text: str, end: int, step: Step) -> None:
    """Give a step the block of text that follows it, if no other block comes first."""
    following = _TOKEN.search(text, end)
    if following is not None and following["language"] == "text":
        step.output, step.output_span = following["code"], following.span("code")
