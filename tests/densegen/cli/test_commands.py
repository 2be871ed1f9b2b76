"""The commands around a run: init, validate, plan, status, inspect, report, schema."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pydantic import ValidationError

from dnadesign.densegen.contract.config import DesignConfig
from dnadesign.usr import Dataset
from tests.densegen.design_cases import (
    assert_keeps_promises,
    other_strand,
    sigma70_spacers,
    write_workspace,
)

PATIENCE = 120


def dense(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dnadesign.densegen.cli.app", *map(str, words)]
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, check=False, env=environment
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace that ``dense init`` makes, after its run."""
    folder = tmp_path_factory.mktemp("demo") / "workspace"
    assert dense("init", folder).returncode == 0
    config = folder / "config.yaml"
    done = dense("run", "-c", config)
    assert done.returncode == 0, done.stderr
    return config


def test_the_demo_makes_its_designs_with_two_factors_and_a_sigma70_pair_each(demo: Path) -> None:
    dataset = Dataset.open(demo.parent / "datasets", "designs/demo")
    dataset.validate()
    rows = dataset.to_arrow().to_pylist()
    assert len(rows) == len({min(row["sequence"], other_strand(row["sequence"])) for row in rows}) >= 30
    assert len({row["densegen__plan"] for row in rows}) == 2
    assert len(list((dataset.dir / "_derived" / "densegen").glob("part-*.parquet"))) >= 4
    for row in rows:
        assert_keeps_promises(row["sequence"], row["densegen__used_tfbs_detail"], length=60)
        assert sigma70_spacers(row["sequence"]) & {16, 17, 18}
        assert len(row["densegen__used_tf_counts"]) >= 2
        assert not any(
            site in strand
            for site in ("GAATTC", "GGTCTC")
            for strand in (row["sequence"], other_strand(row["sequence"]))
        )


def test_init_leaves_a_folder_that_has_something_in_it_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert dense("init", tmp_path).returncode == 3
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_init_with_a_table_of_sites_makes_a_workspace_that_runs(tmp_path: Path) -> None:
    table = tmp_path / "my sites.tsv"
    table.write_text("Regulator\tBox\nAraC\tTATGGATAAAAATGCTA\nLacI\tAATTGTGAGCGGATAACAATT\n")
    refused = dense("init", tmp_path / "mine", "--sites", table)
    assert refused.returncode == 2
    assert f"dense init {tmp_path / 'mine'} --sites" in refused.stderr
    made = dense("init", tmp_path / "mine", "--sites", table, "--site-column", "Box")
    assert made.returncode == 0, made.stderr
    assert str(tmp_path / "mine" / "config.yaml") in made.stderr
    probed = dense("validate", "-c", tmp_path / "mine" / "config.yaml", "--probe")
    assert probed.returncode == 0, probed.stderr


def test_validate_says_all_faults_with_their_place_and_status_one(tmp_path: Path) -> None:
    config = write_workspace(tmp_path, **{"plans.0.inputs": ["sights"], "plans.1.name": "first"})
    done = dense("validate", "-c", config)
    assert done.returncode == 1
    assert done.stderr.count(f"{config}:") == 2
    assert "Traceback" not in done.stderr


def test_validate_with_probe_tries_each_plan(tmp_path: Path) -> None:
    done = dense("validate", "-c", write_workspace(tmp_path), "--probe")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("design") == 6
    assert not (tmp_path / "datasets").exists()
    barren = write_workspace(
        tmp_path, **{"target.length": 10, "plans.0.promoters": [], "solver.time_limit_s": 2.0}
    )
    done = dense("validate", "-c", barren, "--probe")
    assert done.returncode == 1
    assert "plan first: none of the libraries" in done.stderr


def test_plan_shows_what_is_left_to_do_without_touching_anything(tmp_path: Path) -> None:
    config = write_workspace(tmp_path)
    done = dense("plan", "-c", config, "--shard", "1/4", "--format", "json")
    first, second = json.loads(done.stdout)
    assert (first["quota"], first["left"], second["quota"]) == (2, 2, 1)
    assert len(first["first_library"]) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml", "sites.csv"]


