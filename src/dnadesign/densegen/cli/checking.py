"""``dense validate``, ``dense plan`` and ``dense schema``: look at a config before it runs."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

from dnadesign.densegen.cli.output import Format, print_json, print_table
from dnadesign.densegen.contract.batches import Shard
from dnadesign.densegen.contract.config import DesignConfig
from dnadesign.densegen.contract.errors import ConfigError, InputError
from dnadesign.densegen.contract.solving import EndReason
from dnadesign.densegen.contract.wording import counted
from dnadesign.densegen.operations.config_reference import reference
from dnadesign.densegen.operations.explaining import in_words
from dnadesign.densegen.project import Project, open_project


def validate_config(path: Path, *, probe: bool) -> int:
    """Check a config and its inputs; returns 0 if a run could start, else 1."""
    try:
        project = open_project(path)
    except (ConfigError, InputError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for warning in project.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    sites = sum(len(pool.parts) for pool in project.pools.values())
    plans = project.config.plans
    print(
        f"{path}: valid; {counted(len(plans), 'plan')}, {counted(sum(plan.quota for plan in plans), 'design')} of "
        f"{counted(project.config.target.length, 'base')}, {counted(sites, 'site')}",
        file=sys.stderr,
    )
    return _probe(project) if probe else 0


def _probe(project: Project) -> int:
    """Solve the first libraries of each plan; a plan without any design is a failed check."""
    probes = []
    for one in project.probe():
        probes.append(one)
        print(f"tried library {one.library_index} of plan {one.plan}: {one.result}", file=sys.stderr)
    print_table(
        [
            {key: value for key, value in asdict(one).items() if key not in {"detail", "mends"}}
            for one in probes
        ]
    )
    barren = {one.plan for one in probes} - {one.plan for one in probes if one.good}
    for name in sorted(barren):
        print(f"plan {name}: none of the libraries tried gave a design", file=sys.stderr)
    for one in probes:
        if one.mends is not None:
            print(f"plan {one.plan}: library {one.library_index} has no packing", file=sys.stderr)
            print(f"mend: {in_words(one.mends)}", file=sys.stderr)
        elif not one.good and one.result != EndReason.INFEASIBLE and one.detail:
            print(
                f"plan {one.plan}: library {one.library_index}: {one.result}: {one.detail}", file=sys.stderr
            )
    return 1 if barren else 0


def show_plan(path: Path, *, shard: str, run_id: str | None, form: Format) -> int:
    """Print what a run would do, without solving."""
    project = open_project(path, run_id=run_id)
    for warning in project.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    plans = project.preview(Shard.parse(shard))
    if form is Format.JSON:
        print_json([asdict(plan) for plan in plans])
        return 0
    for plan in plans:
        print(f"plan {plan.plan}: {plan.left} of {counted(plan.quota, 'design')} to make")
        print(f"  each holds: {'; '.join(plan.requirements) or 'as many sites as fit'}")
        sites = ", ".join(f"{tf} {count}" for tf, count in plan.sites.items())
        print(f"  sites: {sites}; {plan.library_size} offered a library, the first:")
        for tf, sequence in plan.first_library:
            print(f"    {tf:<12} {sequence}")
    return 0


def print_schema(*, markdown: bool) -> int:
    """Print the JSON schema of the config, or the reference that is made from it."""
    schema = DesignConfig.model_json_schema()
    if markdown:
        print(reference(schema), end="")
        return 0
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    print_json(schema)
    return 0
