"""What commands write: JSON and CSV for programs, aligned text into pipes, tables that fit a terminal."""

import csv
import io
import json
import math
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.usr import Dataset, register_namespace
from dnadesign.usr.cli.cells import cell, cut, moment, printable, size, width
from dnadesign.usr.cli.output import Output, block
from dnadesign.usr.cli.tables import GAP, Grid, choose, plain_lines
from dnadesign.usr.cli.values import plain_rows
from tests.usr.cli.conftest import SEQUENCES
from tests.usr.cli.console import Usr, plain
from tests.usr.conftest import add

DATASET = "lab/promoters"


def test_json_has_every_value_of_every_record(filled: Dataset, program: Usr) -> None:
    rows = program.spawn("head", DATASET, "--format", "json").json
    assert [row["sequence"] for row in rows] == list(SEQUENCES)
    assert list(rows[0]) == filled.schema().names
    assert rows[0]["score__n"] == 2**53 + 1
    assert rows[0]["score__vec"] == [1.0, 2.5]
    assert rows[0]["score__sites"] == [{"tf": "CRP", "offset": 3}, {"tf": "LexA", "offset": 27}]
    assert rows[0]["score__meta"] == {"name": 'a "b", c', "gc": 0.5}
    assert rows[0]["score__when"] == "2023-11-14T22:13:20.123456789Z"
    assert rows[1]["score__x"] == "NaN"
    assert rows[1]["score__sites"] == []
    assert rows[2]["score__x"] is None


def test_json_lines_and_json_say_the_same(filled: Dataset, program: Usr) -> None:
    assert (
        program.run("head", DATASET, "-f", "jsonl").jsonl == program.run("head", DATASET, "-f", "json").json
    )


def test_csv_has_what_json_has_with_nested_values_as_json(filled: Dataset, program: Usr) -> None:
    rows = program.run("head", DATASET, "-f", "json").json
    read = list(csv.DictReader(io.StringIO(program.run("head", DATASET, "-f", "csv").out)))
    assert len(read) == len(rows)
    for row, fields in zip(rows, read, strict=True):
        assert fields["sequence"] == row["sequence"]
        assert fields["score__n"] == ("" if row["score__n"] is None else str(row["score__n"]))
        nested = fields["score__meta"]
        assert (json.loads(nested) if nested else None) == row["score__meta"]


@pytest.mark.parametrize("words", [["ls"], ["info", DATASET], ["schema", DATASET], ["namespace", "list"],
                                   ["namespace", "show", "score"], ["validate", DATASET], ["head", DATASET]])  # fmt: skip
def test_every_command_that_shows_data_writes_json_and_nothing_else_to_stdout(
    words: list[str], filled: Dataset, program: Usr
) -> None:
    assert program.run(*words, "--format", "json").json
    assert program.run(*words, "--format", "jsonl").jsonl
    rows = list(csv.reader(io.StringIO(program.run(*words, "--format", "csv").out)))
    assert len({len(row) for row in rows}) == 1
    assert "\x1b" not in program.spawn(*words).out


@pytest.mark.parametrize(
    "words", [["init", "new"], ["namespace", "register", "more", "--columns", "more__a:int8"]]
)
def test_a_change_is_told_on_stderr_and_is_data_only_where_data_is_asked_for(
    words: list[str], program: Usr, root: Path
) -> None:
    told = program.run(*words, "--root", root.parent / "one")
    assert told.out == ""
    assert told.err
    given = program.run(*words, "--root", root.parent / "two", "--format", "json")
    assert given.json
    assert given.err == ""


def test_an_empty_answer_is_empty_json_and_a_header_in_csv(dataset: Dataset, program: Usr) -> None:
    assert program.run("head", DATASET, "-f", "json").json == []
    assert program.run("head", DATASET, "-f", "jsonl").out == ""
    assert program.run("head", DATASET, "-f", "csv", "-c", "id,length").out == "id,length\n"
    assert program.run("head", DATASET, "-c", "id,length").out == "id  length\n"


def test_into_a_pipe_go_all_columns_in_lines_of_one_record_each(filled: Dataset, program: Usr) -> None:
    lines = program.spawn("head", DATASET, COLUMNS="40").out.splitlines()
    assert len(lines) == 1 + len(SEQUENCES)
    assert lines[0].split() == filled.schema().names
    assert SEQUENCES[0] in lines[1]
    assert '{"name": "a \\"b\\", c", "gc": 0.5}' in lines[1]


