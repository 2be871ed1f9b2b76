"""Paths that callers hand in."""

from __future__ import annotations

import os
from pathlib import Path

from dnadesign.usr.contract.arguments import is_text
from dnadesign.usr.contract.errors import ValidationError


def path_of(value: object, *, what: str) -> Path:
    """A path given as text or as an object of the file system protocol.

    Raises:
        ValidationError: It is neither, or no path of this system.
    """
    if not isinstance(value, (str, os.PathLike)):
        raise ValidationError(
            f"{what}: expected a path, found {type(value).__name__}", mend="give a str or a pathlib.Path"
        )
    text = os.fspath(value)
    if not isinstance(text, str) or "\0" in text or not is_text(text):
        raise ValidationError(f"{what} {text!r:.80}: is no path", mend="give a path in plain characters")
    return Path(text)
