"""A dataset whose event log is gone is shown with what is wrong, is left as it is, and its records can be had again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dnadesign.usr import Dataset, EventLogError
from tests.usr.cli.console import Usr

DATASET = "lab/promoters"

LOSSES: dict[str, Callable[[Path], object]] = {
    "gone": lambda log: log.unlink(),
    "empty": lambda log: log.write_bytes(b""),
    "zeroed": lambda log: log.write_bytes(bytes(len(log.read_bytes()))),
}
SAID = {
    "gone": "the event log is gone",
    "empty": "the event log is empty",
    "zeroed": "the event log has no event",
}


@pytest.fixture(params=LOSSES)
def said(request: pytest.FixtureRequest, filled: Dataset) -> str:
    """What is to be said of a dataset that has just lost its log."""
    LOSSES[request.param](filled.events_path)
    return SAID[request.param]


def test_a_listing_has_it_with_its_problem(filled: Dataset, said: str, program: Usr) -> None:
    rows = {row["dataset"]: row for row in program.run("ls", "-f", "json").json}
    assert said in rows[DATASET]["problem"]


@pytest.mark.parametrize("command", ["head", "info", "validate", "schema"])
def test_a_command_says_that_the_log_is_lost_and_not_that_there_is_no_dataset(
    command: str, filled: Dataset, said: str, program: Usr
) -> None:
    told = program.run(command, DATASET, status=1).err
    assert said in told
    assert "restore .events.log and _events/ from a backup" in told


@pytest.mark.parametrize("call", [Dataset.info, Dataset.head, Dataset.validate, Dataset.verify_events])
def test_the_library_says_the_same(call: Callable[[Dataset], object], filled: Dataset, said: str) -> None:
    with pytest.raises(EventLogError, match=said):
        call(Dataset(filled.root, filled.name))


def test_recovery_says_that_the_log_is_lost_and_leaves_the_base(
    filled: Dataset, said: str, program: Usr
) -> None:
    before = filled.records_path.read_bytes()
    told = program.run("maintenance", "recover", DATASET, status=1).err
    assert "the event log is" in told
    assert "left as it is" in told
    assert "repeat it" not in told
    assert "usr import NEW" in told
    assert filled.records_path.read_bytes() == before


def test_the_way_on_that_is_named_leads_to_the_same_records_and_values(filled: Dataset, program: Usr) -> None:
    columns = ["sequence", "source", "created_at", "score__n"]
    with filled.maintenance(reason="a test"):
        filled.materialize(namespaces=["score"], overlays="keep")
        filled.compact_overlay("score")
    before = filled.to_arrow(columns)
    filled.events_path.unlink()
    mend = program.run("maintenance", "recover", DATASET, status=1).err
    words = mend[mend.index("usr import NEW") :].split("', and")[0].split()[3:]
    program.run("init", "lab/again")
    program.run("import", "lab/again", *words)
    overlay = filled.dir / "_derived" / "score.parquet"
    program.run("attach", "lab/again", str(overlay), "--namespace", "score")
    again = Dataset(filled.root, "lab/again")
    assert again.to_arrow(columns).equals(before)
    assert again.validate(deep=True).ok


def test_a_folder_whose_init_was_cut_short_is_no_dataset_yet(filled: Dataset, program: Usr) -> None:
    half = filled.root / "half"
    half.mkdir()
    (half / ".events.log").touch()
    assert "no dataset there" in program.run("info", "half", status=4).err
    assert "half" not in [row["dataset"] for row in program.run("ls", "-f", "json").json]
