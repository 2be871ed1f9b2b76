"""``dense init``: a folder to start from, with what ships or with one's own sites."""

from __future__ import annotations

import re
import shlex
import sys
from importlib.resources import files
from pathlib import Path

from dnadesign.densegen.adapters.inputs.site_table import read_header, read_sites, table_format
from dnadesign.densegen.contract.config import SitesInput
from dnadesign.densegen.contract.errors import ConfigError, RefusedError
from dnadesign.densegen.operations.own_config import guess_columns, own_config
from dnadesign.densegen.project import open_project

_FILES = ("config.yaml", "ecoli_sites.csv")
_SHIPPED = files("dnadesign.densegen") / "data"


def make_workspace(
    folder: Path, *, sites: Path | None, tf_column: str | None, site_column: str | None
) -> int:
    """Write a config and sites into a new or empty folder.

    Args:
        folder: Where.
        sites: One's own table of sites; without it the E. coli sites that ship.
        tf_column: The table's column with the factor, if it has no usual name.
        site_column: The table's column with the site, if it has no usual name.

    Raises:
        RefusedError: The folder has something in it.
        NotFoundError: There is no such table.
        InputError: The table of sites does not fit.
        ConfigError: Columns are named and no table.
    """
    if sites is None and (tf_column or site_column):
        raise ConfigError("--tf-column and --site-column say what is in the table of --sites FILE")
    if sites is None:
        contents = {name: (_SHIPPED / name).read_bytes() for name in _FILES}
    else:
        contents = _own(folder, sites, tf_column=tf_column, site_column=site_column)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RefusedError(f"{folder} is there and not empty", mend="name a folder that is new or empty")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    config = folder / _FILES[0]
    open_project(config)  # what is written here is valid
    print(f"made {folder} with {' and '.join(contents)}", file=sys.stderr)
    run = shlex.join(["dense", "run", "-c", str(config)])
    if sites is None:
        print(f"next: {run}", file=sys.stderr)
        return 0
    print("next:", file=sys.stderr)
    print(f"  1. look into {config}: what to make stands there", file=sys.stderr)
    print(f"  2. try it: {shlex.join(['dense', 'validate', '-c', str(config), '--probe'])}", file=sys.stderr)
    print(f"  3. make it: {run}", file=sys.stderr)
    return 0


def _own(folder: Path, sites: Path, *, tf_column: str | None, site_column: str | None) -> dict[str, bytes]:
    """A config for someone's own sites, and a copy of their table."""
    form = table_format(sites)
    columns = guess_columns(
        read_header(sites, form=form),
        tf=tf_column,
        site=site_column,
        table=str(sites),
        command=shlex.join(["dense", "init", str(folder), "--sites", str(sites)]),
    )
    print(
        f"{sites}: factor from column {columns.tf!r}, site from column {columns.tfbs!r}; "
        "if that is wrong: --tf-column NAME --site-column NAME",
        file=sys.stderr,
    )
    name = sites.name if sites.name != _FILES[0] else "sites.csv"
    spec = SitesInput(name="mine", kind="sites", path=name, format=form, columns=columns)
    run_id = re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.resolve().name).strip("-._") or "designs"
    text = own_config(
        (_SHIPPED / "own_config.yaml").read_text(encoding="utf-8"),
        spec,
        read_sites(spec, sites),
        run_id=run_id,
    )
    return {_FILES[0]: text.encode(), name: sites.read_bytes()}