def test_status_counts_what_is_there(demo: Path, tmp_path: Path) -> None:
    done = dense("status", "-c", demo, "--format", "json")
    assert done.returncode == 0
    status = json.loads(done.stdout)
    assert [(plan["done"], plan["quota"]) for plan in status["plans"]] == [(20, 20), (16, 16)]
    assert status["complete"]
    not_begun = dense("status", "-c", write_workspace(tmp_path))
    assert not_begun.returncode == 1
    assert "not started" in not_begun.stdout


def test_inspect_draws_each_part_under_or_over_its_bases(demo: Path) -> None:
    row = Dataset.open(demo.parent / "datasets", "designs/demo").head(1).to_pylist()[0]
    done = dense("inspect", "-c", demo, row["id"][:10])
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if row["sequence"] in line)
    start = lines[at].index(row["sequence"])
    for one in row["densegen__used_tfbs_detail"]:
        side = lines[:at] if one["orientation"] == "fwd" else lines[at + 2 :]
        bars = [line[start:].ljust(60)[one["offset"] : one["end"]] for line in side]
        tip = (-1, ">") if one["orientation"] == "fwd" else (0, "<")
        assert any(bar[tip[0]] == tip[1] and " " not in bar for bar in bars if bar)


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_inspect_saves_a_picture(demo: Path, tmp_path: Path, ending: str) -> None:
    picture = tmp_path / f"design.{ending}"
    assert dense("inspect", "-c", demo, "--picture", picture).returncode == 0
    assert picture.read_bytes()[:5] in {b"<?xml", b"\x89PNG\r"}


@pytest.mark.parametrize(
    ("words", "status"),
    [(["0000"], 4), (["--plan", "none"], 4), (["--picture", "design.txt"], 3), (["ab"], 4)],
)
def test_inspect_says_what_is_not_there(demo: Path, words: list[str], status: int) -> None:
    done = dense("inspect", "-c", demo, *words)
    assert done.returncode == status
    assert "Traceback" not in done.stderr


class Page(HTMLParser):
    """Checks that tags nest and keeps the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "br"}:
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_report_is_one_whole_page_with_the_numbers_of_the_run(demo: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    assert dense("report", "-c", demo, "-o", out).returncode == 0
    page = Page()
    page.feed(out.read_text(encoding="utf-8"))
    assert page.open == []
    assert page.links == []
    for words in ("36 designs", "crp_lexa", "Diversity", "Logos", "LexA", "Never used"):
        assert words in page.text


def test_a_report_of_nothing_is_refused(tmp_path: Path) -> None:
    assert dense("report", "-c", write_workspace(tmp_path)).returncode == 4


def test_the_schema_knows_what_the_config_knows() -> None:
    schema = json.loads(dense("schema").stdout)
    assert set(schema["properties"]) == set(DesignConfig.model_fields)
    with pytest.raises(ValidationError):
        DesignConfig.model_validate(dict.fromkeys(schema["required"]))


@pytest.mark.parametrize(
    "command", ["", "init", "run", "validate", "plan", "status", "inspect", "report", "schema"]
)
def test_each_command_explains_itself_with_an_example(command: str) -> None:
    done = dense(*command.split(), "--help")
    assert done.returncode == 0
    assert not command or f"dense {command}" in done.stdout


def test_help_is_there_without_loading_the_heavy_libraries() -> None:
    code = (
        "import sys\n"
        "from dnadesign.densegen.cli import app\n"
        "heavy = {'pyarrow', 'duckdb', 'pydantic', 'dense_arrays', 'ortools', 'rich', 'numpy', 'pandas'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_list_of_commands_is_whole_sentences_in_eighty_columns() -> None:
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "dnadesign.densegen.cli.app"]
    shown = subprocess.run(
        [*command, "-h"], capture_output=True, text=True, check=True, env=environment
    ).stdout
    summaries = shown.split("Commands:\n")[1].splitlines()
    assert len(summaries) == 8
    assert all(line.endswith(".") and not line.endswith("..") for line in summaries)
    assert max(map(len, shown.splitlines())) <= 80
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout
    assert version.startswith("dense ")