@pytest.mark.parametrize("command", ["head", "describe"])
def test_into_a_pipe_long_values_are_cut_and_said_to_be(dataset: Dataset, program: Usr, command: str) -> None:
    (long,) = add(dataset, "ACGT" * 100)
    given = program.spawn(command, DATASET)
    assert ("ACGT" * 10)[:39] + "…  " in given.out
    assert max(map(len, given.out.splitlines())) < 250
    assert given.err == "cells of more than 40 characters are cut; they are whole with --format csv or json\n"
    assert long in program.spawn("head", DATASET).out
    for form in ("csv", "json", "jsonl"):
        whole = program.spawn(command, DATASET, "--format", form)
        assert "ACGT" * 100 in whole.out
        assert whole.err == ""


@pytest.mark.parametrize(
    "words", [("head", "-c", "sequence"), ("grep", "^ACGT", "-c", "sequence")], ids=["head", "grep"]
)
def test_into_a_pipe_values_of_columns_that_are_named_stay_whole(
    dataset: Dataset, program: Usr, words: tuple[str, ...]
) -> None:
    add(dataset, "ACGT" * 100)
    given = program.spawn(words[0], DATASET, *words[1:])
    assert "ACGT" * 100 in given.out
    assert given.err == ""


@pytest.mark.parametrize("columns", [40, 80, 120, 400])
def test_on_a_terminal_no_line_of_a_table_is_wider_than_it(
    columns: int, filled: Dataset, program: Usr
) -> None:
    seen = plain(program.on_terminal("head", DATASET, columns=columns))
    table, _, rest = seen.partition("more column")
    lines = table.splitlines()[: 3 + len(SEQUENCES)]
    assert lines
    assert max(map(len, lines)) <= columns
    shown = [name for name in filled.schema().names if name not in rest]
    assert {"id", "sequence"} <= set(shown)
    assert bool(rest) == (columns < 400)


def test_columns_that_do_not_fit_are_named_and_those_asked_for_come_first(
    filled: Dataset, program: Usr
) -> None:
    seen = plain(program.on_terminal("head", DATASET, "-c", "created_at,score__sites,id", columns=60))
    assert "created_at" in seen.partition("more column")[0]
    assert "id" in seen.partition("more column")[2]


def test_no_color_and_a_dumb_terminal_keep_escape_sequences_out(filled: Dataset, program: Usr) -> None:
    assert "\x1b[1m" in program.on_terminal("head", DATASET)
    assert "\x1b" not in program.on_terminal("head", DATASET, NO_COLOR="1")
    assert "\x1b" not in program.on_terminal("head", DATASET, TERM="dumb")


def test_progress_is_shown_on_a_terminal_only(filled: Dataset, program: Usr) -> None:
    assert "checking lab/promoters" in program.on_terminal("validate", DATASET)
    assert "checking" not in program.spawn("validate", DATASET).err


def test_get_shows_records_whole_one_below_the_other(filled: Dataset, program: Usr) -> None:
    ids = filled.to_arrow(["id"]).column("id").to_pylist()
    shown = program.run("get", DATASET, ids[1], ids[0]).out
    first, second = shown.split("\n\n")
    assert first.splitlines()[0].split() == ["id", ids[0]]
    assert second.splitlines()[0].split() == ["id", ids[1]]
    sites = [line[line.index("{") :] for line in first.splitlines() if "offset" in line]
    assert [json.loads(site)["tf"] for site in sites] == ["CRP", "LexA"]


def test_a_text_that_steers_terminals_is_spelled_out(dataset: Dataset, program: Usr) -> None:
    dataset.add_sequences(["ACGT"], bio_type="dna", alphabet="dna_4", source="a\x1b[31m\nb\u202e")
    for words in (["head", DATASET], ["info", DATASET]):
        assert "\x1b[31m" not in program.run(*words).out
    assert r"a\x1b[31m\nb\u202e" in program.run("head", DATASET).out


def test_validation_shows_every_check_and_says_each_problem_once_with_all_its_files(
    filled: Dataset, program: Usr, root: Path
) -> None:
    assert "valid" in program.run("validate", DATASET).err
    register_namespace(root, namespace="score", columns="score__x:int64", overwrite=True)
    result = program.run("validate", DATASET, status=1)
    table, _, problems = result.out.partition("\n\n")
    assert table.split()[:4] == ["check", "result", "where", "message"]
    assert "failed" in table
    assert "score__x" in problems
    assert problems.count("mend:") == 1
    report = program.run("validate", DATASET, "-f", "json", status=1).json
    assert not report["ok"]
    assert {f["result"] for f in report["findings"]} == {"ok", "failed"}


