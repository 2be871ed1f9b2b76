"""What is typed wrongly gets one status a kind, a message, and what to type instead; nothing ends without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnadesign.densegen.cli import run as run_command
from dnadesign.densegen.cli.app import run_line
from dnadesign.densegen.cli.config_path import config_path
from dnadesign.densegen.contract.errors import ConfigError, NotFoundError
from tests.densegen.design_cases import write_workspace

COMMANDS = ["run", "validate", "plan", "status", "inspect", "report"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", [[], ["-c"]], ids=["argument", "option"])
def test_a_config_that_is_not_there_has_status_four_and_the_nearest_one_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, option: list[str]
) -> None:
    config = write_workspace(tmp_path)
    assert run_line([command, *option, str(tmp_path / "conf.yaml")]) == 4
    told = capsys.readouterr().err.splitlines()
    assert told == [
        f"error: {tmp_path / 'conf.yaml'}: there is no such file",
        f"mend: dense {command} {config}",
    ]


@pytest.mark.parametrize("command", ["validate", "plan"])
@pytest.mark.parametrize("option", [[], ["-c"]], ids=["argument", "option"])
def test_a_folder_stands_for_the_config_in_it(tmp_path: Path, command: str, option: list[str]) -> None:
    write_workspace(tmp_path)
    assert run_line([command, *option, str(tmp_path)]) == 0


def test_a_folder_without_a_config_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no config\.yaml in this folder"):
        config_path(tmp_path, None, command="run")


def test_no_config_and_two_are_both_too_few_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="which config") as caught:
        config_path(None, None, command="run")
    assert "dense run DIR/config.yaml" in str(caught.value.mend)
    with pytest.raises(ConfigError, match="two configs"):
        config_path(tmp_path, tmp_path / "config.yaml", command="run")


@pytest.mark.parametrize("words", [["nosuch"], ["run", "--nosuch"], ["inspect", "a", "b", "c"]])
def test_wrong_usage_looks_like_any_other_error(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_line(words) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: ")
    assert second.startswith("mend: ")


def test_an_interrupt_at_any_moment_is_told_with_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    config = str(write_workspace(tmp_path))
    monkeypatch.setattr(run_command, "run_config", interrupted)
    assert run_line(["run", "-c", config, "--fresh", "--run-id", "b"]) == 130
    (told,) = capsys.readouterr().err.splitlines()
    assert told == f"interrupted; what is written stays; to go on: dense run -c {config} --run-id b --resume"


def test_init_looks_at_its_table_before_it_looks_at_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert run_line(["init", str(tmp_path), "--sites", str(tmp_path / "none.csv")]) == 4
    assert "none.csv" in capsys.readouterr().err


def test_init_says_which_columns_it_took_and_what_comes_next_in_one_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, folder = tmp_path / "sites.csv", tmp_path / "new"
    table.write_text("name,factor,site\nx,AraC,TATGGATAAAAATGCTA\n", encoding="utf-8")
    assert run_line(["init", str(folder), "--sites", str(table)]) == 0
    told = capsys.readouterr().err
    assert "factor from column 'factor', site from column 'site'; if that is wrong: --tf-column" in told
    steps = [line for line in told.splitlines() if line.startswith("  ")]
    assert [step.split(".")[0].strip() for step in steps] == ["1", "2", "3"]
    assert told.count("next") == 1
    config = (folder / "config.yaml").read_text(encoding="utf-8")
    assert "docs/" not in config
    for block in config.split("\n\n"):  # comments behind keys stand one below the other
        lines = [line for line in block.splitlines() if "  # " in line and not line.lstrip().startswith("#")]
        assert len({line.index("  # ") for line in lines if line.index("  # ") <= 44}) <= 1


def test_the_columns_of_a_table_are_not_guessed_from_a_vague_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "sites.csv"
    table.write_text("name,seq\nAraC,TATGGATAAAAATGCTA\n", encoding="utf-8")
    assert run_line(["init", str(tmp_path / "new"), "--sites", str(table)]) == 2
    assert "found name, seq" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "separator", "says"),
    [
        ("s.csv", ";", "semicolons, not commas"),
        ("s.csv", "\t", "tabs, not commas"),
        ("s.tsv", ",", "commas, not tabs"),
    ],
)
def test_another_separator_is_named_as_the_cause(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, separator: str, says: str
) -> None:
    table = tmp_path / name
    table.write_text(f"tf{separator}site\nAraC{separator}TATGGATAAAAATGCTA\n", encoding="utf-8")
    assert run_line(["init", str(tmp_path / "new"), "--sites", str(table)]) == 2
    assert f"separated by {says}" in capsys.readouterr().err


FOUR_FAULTS = """\
schema_version: 1
run: {id: run, seed: 3}
inputs:
  - {name: sites, kind: sites, path: sites.csv}
  - {name: gone, kind: sites, path: gone.csv}
