"""The benchmarks measure what they say: order, repetitions, ratios, verdicts, and pages with every line."""

import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.__main__ import main, options
from benchmarks.bench import Bench
from benchmarks.measure import Against, Contestant, Figure, Line, Rounds, alternate
from benchmarks.report import amount, cells, chart, page, plain_table, verdict
from benchmarks.results import Measured, Results, Taken
from benchmarks.sizes import FULL, NAMED, TINY
from benchmarks.workloads import WORKLOADS


def took(name: str, *samples: float) -> Figure:
    return Figure(name, samples)


def test_contestants_alternate_and_another_one_begins_each_round() -> None:
    seen: list[str] = []
    contestants = [Contestant(name, partial(seen.append, name)) for name in "abc"]
    found = alternate(contestants, Rounds(most=3, fewest=3), warm_up=0, flush=False)
    assert seen == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]
    assert {name: len(figure.samples) for name, figure in found.items()} == {"a": 3, "b": 3, "c": 3}


def test_rounds_to_warm_up_do_not_count() -> None:
    seen: list[int] = []
    found = alternate(
        [Contestant("a", lambda: seen.append(1))], Rounds(most=2, fewest=2), warm_up=3, flush=False
    )
    assert (len(seen), len(found["a"].samples)) == (5, 2)


def test_a_contestant_that_takes_part_now_and_then_has_fewer_samples() -> None:
    contestants = [Contestant("a", lambda: None), Contestant("b", lambda: None, every=2)]
    found = alternate(contestants, Rounds(most=4, fewest=4), warm_up=0, flush=False)
    assert [len(found[name].samples) for name in "ab"] == [4, 2]


def test_what_takes_long_is_repeated_less_often_but_never_less_than_the_fewest() -> None:
    found = alternate([Contestant("a", lambda: None)], Rounds(most=9, fewest=3, seconds=-1.0), flush=False)
    assert len(found["a"].samples) == 3


def test_preparation_and_clean_up_are_run_each_time() -> None:
    seen: list[object] = []
    contestant = Contestant("a", lambda: "ran", before=lambda: seen.append("before"), after=seen.append)
    alternate([contestant], Rounds(most=2, fewest=2), warm_up=0, flush=False)
    assert seen == ["before", "ran"] * 2


def test_full_sizes_are_repeated_at_least_twenty_times() -> None:
    assert FULL.rounds.most >= 20
    assert (FULL.rows, FULL.parts, FULL.large_rows, FULL.large_parts) == (1_000_000, 300, 10_000_000, 3_000)


def test_a_ratio_is_of_medians_and_is_held_against_its_target() -> None:
    line = Line("w", took("usr", 2.0, 3.0, 100.0), Against(took("floor", 2.0, 2.0, 1.0), 1.5))
    assert line.ratio(line.reference) == 1.5
    assert verdict(line) == "yes"
    worse = Line("w", took("usr", 3.1), Against(took("floor", 2.0), 1.5))
    assert verdict(worse) == "no"


def test_one_missed_target_of_several_is_a_no_and_none_is_a_dash() -> None:
    line = Line("w", took("usr", 1.0), Against(took("floor", 1.0), 2.0), (Against(took("Lance", 0.5), 1.0),))
    assert verdict(line) == "no"
    assert verdict(Line("w", took("usr", 1.0), Against(took("floor", 1.0)))) == "-"


@pytest.mark.parametrize(
    ("figure", "shown"),
    [
        (took("a", 0.00123), "1.23 ms"),
        (took("a", 12.0), "12 s"),
        (took("a", 4.5e-6), "4.5 us"),
        (Figure("a", (1.5e9,), "B"), "1.5 GB"),
        (Figure("a", (2.0,), "x"), "2.00 x"),
    ],
)
def test_amounts_have_three_digits_and_a_unit(figure: Figure, shown: str) -> None:
    assert amount(figure) == shown


def results(*, busy: bool = False, scale: str = "full") -> Results:
    lines = (
        Line(
            "a <b> & c",
            took("usr", 1.0),
            Against(took("floor", 0.8), 2.0),
            (Against(took("Lance", 3.0), 0.1),),
            "n",
        ),
        Line("tail", took("usr", 1.0), Against(took("orjson", 0.001), 2.0)),
    )
    machine = {
        "date": "2026-01-01", "processor": "p", "cores": 2, "memory_bytes": 1e9, "system": "s", "file_system": "ext4",
        "python": "3.12",
    }  # fmt: skip
    taken = Taken("2026-01-01", "abc", 0.3, busy, scale, {"pyarrow": "26"})
    measured = (Measured("part-write", lines[:1], taken), Measured("tail", lines[1:], taken))
    return Results(measured, machine, {"Lance": "syncs nothing"})


