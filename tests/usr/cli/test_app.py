"""The program as a whole: its help, what it loads, how it ends."""

import fcntl
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from dnadesign._version import __version__
from dnadesign.usr import Dataset
from dnadesign.usr.cli.app import COMMANDS, app
from tests.usr.cli.console import COMMAND, Usr

HEAVY = {"pyarrow", "duckdb", "yaml", "ruamel", "rich", "numpy", "pandas"}


def every_command() -> Iterator[tuple[str, Any]]:
    """Each command and group with the words that call it."""
    root = get_command(app)
    context = typer.Context(root)
    for name in COMMANDS:
        command = root.get_command(context, name)  # type: ignore[attr-defined]  # it is a group
        yield name, command
        for inner, found in getattr(command, "commands", {}).items():
            yield f"{name} {inner}", found


EVERY = dict(every_command())


def loaded_by(*args: str) -> set[str]:
    """The top-level names of what the program imports to run a command line."""
    told = subprocess.run(
        [sys.executable, "-X", "importtime", *COMMAND[1:], *args], capture_output=True, text=True, check=True
    )
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in told.stderr.splitlines()}


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["head", "--help"], ["namespace", "--help"]])
def test_help_and_version_load_nothing_heavy(args: list[str]) -> None:
    loaded = loaded_by(*args)
    assert "typer" in loaded
    assert loaded.isdisjoint(HEAVY), loaded & HEAVY


@pytest.mark.parametrize("words", EVERY)
def test_the_help_of_every_command_ends_with_an_example_of_it(words: str, program: Usr) -> None:
    shown = program.run(*words.split(), "--help").out
    last = shown.rstrip().rpartition("Example")[2].splitlines()[1:]
    assert last
    assert all(line.strip().startswith("usr ") for line in last)
    assert any(f"usr {words}" in line for line in last)


@pytest.mark.parametrize("words", EVERY)
def test_every_command_says_what_it_does_in_one_line_of_a_list(words: str) -> None:
    first = EVERY[words].get_short_help_str(limit=58)
    assert first
    assert not first.endswith("...")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_command_says_itself(name: str) -> None:
    said = EVERY[name].help.partition("\n")[0]
    assert said.startswith(COMMANDS[name].help.removesuffix("."))


def test_help_lists_every_command_and_group(program: Usr) -> None:
    shown = program.run("--help").out
    assert [name for name in COMMANDS if f"\n  {name} " not in shown] == []


def test_the_version_is_told(program: Usr) -> None:
    assert program.run("--version").out == f"usr {__version__}\n"


@pytest.mark.parametrize("words", [[], ["namespace"]])
def test_without_a_command_the_help_is_shown_and_the_status_is_that_of_wrong_usage(
    words: list[str], program: Usr
) -> None:
    result = program.run(*words, status=2)
    assert result.out == ""
    assert "Commands:" in result.err


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["haed"], "head"),
        (["validat"], "validate"),
        (["namespace", "regster"], "register"),
        (["head", "--colums", "id"], "--columns"),
    ],
)
def test_a_mistyped_command_or_option_is_told_the_nearest_one(
    words: list[str], meant: str, program: Usr
) -> None:
    result = program.run(*words, status=2)
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert meant in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["head", "lab/promotres"], "lab/promoters"),
        (["head", "lab/promoters", "--columns", "id,score__nn"], "score__n"),
        (["namespace", "show", "scoer"], "score"),
    ],
)
def test_a_mistyped_dataset_column_or_namespace_is_told_the_nearest_one(
    words: list[str], meant: str, filled: Dataset, program: Usr
) -> None:
    command = program.spawn if words[0] == "namespace" else program.run
    assert f"did you mean '{meant}'" in command(*words, status=3 if "--columns" in words else 4).err


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["head", "--rows", "many"], 2),
        (["get", "lab/promoters"], 2),
        (["head", "--format", "xml"], 2),
        (["head", ".."], 4),
        (["init", "lab/.."], 3),
        (["init", "lab/promoters"], 3),
        (["head", "nothing-like-it"], 4),
        (["get", "lab/promoters", "0" * 40], 4),
        (["attach", "lab/promoters", "meta.csv", "--namespace", "scroe"], 4),
        (["namespace", "show", "scroe"], 4),
        (["export", "lab/promoters", "out.csv", "--namespaces", "scroe"], 4),
        (["maintenance", "overlay-compact", "lab/promoters", "--namespace", "scroe", "--reason", "x"], 4),
        (["maintenance", "overlay-remove", "lab/promoters", "--namespace", "scroe", "--reason", "x"], 4),
        (["namespace", "register", "No-Name", "--columns", "a__b:int64"], 3),
        (["maintenance", "merge", "lab/promoters", "lab/none", "--reason", "x"], 4),
        (["validate", "lab/promoters", "--registry-mode", "frozen"], 1),
        (["maintenance", "registry-freeze", "lab/promoters"], 2),
    ],
)
def test_how_a_command_fails_shows_in_its_exit_status(
    words: list[str], status: int, dataset: Dataset, program: Usr
) -> None:
    result = program.spawn(*words, status=status)
    assert "Traceback" not in result.err
    assert result.err