# -- values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (pa.timestamp("s"), 253_402_300_800, "+10000-01-01T00:00:00"),
        (pa.timestamp("us", "Europe/Berlin"), 0, "1970-01-01T00:00:00.000000Z"),
        (pa.timestamp("ns", "UTC"), 1, "1970-01-01T00:00:00.000000001Z"),
        (pa.date32(), date(2026, 11, 22), "2026-11-22"),
        (pa.binary(), b"\x00\xff", "AP8="),
        (pa.list_(pa.binary()), [b"\x00\xff", None], ["AP8=", None]),
        (pa.struct([("a", pa.list_(pa.timestamp("ms"))), ("b", pa.float32())]), {"a": [0, None], "b": math.inf},
         {"a": ["1970-01-01T00:00:00.000", None], "b": "Infinity"}),
        (pa.list_(pa.float64(), 2), [-math.inf, 1.5], ["-Infinity", 1.5]),
        (pa.large_list(pa.large_string()), ["a", ""], ["a", ""]),
        (pa.uint64(), 2**64 - 1, 2**64 - 1),
        (pa.bool_(), False, False),
    ],
)  # fmt: skip
def test_a_value_of_each_type_becomes_plain_json_without_loss(
    kind: pa.DataType, value: object, shown: object
) -> None:
    table = pa.table({"x": pa.chunked_array([pa.array([value, None], kind)])})
    assert list(plain_rows(table)) == [{"x": shown}, {"x": None}]
    json.dumps(list(plain_rows(table)), allow_nan=False)


@given(st.text())
def test_a_cell_is_printable_and_keeps_printable_text(text: str) -> None:
    assert printable(text).isprintable()
    assert not text.isprintable() or cell(text) == text


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=0x4E00)).filter(str.isprintable), st.integers(1, 20)
)
def test_a_cut_text_has_the_room_it_is_given_and_starts_like_the_whole(text: str, room: int) -> None:
    shown = cut(text, room)
    assert width(shown) <= room
    assert shown == text or (shown.endswith("…") and text.startswith(shown[:-1]))


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 60)), min_size=1, max_size=12),
    st.integers(30, 200),
)
def test_chosen_columns_fit_and_none_is_wider_than_what_is_in_it(
    columns: list[tuple[str, int]], room: int
) -> None:
    grid = Grid([f"ns__{name}{i}" for i, (name, _) in enumerate(columns)], [["x" * n for _, n in columns]])
    chosen = choose(grid, room)
    assert chosen
    assert sum(chosen.values()) + len(GAP) * (len(chosen) - 1) <= room
    assert all(
        columns[i][1] <= 60 and width_ <= max(columns[i][1], len("ns__")) for i, width_ in chosen.items()
    )


def test_plain_tables_are_aligned_whatever_the_script() -> None:
    grid = Grid(["name", "n"], [["日本", "1"], ["e\u0301", "10"]], frozenset({"n"}))
    assert list(plain_lines(grid)) == ["name   n", "日本   1", "e\u0301     10"]


@given(st.lists(st.one_of(st.none(), st.text().filter(lambda t: "\0" not in t)), min_size=2, max_size=4))
def test_csv_reads_back_what_was_written(values: list[str | None]) -> None:
    names = [f"c{i}" for i in range(len(values))]
    out = io.StringIO(newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", out)
        Output("csv").records([dict(zip(names, values, strict=True))], columns=names)
    out.seek(0)
    assert list(csv.reader(out))[1] == [value or "" for value in values]


def test_long_values_of_a_record_go_on_below_their_start() -> None:
    lines = list(block({"id": "x" * 50, "n": None}, room=30))
    assert all(len(line) <= 30 for line in lines)
    assert "".join(line.strip() for line in lines[:-1]).removeprefix("id").strip() == "x" * 50
    assert lines[-1] == "n   -"


@pytest.mark.parametrize(("count", "told"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (27_812, "27.8 kB"),
                                             (3 * 10**9, "3.0 GB")])  # fmt: skip
def test_sizes_are_told_in_the_unit_that_suits_them(count: int, told: str) -> None:
    assert size(count) == told


def test_times_are_told_to_the_second() -> None:
    assert moment("2026-11-22T20:26:32.569242Z") == "2026-11-22 20:26:32Z"
    assert moment("yesterday") == "yesterday"
