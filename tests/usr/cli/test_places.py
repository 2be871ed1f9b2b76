"""Names that no file can have, given wherever a name is taken: told in a line with a way on, and no traceback."""

import contextlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest

from dnadesign.usr import Dataset
from dnadesign.usr.cli.app import run
from tests.usr.cli.console import Usr

NAMES: dict[str, Callable[[Path], str]] = {
    "too long": lambda folder: "a" * 300,
    "in a file": lambda folder: "taken/in.csv",
    "in a circle": lambda folder: "round/in.csv",
    "empty": lambda folder: "",
}
COMMANDS = [
    ["info", "{}"],
    ["head", "{}"],
    ["snapshot", "{}"],
    ["init", "{}"],
    ["validate", "{}"],
    ["--root", "{}", "ls"],
    ["--root", "{}", "info", "x"],
    ["--root", "{}", "namespace", "list"],
    ["--root", "{}", "namespace", "register", "more", "--columns", "more__x:int64"],
    ["import", "lab/promoters", "{}", "--alphabet", "dna_4"],
    ["attach", "lab/promoters", "{}", "--namespace", "score"],
    ["export", "lab/promoters", "{}", "--file-format", "csv"],
    ["maintenance", "merge", "lab/promoters", "{}", "--reason", "x"],
    ["events", "tail", "{}"],
    ["state", "get", "lab/promoters", "--ids-from", "{}"],
]


FITTING = {
    ("init", "in a file"),
    ("init", "in a circle"),
    ("--root", "empty"),
}  # a group's, and no root given
CASES = [(words, name) for words in COMMANDS for name in NAMES if (words[0], name) not in FITTING]


@pytest.mark.parametrize(
    ("words", "name"), CASES, ids=[f"{' '.join(words)}, {name}" for words, name in CASES]
)
def test_a_name_that_no_file_can_have_is_told_with_a_way_on(
    words: list[str], name: str, dataset: Dataset, program: Usr
) -> None:
    (program.folder / "taken").write_text("a file")
    (program.folder / "round").symlink_to("round")
    given = NAMES[name](program.folder)
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, program.environment(), clear=True),
        contextlib.chdir(program.folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        status = run([word.format(given) for word in words])  # raises what would be a traceback
    assert status in {1, 2, 3, 4}, (out.getvalue(), err.getvalue())
    assert err.getvalue().startswith("error: ")
    assert "\nmend: " in err.getvalue()
    assert dataset.check().ok
