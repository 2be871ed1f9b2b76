"""An overlay that is stored both as a file and as parts is told by whatever lists or shows the dataset."""

import shutil

import pytest

from dnadesign.usr import Dataset
from tests.usr.cli.console import Usr

DATASET = "lab/promoters"
PART = "part-20260101T000000000000Z-0123456789abcdef0123456789abcdef.parquet"


@pytest.fixture(params=["score", "usr", "usr_state"])
def namespace(request: pytest.FixtureRequest, filled: Dataset) -> str:
    ids = filled.to_arrow(["id"]).column("id").to_pylist()
    filled.tombstone(ids[:1])
    filled.set_state(ids[1:], qc_status="pass")
    filled.compact_overlay("score", maintenance=True)
    name = str(request.param)
    folder = filled.dir / "_derived" / name
    folder.mkdir()
    shutil.copy(folder.with_suffix(".parquet"), folder / PART)
    return name


@pytest.mark.parametrize("command", ["info", "schema", "head", "describe", "validate"])
def test_a_command_that_shows_the_dataset_refuses_it(command: str, namespace: str, program: Usr) -> None:
    told = program.run(command, DATASET, status=1 if command == "validate" else 3)
    assert f"namespace {namespace!r} is stored both as" in told.err + told.out


def test_a_listing_has_it_with_its_problem(namespace: str, program: Usr) -> None:
    (row,) = program.run("ls", "-f", "json").json
    assert f"namespace {namespace!r} is stored both as" in row["problem"]
    assert "is stored both as" in program.run("ls").out
