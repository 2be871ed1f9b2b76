"""``dense init``: a folder to start from."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

from dnadesign.densegen.contract.errors import RefusedError

_FILES = ("config.yaml", "ecoli_sites.csv")


def make_workspace(folder: Path) -> int:
    """Write the demo config and sites into a new or empty folder.

    Raises:
        RefusedError: The folder has something in it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RefusedError(f"{folder} is there and not empty", mend="name a folder that is new or empty")
    folder.mkdir(parents=True, exist_ok=True)
    shipped = files("dnadesign.densegen") / "data"
    for name in _FILES:
        (folder / name).write_bytes((shipped / name).read_bytes())
    print(f"made {folder} with {' and '.join(_FILES)}", file=sys.stderr)
    print(f"next: dense run -c {folder / _FILES[0]}", file=sys.stderr)
    return 0
