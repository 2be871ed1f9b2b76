"""What holds for one run of the program, whatever the command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import typer

Format = Literal["table", "json", "jsonl", "csv"]


@dataclass(slots=True)
class Session:
    """What one run of the program was told outside of the command itself.

    Attributes:
        root: ``usr --root DIR ...``, before the command.
        format: The command's ``--format``, once it is read.
    """

    root: str | None = None
    format: Format = "table"


def session_of(ctx: typer.Context) -> Session:
    """The session that a context belongs to."""
    found = ctx.find_root().obj
    return found if isinstance(found, Session) else Session()