target: {length: 40}
library: {size: 0}
plans:
  - {name: bad, quota: 0, inputs: [sites]}
  - name: first
    qouta: 6
    inputs: [sites]
    groups:
      - {name: none, members: [F0, F1], min_required: 7}
      - {name: two, members: [F0, LacX], min_required: 2}
    promoters:
      - {name: p, upstream: TTGAXA, downstream: GAAZTC, spacer: 17}
output: {root: datasets, dataset: designs}
"""


def faults_told(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Path, list[str]]:
    """A config of that text, and the lines that validating it says."""
    config = write_workspace(tmp_path)
    config.write_text(text, encoding="utf-8")
    assert run_line(["validate", "-c", str(config)]) == 1
    return config, capsys.readouterr().err.removeprefix("error: ").splitlines()


def test_faults_of_values_names_and_inputs_are_told_together_in_the_order_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, told = faults_told(FOUR_FAULTS, tmp_path, capsys)
    parts = [line.removeprefix(f"{config}:").split(":", 2) for line in told[:-1]]
    numbers = [int(line) for line, *_ in parts]
    assert numbers == sorted(numbers) == [5, 7, 9, 11, 14, 15, 17, 17]
    said = "\n".join(told)
    for words in ("gone.csv", "plans.1.groups.1.members.1: 'LacX' has no sites", "TTGAXA", "GAAZTC"):
        assert said.count(words) == 1
    assert [line for line in told if "quota" in line and ":11:" in line] == [
        f"{config}:11:5: plans.1.qouta: unknown key; did you mean 'quota'?"
    ]
    assert "required key" not in said
    assert told[-1] == f"mend: correct {config}, then look again: dense validate -c {config}"


HIDDEN = """\
schema_version: 1
run: {id: run, seed: 3}
inputs:
  - {name: sites, kind: sites, path: sites.csv}
  - {name: sites, kind: sites, path: sites.csv}
target: {length: -40}
library: {siez: 20, max_libraries: 0}
plans:
  - name: first
    quota: 0
    inputs: [sites]
    groups:
      - {name: twice, members: [F0, F0], min_required: 2, more: 1}
      - {name: fine, members: [F0, 7], min_required: 3}
  - {name: first, quota: 6, inputs: [sites]}
solver: {strategy: greedy, backend: CBC, reproducible: true, workers: 0}
output: {root: datasets, dataset: designs}
"""


def test_what_values_break_together_is_told_beside_values_that_are_wrong_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, lines = faults_told(HIDDEN, tmp_path, capsys)
    told = [line.removeprefix(f"{config}:") for line in lines]
    assert [line.split(":", 2)[2].strip().removesuffix("; did you mean 'mode'?") for line in told[:-1]] == [
        "inputs.1.name: the name 'sites' is there twice",
        "target.length: expected at least 1, found -40",
        "library: size 20 is above 16, where solving takes long; set allow_large: true to have it anyway",
        "library.siez: unknown key; did you mean 'size'?",
        "library.max_libraries: expected at least 1, found 0",
        "plans.0.quota: expected at least 1, found 0",
        "plans.0.groups.0: a member is listed twice; min_required 2 is more than the 1 member",
        "plans.0.groups.0.more: unknown key",
        "plans.0.groups.1.members.1: expected a text, found 7",
        "plans.1.name: the name 'first' is there twice",
        "solver: reproducible: true needs backend CP_SAT; CBC counts its limit in wall time",
        "solver.workers: expected at least 1, found 0",
    ]


@pytest.mark.parametrize(
    "library",
    [
        "{size: 20, allow_large: yes please}",
        "{size: many, allow_large: false}",
        "{size: 10, max_libraries: 0}",
    ],
)
def test_nothing_is_said_of_a_rule_whose_values_are_not_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], library: str
) -> None:
    config = write_workspace(tmp_path)
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("library:\n  size: 5\n", f"library: {library}\n"), encoding="utf-8")
    assert run_line(["validate", "-c", str(config)]) == 1
    fault, _ = capsys.readouterr().err.splitlines()
    assert "is above" not in fault


def test_a_missing_input_does_not_hide_what_else_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = FOUR_FAULTS.replace("TTGAXA", "TTGACA").replace("GAAZTC", "TATAAT").replace("qouta", "quota")
    text = (
        text.replace("quota: 0", "quota: 1")
        .replace("size: 0", "size: 5")
        .replace("required: 7", "required: 1")
    )
    config = write_workspace(tmp_path)
    config.write_text(text, encoding="utf-8")
    assert run_line(["validate", "-c", str(config)]) == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 3
    assert "gone.csv" in told[0]
    assert "LacX" in told[1]
