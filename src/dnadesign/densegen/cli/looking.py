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
from dnadesign.densegen.contract.wording import counted
from dnadesign.densegen.operations.status import RunStatus
from dnadesign.densegen.operations.strand_drawing import draw
from dnadesign.densegen.project import Project, open_project

_SHORTEST_PREFIX = 4
_MOST_COMMANDS = 3


def show_status(path: Path, *, run_id: str | None, form: Format) -> int:
    """Print how far a run is; returns 0 when its quotas are reached, else 1."""
    project = open_project(path, run_id=run_id)
    status = project.status()
    if form is Format.JSON:
        print_json(asdict(status) | {"complete": status.complete, "stopped": status.stopped})
        return 0 if status.complete else 1
    shards = f", {status.shards} shards" if (status.shards or 1) > 1 else ""
    at_work = f"; at work: {', '.join(status.at_work)}" if status.at_work else ""
    stopped = f"; {status.stopped}" if status.stopped and not status.parts else ""
    started = "" if status.started else "; not started"
    print(f"run {status.run_id} into {status.dataset}{shards}{at_work}{started}{stopped}")
    _print_shards(status, path, run_id=run_id)
    print_table([asdict(plan) for plan in status.plans])
    if status.unreferenced_artifacts:
        prune = shlex.join(
            ["usr", "maintenance", "artifacts-prune", status.dataset, "--root", str(project.root)]
        )
        print(f"{counted(status.unreferenced_artifacts, 'file')} of arrays without a row; to remove:")
        print(f"  {prune} --reason 'no row'")
    return 0 if status.complete else 1


def _print_shards(status: RunStatus, path: Path, *, run_id: str | None) -> None:
    """Each shard of a run that is split, and how to start those again that have work left and nobody at it."""
    for part in status.parts:
        print(f"  shard {part.shard}: {part.state}")
    left = [part.shard for part in status.parts if part.to_resume] if status.started else []
    words = ["dense", "run", "-c", str(path), "--resume", *(["--run-id", run_id] if run_id else [])]
    for shard in left[:_MOST_COMMANDS]:
        print(f"  to go on: {shlex.join([*words, '--shard', shard])}")
    if len(left) > _MOST_COMMANDS:
        print(f"  and the same for shards {', '.join(left[_MOST_COMMANDS:])}")


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
    all_rows: list[dict[str, Any]] = project.store().designs(config.run.id).to_pylist()
    rows = [
        row
        for row in all_rows
        if (design is None or row["id"].startswith(design.lower()))
        and (plan is None or row[column("plan")] == plan)
    ]
    if not rows:
        what = f"no design {design}" if design else "no designs yet"
        of_plan = f" of plan {plan!r}" if plan is not None else ""
        raise NotFoundError(f"run {config.run.id!r} has {what}{of_plan}", mend=_instead(project, all_rows))
    return rows


def _instead(project: Project, rows: list[dict[str, Any]]) -> str:
    """What to type where no design was found: to see some, which also shows their ids, or to make them."""
    if not rows:
        named = project.loaded.tree["run"]["id"] == project.config.run.id
        return project.run_command + ("" if named else f" --run-id {project.config.run.id}")
    words = ["dense", "inspect", "-c", str(project.loaded.path), "--run-id", project.config.run.id]
    return f"{shlex.join(words)}   (its designs begin with {', '.join(row['id'][:8] for row in rows[:3])})"


def _title(row: dict[str, Any]) -> str:
    counts = ", ".join(f"{one['count']} {one['tf']}" for one in row[column("used_tf_counts")])
    return (
        f"{row['id'][:12]}  plan {row[column('plan')]}  {row['length']} bp  "
        f"GC {row[column('gc_total')]:.2f}  {counts}"
    )