def test_an_error_is_one_json_object_on_stderr_where_json_is_asked_for(
    dataset: Dataset, program: Usr
) -> None:
    result = program.run("get", "lab/promoters", "0" * 40, "--format", "json", status=4)
    assert result.out == ""
    error = json.loads(result.err)["error"]
    assert error["code"] == "missing_key"
    assert error["exit_status"] == 4
    assert error["message"]


def test_a_refused_permission_is_told_without_a_traceback(
    program: Usr, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied", "registry.yaml")

    monkeypatch.setattr("dnadesign.usr.load_registry", refuse)
    told = program.run("namespace", "list", status=1).err
    assert told == (
        "error: registry.yaml: Permission denied\nmend: see who may read and write it: ls -ld registry.yaml\n"
    )


def test_a_bug_keeps_its_traceback(program: Usr, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*args: object, **options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("dnadesign.usr.load_registry", stumble)
    with pytest.raises(ZeroDivisionError):
        program.run("namespace", "list")


def test_a_reader_that_leaves_early_ends_the_program_quietly(dataset: Dataset, program: Usr) -> None:
    dataset.add_sequences(
        [f"ACGT{i:b}".replace("0", "A").replace("1", "T") for i in range(20_000)],
        bio_type="dna",
        alphabet="dna_4",
    )
    process = program.start("head", "lab/promoters", "-n", "20000", "--format", "jsonl")
    assert process.stdout is not None
    assert process.stderr is not None
    first = process.stdout.readline()
    process.stdout.close()
    assert json.loads(first)["bio_type"] == "dna"
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=300) == 0


def test_an_interrupt_ends_a_waiting_command_with_130_and_changes_nothing(
    dataset: Dataset, program: Usr
) -> None:
    before = dataset.events_path.read_bytes()
    with (dataset.dir / ".usr.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = program.start("maintenance", "registry-freeze", "lab/promoters", "--reason", "test")
        _until_open(process.pid, ".usr.lock")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    assert (process.returncode, out, err) == (130, b"", b"interrupted\n")
    assert dataset.events_path.read_bytes() == before


def _until_open(pid: int, name: str) -> None:
    """Wait until the process has a file of that name open."""
    for _ in range(3000):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            if link.is_symlink() and str(link.readlink()).endswith(name):
                return
        time.sleep(0.02)
    raise AssertionError(f"{name} was never opened")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("usr va", ["validate"]),
        ("usr head l", ["lab/promoters"]),
        ("usr namespace show s", ["score"]),
        ("usr import r", ["root/"]),
    ],
)
def test_the_shell_completes_commands_datasets_and_namespaces(
    words: str, offered: list[str], dataset: Dataset, program: Usr
) -> None:
    result = program.spawn(
        _USR_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(len(words.split()) - 1)
    )
    assert result.out.split() == offered


def test_the_program_prints_its_completion_for_a_shell(program: Usr) -> None:
    assert "_USR_COMPLETE" in program.spawn(_USR_COMPLETE="source_bash").out
