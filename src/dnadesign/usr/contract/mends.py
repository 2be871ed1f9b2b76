"""What to do about an error, in the words of Python and in those of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self


class Mend(str):
    """A mend as Python spells it, with the spelling of the command line beside it.

    It is a text, so that whoever knows nothing of command lines takes it for one.

    Args:
        python: What to do, in the words of the library.
        command: The same in words that can be typed after ``usr``; those of the library when None.
    """

    command: str

    def __new__(cls, python: str, command: str | None = None) -> Self:
        """Make one of the two spellings."""
        found = super().__new__(cls, python)
        found.command = python if command is None else command
        return found


def spelled(template: str, *pairs: tuple[str, str]) -> Mend:
    """A mend with places (``{}``) for words that Python and the command line spell each in its own way.

    Args:
        template: The mend, without what may have braces of its own.
        pairs: For each place what stands there in Python, and on the command line.
    """
    return Mend(
        template.format(*(python for python, _ in pairs)), template.format(*(command for _, command in pairs))
    )


def on_command_line(mend: str | None) -> str | None:
    """A mend as the command line spells it."""
    return mend.command if isinstance(mend, Mend) else mend


def all_on_command_line(value: Any) -> Any:
    """A result with every mend in it as the command line spells it, however deep it lies in lists and mappings."""
    if isinstance(value, Mend):
        return value.command
    if isinstance(value, Mapping):
        return {name: all_on_command_line(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [all_on_command_line(inner) for inner in value]
    return value
