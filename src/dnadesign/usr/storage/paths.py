"""Paths that callers hand in, and those that usr makes of them."""

from __future__ import annotations

import os
from pathlib import Path, PosixPath

from dnadesign.usr.contract.arguments import is_text
from dnadesign.usr.contract.errors import ValidationError
from dnadesign.usr.contract.layout import FIXED_NAMES


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


class FolderPath(PosixPath):
    """A path below which files are named by the dozen in every change: naming one takes an eighth of the time.

    The text is taken as it is: no part of it may be empty, ``.`` or ``..``, as in no name of the layout. Paths of
    names that every dataset has are made once.
    """

    __slots__ = ("_as_text", "_made")

    def __init__(self, text: str) -> None:
        """Take a path that is spelled as ``Path`` spells it."""
        super().__init__(text)
        self._as_text = text
        self._made: dict[str | os.PathLike[str], FolderPath] = {}

    def __truediv__(self, name: str | os.PathLike[str]) -> FolderPath:
        """The path of what has that name here."""
        path = self._made.get(name)
        if path is None:
            path = FolderPath(f"{self._as_text}/{os.fspath(name)}")
            if name in FIXED_NAMES:
                self._made[name] = path
        return path

    @property
    def parent(self) -> Path:  # type: ignore[override] # likewise
        """The folder that it lies in."""
        folder = self._as_text.rpartition("/")[0]
        return FolderPath(folder) if folder else super().parent

    def __str__(self) -> str:
        """Its text."""
        return self._as_text

    def __fspath__(self) -> str:
        """Its text."""
        return self._as_text

    def __reduce__(self) -> tuple[type[Path], tuple[str]]:
        """A copy elsewhere is a common path."""
        return Path, (self._as_text,)

    def with_segments(self, *segments: str | os.PathLike[str]) -> Path:  # type: ignore[override] # any path of the kind
        """Parents and siblings are common paths."""
        return Path(*segments)
