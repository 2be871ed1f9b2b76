"""Rare operations: each with its reason, each showing in the log; and what shows that a dataset is whole."""

import pytest

from dnadesign.usr import Dataset
from tests.usr.cli.console import Usr
from tests.usr.conftest import add, scores

DATASET = "lab/promoters"


@pytest.mark.parametrize(
    ("words", "action"),
    [
        (["registry-freeze"], "registry_freeze"),
        (["events-archive"], "events_archive"),
        (["overlay-remove", "--namespace", "score"], "archive_overlay"),
        (["overlay-remove", "--namespace", "score", "--delete"], "remove_overlay"),
        (["overlay-compact", "--namespace", "score"], "compact_overlay"),
    ],
)
def test_maintenance_leaves_its_reason_in_the_log(
    words: list[str], action: str, filled: Dataset, program: Usr
) -> None:
    result = program.run("maintenance", *words, DATASET, "--reason", "before the release", "-f", "json")
    assert result.json
    last = list(filled.events())[-1]
    assert (last.action, last.maintenance, last.actor.tool) == (
        action,
        {"reason": "before the release"},
        "usr",
    )


@pytest.mark.parametrize(
    "words", [["registry-freeze"], ["events-archive"], ["overlay-remove", "--namespace", "score"]]
)
def test_maintenance_without_a_reason_is_refused_and_changes_nothing(
    words: list[str], filled: Dataset, program: Usr
) -> None:
    before = filled.events_path.read_bytes()
    assert "--reason" in program.run("maintenance", *words, DATASET, status=2).err
    assert "needs a reason" in program.run("maintenance", *words, DATASET, "--reason", " ", status=3).err
    assert filled.events_path.read_bytes() == before


def test_compaction_and_removal_say_where_the_old_files_are(filled: Dataset, program: Usr) -> None:
    score = ["--namespace", "score", "--reason", "test"]
    told = program.run("maintenance", "overlay-compact", DATASET, *score).err
    assert "2 rows" in told
    assert "_derived/_archived/score/" in told
    assert (filled.dir / "_derived" / "score.parquet").is_file()
    assert "_derived/_archived/score/" in program.run("maintenance", "overlay-remove", DATASET, *score).err
    assert program.run("info", DATASET, "-f", "json").json["overlays"] == []


def test_recovery_says_what_it_saved_and_that_nothing_is_left(filled: Dataset, program: Usr) -> None:
    assert program.run("maintenance", "recover", DATASET, "-f", "json").json == {
        "ok": True,
        "done": [],
        "damage": [],
    }
    with filled.events_path.open("ab") as log:
        log.write(b'{"half a li')
    told = program.run("maintenance", "recover", DATASET)
    assert told.err.count(".usr/torn/") == 1
    assert "usr events verify" in told.err
    assert f"nothing is left to settle; usr validate {DATASET} --deep" in told.err
    assert program.run("validate", DATASET).status == 0


def test_recovery_describes_damage_and_leaves_it(filled: Dataset, program: Usr) -> None:
    data = filled.events_path.read_bytes()
    filled.events_path.write_bytes(b"X" + data[1:])
    told = program.run("maintenance", "recover", DATASET, status=1)
    assert ".events.log" in told.err
    assert filled.events_path.read_bytes() == b"X" + data[1:]


def test_recovery_works_on_a_folder_whose_init_died(program: Usr, dataset: Dataset) -> None:
    half = dataset.root / "half"
    half.mkdir()
    (half / ".events.log").touch()
    assert "repeat it" in program.run("maintenance", "recover", "half", status=1).err


def test_recovery_names_every_damaged_file_up_to_a_few_and_then_how_many_more(
    filled: Dataset, program: Usr
) -> None:
    ids = add(filled, *(f"ACGT{'A' * n}" for n in range(7)))
    for key in ids:
        filled.write_overlay_part("score", scores((key,), [1.0]))
    parts = sorted((filled.dir / "_derived" / "score").iterdir())[-len(ids) :]
    for part in parts[:2]:
        part.write_bytes(b"no table")
    told = program.run("maintenance", "recover", DATASET, status=1).err
    assert all(part.name in told for part in parts[:2])
    assert "damaged in 2 places" in told
    assert "more" not in told
    for part in parts:
        part.write_bytes(b"no table")
    told = program.run("maintenance", "recover", DATASET, status=1).err
    assert [part.name in told for part in parts] == [True] * 5 + [False] * 2
    assert f"and 2 more; usr validate {DATASET} names all" in told
    assert len(program.run("maintenance", "recover", DATASET, "-f", "json", status=1).json["damage"]) == 7


def test_verifying_events_finds_the_file_that_nobody_wrote(filled: Dataset, program: Usr) -> None:
    assert program.run("events", "verify", DATASET, "-f", "json").json["ok"]
    part = next((filled.dir / "_derived" / "score").iterdir())
    stray = part.with_name(part.name.replace("part-2", "part-1"))
    stray.write_bytes(part.read_bytes())
    result = program.run("events", "verify", DATASET, status=1)
    assert stray.name in result.out
    assert "failed" in result.err


def test_verifying_deep_finds_bytes_that_changed(filled: Dataset, program: Usr) -> None:
    part = next((filled.dir / "_derived" / "score").iterdir())
    data = bytearray(part.read_bytes())
    data[len(data) // 3] ^= 1
    part.write_bytes(data)
    assert program.run("events", "verify", DATASET).status == 0
    assert part.name in program.run("events", "verify", DATASET, "--deep", status=1).out


def test_a_dry_run_of_a_merge_ends_as_the_merge_would(program: Usr, dataset: Dataset) -> None:
    add(dataset, "ACGTACGT", "TTGACATT")
    add(Dataset(dataset.root, "lab/other").init(), "ACGTACGT", "GGGGCCCC")
    merge = ("maintenance", "merge", dataset.name, "lab/other")
    told = program.run(*merge, "--dry-run", status=1).err
    assert "1 of 2 records of lab/other would be added, 1 there before; it would be refused" in told
    program.run(*merge, "--reason", "one library", status=3)
    assert "refused" not in program.run(*merge, "--on-duplicate", "skip", "--dry-run").err
    program.run(*merge, "--on-duplicate", "skip", "--reason", "one library")
