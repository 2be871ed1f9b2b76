"""The documentation of dense says what the code does."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dnadesign.densegen.contract.config import DesignConfig
from dnadesign.densegen.contract.metadata import COLUMNS
from dnadesign.densegen.operations.config_reference import reference
from dnadesign.usr import Dataset
from tests.densegen.design_cases import write_workspace

DOCS = Path(__file__).parents[2] / "docs" / "dense"
PAGES = sorted(DOCS.glob("*.md"))


def test_the_config_reference_is_the_one_that_the_schema_gives() -> None:
    assert (DOCS / "config.md").read_text(encoding="utf-8") == reference(DesignConfig.model_json_schema())


def test_every_key_of_the_config_says_what_it_means() -> None:
    schema = DesignConfig.model_json_schema()
    for name, section in [("config", schema), *schema["$defs"].items()]:
        for key, spec in section.get("properties", {}).items():
            assert spec.get("description"), f"{name}.{key}"


def test_every_column_is_explained() -> None:
    text = (DOCS / "metadata.md").read_text(encoding="utf-8")
    for name, _ in COLUMNS:
        assert f"`{name.removeprefix('densegen__')}`" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (DOCS / target).exists(), target


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def test_the_tutorial_works_as_it_is_written(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    commands = [
        line.removeprefix("$ ")
        for block in blocks("tutorial.md", "console")
        for line in block.splitlines()
        if line.startswith("$ ")
    ]
    assert len(commands) >= 10
    (sites,) = blocks("tutorial.md", "csv")
    (tmp_path / "sites.csv").write_text(sites, encoding="utf-8")
    for command in commands:
        done = subprocess.run(
            shlex.split(command), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
    (code,) = blocks("tutorial.md", "python")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == ["crp_lexa 20", "two_of_three 16"], done.stderr


def test_the_tutorials_own_sites_and_plan_make_a_valid_config(tmp_path: Path) -> None:
    (sites,) = blocks("tutorial.md", "csv")
    tree: dict[str, Any] = {
        "schema_version": 1,
        "run": {"id": "mine", "seed": 1},
        "target": {"length": 100},
        "output": {"root": "datasets", "dataset": "mine"},
    }
    for block in blocks("tutorial.md", "yaml"):
        tree |= yaml.safe_load(block)
    (tmp_path / "sites.csv").write_text(sites, encoding="utf-8")
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(tree), encoding="utf-8")
    command = [sys.executable, "-m", "dnadesign.densegen.cli.app", "validate", "-c", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("script", "variables"),
    [
        ("slurm.sh", {"SLURM_ARRAY_TASK_ID": "3"}),
        ("sge.sh", {"SGE_TASK_ID": "4", "SGE_TASK_LAST": "8"}),
    ],
)
def test_the_job_scripts_run_the_shard_of_their_task(
    tmp_path: Path, script: str, variables: dict[str, str]
) -> None:
    for name, body in (("dense", 'echo "dense $*"'), ("srun", 'exec "$@"')):
        stand_in = tmp_path / name
        stand_in.write_text(f"#!/bin/bash\n{body}\n")
        stand_in.chmod(0o755)
    done = subprocess.run(
        ["bash", str(DOCS / "jobs" / script), "my config.yaml"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "dense run -c my config.yaml --resume --shard 3/8\n"


@pytest.mark.parametrize("script", ["slurm.sh", "sge.sh"])
def test_the_job_scripts_are_bash(script: str) -> None:
    subprocess.run(["bash", "-n", str(DOCS / "jobs" / script)], check=True)


def test_the_tasks_of_an_array_fill_the_quota_together_and_one_that_is_run_again_adds_nothing(
    tmp_path: Path,
) -> None:
    config = write_workspace(tmp_path / "work")
    srun = tmp_path / "srun"
    srun.write_text('#!/bin/bash\nexec "$@"\n')
    srun.chmod(0o755)
    path = f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    slurm = (DOCS / "jobs" / "slurm.sh").read_text(encoding="utf-8").replace("shards=8", "shards=2")

    def task(number: int, *, sge: bool) -> subprocess.Popen[bytes]:
        if sge:
            variables = {"SGE_TASK_ID": str(number + 1), "SGE_TASK_LAST": "2"}
            command = ["bash", str(DOCS / "jobs" / "sge.sh"), str(config)]
        else:
            variables = {"SLURM_ARRAY_TASK_ID": str(number)}
            command = ["bash", "-c", slurm, "slurm.sh", str(config)]
        return subprocess.Popen(
            command, env={**os.environ, "PATH": path, **variables}, stderr=subprocess.DEVNULL
        )

    for sge in (False, True):  # the second time all are requeued, by the other scheduler
        tasks = [task(number, sge=sge) for number in range(2)]
        assert [one.wait(120) for one in tasks] == [0, 0]
        assert dataset_rows(config) == 11
    Dataset.open(config.parent / "datasets", "designs").validate()


def dataset_rows(config: Path) -> int:
    return int(Dataset.open(config.parent / "datasets", "designs").to_arrow(["id"]).num_rows)
