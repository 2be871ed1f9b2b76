"""Paths that are made once: joining and taking apart paths would take most of a search's time."""

from pathlib import PosixPath
from typing import Any


class KnownPath(PosixPath):
    """A path that remembers its parts, and the paths below it that were asked for."""

    def __init__(self, *segments: Any) -> None:
        super().__init__(*segments)
        self._below: dict[str, KnownPath] = {}
        self._known_parts = super().parts
        self._above: KnownPath | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The components."""
        return self._known_parts

    @property
    def parent(self) -> "KnownPath":
        """The folder, the same object each time."""
        if self._above is None:
            self._above = super().parent
        return self._above

    def __truediv__(self, name: Any) -> "KnownPath":
        """The path below, the same object each time."""
        found = self._below.get(name)
        if found is None:
            found = self._below[name] = super().__truediv__(name)
        return found
