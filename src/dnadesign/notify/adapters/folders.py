"""Which folders of the user notify keeps its state and its profiles in (XDG Base Directory Specification)."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder(chosen: Path | None = None) -> Path:
    """Where cursors and spools are: the folder chosen, else under XDG_STATE_HOME, else under ~/.local/state."""
    if chosen is not None:
        return chosen.absolute()
    return _base("XDG_STATE_HOME", Path(".local/state")) / "dnadesign" / "notify"


def config_folder() -> Path:
    """Where profiles are: under XDG_CONFIG_HOME, else under ~/.config."""
    return _base("XDG_CONFIG_HOME", Path(".config")) / "dnadesign" / "notify"


def _base(variable: str, default: Path) -> Path:
    given = os.environ.get(variable, "")
    # The specification: relative paths in these variables are to be ignored.
    return Path(given) if given.startswith("/") else Path.home() / default
