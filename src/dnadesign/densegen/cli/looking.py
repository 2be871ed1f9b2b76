"""``dense status`` and ``dense inspect``: look at a run and at single designs."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dnadesign.densegen.adapters.outputs.design_picture import check_format, save_picture
from dnadesign.densegen.cli.file_problems import check_output
from dnadesign.densegen.cli.output import Format, print_json, print_table
from dnadesign.densegen.contract.errors import NotFoundError
from dnadesign.densegen.contract.metadata import column
from dnadesign.densegen.operations.strand_drawing import draw
from dnadesign.densegen.project import Project, open_project

_SHORTEST_PREFIX = 4


def show_status(path: Path, *, run_id: str | None, form: Format) -> int:
    """Print how far a run is; returns 0 when its quotas are reached, else 1."""
    project = open_project(path, run_id=run_id)
    status = project.status()
    if form is Format.JSON:
        print_json(asdict(status) | {"complete": status.complete, "stopped": status.stopped})
        return 0 if status.complete else 1
    shards = f", {status.shards} shards" if (status.shards or 1) > 1 else ""
    at_work = f"; at work: {', '.join(status.at_work)}" if status.at_work else ""
    stopped = f"; {status.stopped}" if status.stopped else ""
    started = "" if status.started else "; not started"
    print(f"run {status.run_id} into {status.dataset}{shards}{at_work}{started}{stopped}")
    print_table([asdict(plan) for plan in status.plans])
    if status.unreferenced_artifacts:
        prune = shlex.join(
            ["usr", "maintenance", "artifacts-prune", status.dataset, "--root", str(project.root)]
        )
        print(f"{status.unreferenced_artifacts} files of arrays have no row; to remove them:")
        print(f"  {prune} --reason 'no row'")
    return 0 if status.complete else 1


def inspect_designs(
    path: Path, *, design: str | None, plan: str | None, count: int, picture: Path | None, run_id: str | None
) -> int:
    """Draw designs of a run: one by the beginning of its id, or the first ones (of a plan).

    Raises:
        NotFoundError: There is no such design or plan.
        RefusedError: The picture's name ends in something else than pictures can be, or the extra is missing.
        FileError: The picture cannot be written.
    """
    if picture is not None:  # before anything is printed
        check_format(picture)
        check_output(picture)
    project = open_project(path, run_id=run_id)
    rows = _chosen(project, design=design, plan=plan)[: 1 if picture else count]
    for row in rows:
        print(_title(row))
        print(draw(row["sequence"], row[column("used_tfbs_detail")]))
        print()
    if picture is not None:
        save_picture(picture, rows[0]["sequence"], rows[0][column("used_tfbs_detail")], title=_title(rows[0]))
        print(f"wrote {picture}", file=sys.stderr)
    return 0


def _chosen(project: Project, *, design: str | None, plan: str | None) -> list[dict[str, Any]]:
    config = project.config
    if plan is not None and plan not in {one.name for one in config.plans}:
        known = ", ".join(one.name for one in config.plans)
        raise NotFoundError(f"there is no plan {plan!r} in {project.loaded.path}; there are: {known}")
    if design is not None and len(design) < _SHORTEST_PREFIX:
        raise NotFoundError(f"{design!r}: give at least {_SHORTEST_PREFIX} digits of the id")
    rows: list[dict[str, Any]] = project.store().designs(config.run.id).to_pylist()
    rows = [
        row
        for row in rows
        if (design is None or row["id"].startswith(design.lower()))
        and (plan is None or row[column("plan")] == plan)
    ]
    if not rows:
        what = f"no design {design}" if design else "no designs yet"
        raise NotFoundError(f"run {config.run.id!r} has {what}", mend="see: dense status --config FILE")
    return rows


def _title(row: dict[str, Any]) -> str:
    counts = ", ".join(f"{one['count']} {one['tf']}" for one in row[column("used_tf_counts")])
    return (
        f"{row['id'][:12]}  plan {row[column('plan')]}  {row['length']} bp  "
        f"GC {row[column('gc_total')]:.2f}  {counts}"
    )
