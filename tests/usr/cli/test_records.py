"""Deleting, restoring and marking records, by ids on the command line or from a file."""

import io

import pytest

from dnadesign.usr import Dataset
from tests.usr.cli.console import Usr

DATASET = "lab/promoters"


@pytest.fixture
def ids(filled: Dataset) -> list[str]:
    return filled.to_arrow(["id"]).column("id").to_pylist()


def shown(program: Usr, *options: str) -> list[str]:
    return [row["id"] for row in program.run("head", DATASET, "-c", "id", "-f", "jsonl", *options).jsonl]


def test_deleted_records_are_hidden_until_they_are_restored(ids: list[str], program: Usr) -> None:
    told = program.run("delete", DATASET, ids[0], "--reason", "wrong strain")
    assert told.err == f"{DATASET}: deleted 1 record\n"
    assert shown(program) == ids[1:]
    assert shown(program, "--include-deleted") == ids
    assert program.run("get", DATASET, ids[0], status=4).out == ""
    reason = program.run("get", DATASET, ids[0], "--include-deleted", "-f", "json").json[0]
    assert reason["usr__deleted_reason"] == "wrong strain"
    assert program.run("restore", DATASET, *ids[:2], "-f", "json").json["rows"] == 1
    assert shown(program) == ids


def test_ids_may_come_from_a_file_or_from_stdin(
    ids: list[str], program: Usr, monkeypatch: pytest.MonkeyPatch
) -> None:
    (program.folder / "ids.txt").write_text(f"{ids[0]}\n\n {ids[2]} \n")
    assert program.run("delete", DATASET, "--ids-from", "ids.txt", "-f", "json").json["rows"] == 2
    assert shown(program) == [ids[1]]
    monkeypatch.setattr("sys.stdin", io.StringIO(ids[0]))
    program.run("restore", DATASET, "--ids-from", "-")
    assert shown(program) == ids[:2]
    assert "nothing.txt" in program.run("delete", DATASET, "--ids-from", "nothing.txt", status=4).err
    (program.folder / "x.bin").write_bytes(b"\xff\xfe\x00")
    assert "is no text" in program.run("delete", DATASET, "--ids-from", "x.bin", status=3).err


def test_an_id_that_no_record_has_is_refused_unless_it_may_be_missing(ids: list[str], program: Usr) -> None:
    stranger = "0" * 40
    assert stranger in program.run("delete", DATASET, ids[0], stranger, status=4).err
    assert shown(program) == ids
    told = program.run("delete", DATASET, ids[0], stranger, "--allow-missing")
    assert "1 record, 1 id without a record" in told.err


def test_without_an_id_nothing_is_done(program: Usr, filled: Dataset) -> None:
    for words in (["get"], ["delete"], ["restore"], ["state", "get"], ["state", "clear"]):
        assert "no id is given" in program.run(*words, DATASET, status=2).err


def test_the_state_of_records_is_set_shown_and_cleared(ids: list[str], program: Usr) -> None:
    program.run(
        *("state", "set", DATASET, *ids[:2], "--split", "test", "--qc-status", "pass", "--masked"),
        *("--lineage", f"{ids[2]},{ids[1]}"),
    )
    program.run("state", "set", DATASET, ids[0], "--split", "train", "--unmasked")
    state = program.run("state", "get", DATASET, ids[0], "-f", "json").json[0]
    assert state["usr_state__split"] == "train"
    assert state["usr_state__masked"] is False
    assert state["usr_state__qc_status"] == "pass"
    assert state["usr_state__lineage"] == [ids[2], ids[1]]
    program.run("state", "clear", DATASET, ids[0], "--fields", "split,lineage")
    state = program.run("state", "get", DATASET, ids[0], "-f", "json").json[0]
    assert (state["usr_state__split"], state["usr_state__lineage"]) == (None, None)
    assert state["usr_state__qc_status"] == "pass"


@pytest.mark.parametrize(
    ("words", "status"),
    [(["set", "--split", "trian"], 2), (["set"], 2), (["clear", "--fields", "splt"], 3)],
)
def test_a_wrong_state_is_refused(words: list[str], status: int, ids: list[str], program: Usr) -> None:
    told = program.run("state", words[0], DATASET, ids[0], *words[1:], status=status)
    assert told.err.startswith("error: ")
