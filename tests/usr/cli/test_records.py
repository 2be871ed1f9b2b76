"""Deleting, restoring and marking records, by ids on the command line or from a file."""

import io
import itertools

import pytest

from dnadesign.usr import Dataset, compute_id
from tests.usr.cli.console import Usr
from tests.usr.conftest import add

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
    told = program.run("delete", DATASET, "--ids-from", "x.bin", status=3).err
    assert told.startswith("error: x.bin: is text in UTF-16, and no text in UTF-8\n")
    (program.folder / "x.bin").write_bytes(b"a\xff")
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


def test_a_list_of_ids_may_have_a_header_or_be_an_export(ids: list[str], program: Usr) -> None:
    def found(text: str, status: int = 0) -> str:
        (program.folder / "ids.csv").write_text(text)
        told = program.run("get", DATASET, "--ids-from", "ids.csv", "-f", "json", status=status)
        return " ".join(row["id"] for row in told.json) if status == 0 else told.err

    assert found(f"id\n{ids[0]}\n{ids[2]}\n") == f"{ids[0]} {ids[2]}"
    assert found(f'"id"\r\n"{ids[1]}"\r\n') == ids[1]
    assert found(f'name,id\n"a\n\nb, c",{ids[1]}\n\n') == ids[1]
    assert found(f"id\tname\n{ids[1]}\ta\n") == ids[1]
    assert "has no column 'id'; there are name, ID" in found(f"name,ID\na,{ids[1]}\n", status=3)
    assert "row 2 below the header: has no id" in found(f"name,id\na,{ids[1]}\nb,\n", status=3)
    assert "no id is given" in found("id\n", status=2)
    program.run("export", DATASET, "all.csv", "--columns", "id,sequence,score__meta")
    assert program.run("delete", DATASET, "--ids-from", "all.csv", "-f", "json").json["rows"] == 3


def test_the_first_digits_of_an_id_stand_for_it(ids: list[str], program: Usr) -> None:
    short = ids[1][:6]
    assert [row["id"] for row in program.run("get", DATASET, short, ids[0], "-f", "json").json] == ids[:2]
    assert program.run("delete", DATASET, short, ids[1], "-f", "json").json["rows"] == 1
    assert shown(program) == [ids[0], ids[2]]
    program.run("state", "set", DATASET, short, "--split", "test")
    assert program.run("state", "get", DATASET, ids[1][:39], "-f", "json").json[0]["id"] == ids[1]
    program.run("state", "clear", DATASET, short)
    program.run("restore", DATASET, short)
    assert shown(program) == ids
    folder = program.root / DATASET if program.root else program.folder
    assert Usr(folder, None).run("get", short, "-f", "json").json[0]["id"] == ids[1]
    assert "no record's id begins with abcdef0" in program.run("get", DATASET, "abcdef0", status=4).err
    assert "give its first six digits" in program.run("get", DATASET, ids[1][:5], status=2).err
    assert "no dataset" in program.run("get", "abcdef0", ids[0], status=4).err


def test_digits_with_which_two_ids_begin_are_refused_with_both(dataset: Dataset, program: Usr) -> None:
    first: dict[str, str] = {}
    for sequence in map("".join, itertools.product("ACGT", repeat=7)):
        other = first.setdefault(compute_id("dna", sequence)[:6], sequence)
        if other != sequence:
            break
    else:
        pytest.fail("no two ids begin alike")
    one, two = sorted(add(dataset, other, sequence))
    told = program.run("delete", DATASET, one[:6], status=3).err
    assert f"the ids of 2 records begin with {one[:6]}: {one}, {two}\nmend: give more digits" in told
    assert len(shown(program)) == 2


def test_the_record_that_others_replace_is_named_by_how_its_id_begins(
    ids: list[str], dataset: Dataset, program: Usr
) -> None:
    program.run("state", "set", DATASET, ids[0], "--supersedes", ids[1][:8])
    assert dataset.get_state(ids[0]).column("usr_state__supersedes").to_pylist() == [ids[1]]
    told = program.run("state", "set", DATASET, ids[0], "--supersedes", "zzz", status=3).err
    assert "supersedes 'zzz': expected an id" in told
