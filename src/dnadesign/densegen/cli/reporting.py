"""``dense report``: one HTML file about a run."""

from __future__ import annotations

import sys
from pathlib import Path

from dnadesign.densegen.adapters.outputs.html_report import render
from dnadesign.densegen.cli.file_problems import check_output
from dnadesign.densegen.cli.output import write_output
from dnadesign.densegen.contract.errors import NotFoundError
from dnadesign.densegen.operations.summing_up import sum_up
from dnadesign.densegen.project import open_project


def write_report(path: Path, *, out: Path | None, run_id: str | None) -> int:
    """Write the report of a run.

    Raises:
        NotFoundError: The run has no designs yet.
        FileError: The file cannot be written.
    """
    if out is not None:
        check_output(out)
    project = open_project(path, run_id=run_id)
    config = project.config
    rows = project.store().designs(config.run.id).to_pylist()
    if not rows:
        raise NotFoundError(f"run {config.run.id!r} has no designs in {config.output.dataset} yet")
    pool = {
        (part.tf or "", part.sequence)
        for source in project.plan_pools().values()
        for parts in source.sites.values()
        for part in parts
    }
    summary = sum_up(rows, pool=pool, seed=config.run.seed)
    page = render(project.status(), summary, manifest=project.run_folder.manifest())
    target = out or project.run_folder.path / "report.html"
    if out is None:
        target.parent.mkdir(parents=True, exist_ok=True)
    write_output(target, page.encode())
    print(f"wrote {target}", file=sys.stderr)
    return 0