def test_the_page_has_every_line_and_says_what_peers_leave_out() -> None:
    found = results()
    text = page(found, chart="c.svg", data="d.json")
    assert all(cells(line)[0] in text for line in found.lines)
    assert "Lance syncs nothing" in text
    assert "busy" not in text


def test_the_page_says_that_the_machine_was_busy_or_the_sizes_small() -> None:
    assert "busy" in page(results(busy=True), chart="c", data="d")
    assert "Of other sizes" in page(results(scale="quick"), chart="c", data="d")


def test_the_chart_is_xml_with_a_bar_for_each_ratio() -> None:
    found = results()
    tree = ElementTree.fromstring(chart(found.lines))  # noqa: S314 - our own text
    bars = [e for e in tree.iter() if e.tag.endswith("rect") and e.get("height") != tree.get("height")]
    assert len(bars) == 1 + 3  # the background, and the ratios


def test_the_table_has_a_row_for_each_line() -> None:
    assert len(plain_table(results().lines).splitlines()) == 3


def test_data_are_generated_once_and_put_back_as_they_were(tmp_path: Path) -> None:
    told: list[str] = []
    bench = Bench(TINY, tmp_path, peers=False, say=told.append)
    dataset = bench.dataset(120, 2)
    before = dataset.info()
    dataset.add_sequences(["ACGTACGTAA"], bio_type="dna", alphabet="dna_4")
    assert bench.dataset(120, 2).info() == before
    assert told == ["making usr-120-2-40"]


def test_a_later_run_replaces_its_own_workloads_and_leaves_the_others(tmp_path: Path) -> None:
    before = results(busy=True)
    (tmp_path / "found.json").write_text(before.to_json())
    read = Results.read(tmp_path / "found.json")
    assert read == before
    line = Line("tail", took("usr", 5.0), Against(took("orjson", 1.0), 2.0))
    again = replace(before.measured[1], lines=(line,), taken=replace(before.measured[1].taken, busy=False))
    scan = Measured("scan", (replace(line, workload="scan"),), again.taken)
    later = read.with_later(replace(before, measured=(again, scan), lacks={}), order=WORKLOADS)
    assert [found.workload for found in later.measured] == ["part-write", "scan", "tail"]
    assert later.measured[0] == before.measured[0]
    assert later.measured[2].lines == (line,)
    assert later.lacks == before.lacks
    assert "orientation only: part-write." in page(later, chart="c", data="d")


def small(tmp_path: Path, *words: str) -> dict[str, Any]:
    folders = ["--cache", str(tmp_path / "cache"), "--output", str(tmp_path / "out")]
    main(["--scale", "tiny", "--without-peers", *folders, *words])
    found: dict[str, Any] = json.loads((tmp_path / "out" / "benchmarks.json").read_text())["workloads"]
    return found


def test_small_runs_write_page_chart_and_data_together_and_need_no_peer(tmp_path: Path) -> None:
    chosen = ["part-write", "add-sequences", "flush", "validation"]
    first = small(tmp_path, *(word for name in chosen for word in ("--only", name)))
    lines = [line for found in first.values() for line in found["lines"]]
    assert len(lines) == 3 + 1 + 2 + 1
    assert all(line["against"] and line["ours"]["median"] > 0 for line in lines)
    assert "lance" not in sys.modules
    both = small(tmp_path, "--only", "tail")
    assert both == {**first, "tail": both["tail"]}
    for file in (tmp_path / "out").glob("benchmarks.[ms]*"):
        file.unlink()
    assert small(tmp_path, "--page") == both
    assert "validate 600 rows" in (tmp_path / "out" / "benchmarks.md").read_text()
    ElementTree.parse(tmp_path / "out" / "benchmarks.svg")  # noqa: S314 - our own text


@pytest.mark.parametrize(
    ("words", "scale"), [([], "full"), (["--quick"], "quick"), (["--scale", "tiny"], "tiny")]
)
def test_the_sizes_are_the_full_ones_unless_others_are_asked_for(words: list[str], scale: str) -> None:
    assert options(words).scale == scale


def test_every_workload_and_every_scale_can_be_named() -> None:
    assert set(NAMED) == {"full", "quick", "tiny"}
    assert len(WORKLOADS) == 13
