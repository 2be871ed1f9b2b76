"""Every command with a standard output that takes nothing: one error where it is full, silence where nobody reads."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pytest
from typer.main import get_command

from dnadesign.densegen.cli.app import run_line
from dnadesign.notify.cli.app import run as notify
from dnadesign.usr import Dataset, register_namespace
from tests.console.calls import End, call_all
from tests.densegen.design_cases import write_workspace
from tests.docs.test_named_commands import APPS

DATA = [
    "usr ls", "usr ls --format json", "usr info lab", "usr schema lab", "usr head lab", "usr head lab --format csv",
    "usr head lab --format jsonl", "usr grep lab ACG", "usr describe lab --format json",
    "usr export lab - --file-format csv", "usr export lab /dev/stdout --file-format fasta",
    "usr validate lab", "usr validate lab --format json", "usr namespace list", "usr namespace show note",
    "usr namespace coverage lab", "usr events tail lab", "usr events tail lab --format json", "usr events verify lab",
    "usr state get lab {id}", "usr init other --format json", "usr snapshot lab --format json",
    "usr attach lab more.csv --namespace note --allow-overwrite --format json", "usr delete lab {id} --format json",
    "usr --version", "dense --version", "notify --version",
    "dense schema", "dense schema --markdown", "dense plan -c work", "dense plan -c work --format json",
    "dense status -c work", "dense status -c work --format json", "dense inspect -c work", "dense report -c work -o /dev/stdout",
    "notify profile show lab",
    "notify send --provider generic --url-env HOOK --status success --tool t --dry-run",
]  # fmt: skip
FULL = "standard output: No space left on device"


def helps() -> Iterator[list[str]]:
    """The help of every command and group."""
    for tool, app in APPS.items():
        command: Any = get_command(app)
        yield from _helps(command, [tool], command.make_context(tool, [], resilient_parsing=True))


def _helps(command: Any, path: list[str], context: Any) -> Iterator[list[str]]:
    yield [*path, "--help"]
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        below = command.get_command(context, name)
        yield from _helps(
            below, [*path, name], below.make_context(name, [], parent=context, resilient_parsing=True)
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a root, a finished run and a file to attach; and an id."""
    folder = tmp_path_factory.mktemp("made")
    register_namespace(folder / "data", namespace="note", columns="note__n:int64")
    dataset = Dataset(folder / "data", "lab").init()
    ids = dataset.add_sequences(["ACGTACGT", "TTTTACGA"], bio_type="dna", alphabet="dna_4").ids
    dataset.write_overlay("note", pa.table({"id": list(ids[:1]), "note__n": [1]}))
    (folder / "more.csv").write_text(f"id,note__n\n{ids[1]},2\n")
    (folder / "hook").write_text("http://127.0.0.1:9/x\n")
    config = write_workspace(folder / "work", **{"plans.0.quota": 1, "plans.1.quota": 1})
    assert run_line(["run", "-c", str(config)]) == 0
    return folder, ids[0]


def ends(made: tuple[Path, str], folder: Path, *, kind: str) -> list[End]:
    """How every command ends with an output of that kind, and the help of each where there is one at all."""
    shutil.copytree(made[0], folder / "copy")
    calls = [line.format(id=made[1]).split() for line in DATA] + (list(helps()) if kind != "shut" else [])
    names = {"USR_ROOT": "data", "HOOK": "http://127.0.0.1:9/x", "XDG_CONFIG_HOME": str(folder / "config")}
    with patch.dict(os.environ, names):
        assert (
            notify(
                ["profile", "init", "lab", "--dataset", "lab", "--provider", "generic", "--url-env", "HOOK"]
            )
            == 0
        )
        return call_all(calls, kind=kind, folder=folder / "copy")


def said(end: End) -> str:
    """What a call said as an error of its own, in either format."""
    lines = end.err.splitlines()
    if lines and lines[-1].startswith("{"):
        return str(json.loads(lines[-1])["error"]["message"])
    return lines[-2].removeprefix("error: ") if len(lines) > 1 else end.err


def test_a_full_output_is_one_error_that_names_it(made: tuple[Path, str], tmp_path: Path) -> None:
    found = ends(made, tmp_path, kind="full")
    assert {end.words: end.err for end in found if (end.status, said(end)) != (1, FULL)} == {}
    assert [end.words for end in found if "Traceback" in end.err or "ignored" in end.err] == []


def test_a_reader_that_has_gone_ends_every_command_quietly(made: tuple[Path, str], tmp_path: Path) -> None:
    assert {end.words: end.err for end in ends(made, tmp_path, kind="gone") if _is_loud(end)} == {}


def test_without_an_output_every_command_does_its_work_all_the_same(
    made: tuple[Path, str], tmp_path: Path
) -> None:
    assert {end.words: end.err for end in ends(made, tmp_path, kind="shut") if _is_loud(end)} == {}


def _is_loud(end: End) -> bool:
    return end.status != 0 or any(word in end.err for word in ("Traceback", "error", "ignored"))
