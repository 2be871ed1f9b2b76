"""What people read: every action of usr itself is told in words, by every provider."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pytest

from dnadesign.notify.adapters.usr_events import UsrEventSource
from dnadesign.notify.contract.destinations import Provider
from dnadesign.notify.contract.formats import http_body, plain_body
from dnadesign.notify.contract.messages import Message
from dnadesign.notify.contract.watch_state import WatchState
from dnadesign.notify.operations.compose import Include
from dnadesign.notify.operations.fold import FoldPolicy, hear
from dnadesign.usr import Dataset, register_namespace, use_actor
from dnadesign.usr.contract.events import LIBRARY_ACTIONS
from tests.notify.event_logs import START, append, dataset_folder, event


def told(log: Path, policy: FoldPolicy = FoldPolicy()) -> list[Message]:  # noqa: B008 - frozen
    """A message for each event of a log."""
    source, state = UsrEventSource(log, position=None, start="start", on_truncation="error"), WatchState()
    events = []
    while lines := source.poll(1000):
        events += [line.event for line in lines]
    source.close()
    heard = [hear(one, state, policy, now=START) for one in events if one is not None]
    return [one.message for one in heard if one.message is not None]


def titles(folder: Path, *events: dict[str, object]) -> list[str]:
    return [message.title for message in told(append(dataset_folder(folder), events))]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> list[Message]:
    """What is told of a dataset to which everything has been done that usr can do."""
    root = tmp_path_factory.mktemp("data")
    register_namespace(root, namespace="expr", columns="expr__level:float64")
    dataset, other = Dataset(root, "demo/lexA"), Dataset(root, "demo/other")
    values = root / "values.csv"
    with use_actor(tool="usr"):
        for one, symbols in ((dataset, ["ACGTACGT", "TTTTACGT", "ACGTAAAA"]), (other, ["GGGGACGT"])):
            one.init(source="a test")
            one.add_sequences(symbols, bio_type="dna", alphabet="dna_4", source="made up")
        ids = dataset.to_arrow(columns=["id"]).column("id").to_pylist()
        values.write_text("id,expr__level\n" + "".join(f"{one},1.5\n" for one in ids))
        dataset.attach(values, "expr")
        dataset.set_state(ids[:2], masked=True)
        dataset.clear_state(ids[:1])
        dataset.tombstone(ids[:1], reason="a test")
        dataset.restore(ids[:1])
        dataset.snapshot()
        with dataset.maintenance(reason="a test"):
            dataset.remove_overlay("expr", mode="archive")
            dataset.write_overlay_part("expr", pa.table({"id": ids[:2], "expr__level": [1.0, 2.0]}))
            dataset.compact_overlay("expr")
            dataset.materialize(namespaces=["expr"])
            dataset.remove_overlay("expr", mode="delete")
            dataset.merge_from(other)
            dataset.freeze_registry()
            dataset.archive_events()
    return told(dataset.events_path)


def test_everything_that_usr_does_is_told_in_words(everything: list[Message]) -> None:
    assert [message.title.removeprefix("demo/lexA: ") for message in everything] == [
        "dataset made by usr",
        "3 sequences added by usr",
        "expr data attached to 3 records by usr",
        "state of 2 records set by usr",
        "state of 1 record cleared by usr",
        "1 record deleted by usr",
        "1 record restored by usr",
        "snapshot of 3 records made by usr",
        "overlay expr archived by usr",
        "expr data of 2 records written by usr",
        "overlay expr compacted by usr",
        "snapshot of 3 records made by usr",
        "overlays written into the base table by usr",
        "overlay expr removed by usr",
        "snapshot of 3 records made by usr",
        "1 record merged in from another dataset by usr",
        "registry frozen by usr",
        "event log archived by usr",
    ]


def test_every_action_of_usr_has_words_with_no_gap_left_in_them(tmp_path: Path) -> None:
    metrics: dict[str, object] = {"rows": 1, "rows_removed": 2, "files": 3, "namespace": "expr"}
    actions = sorted(LIBRARY_ACTIONS)
    events = [
        event(action, number=number, tool="usr", run_id=None, metrics=metrics)
        for number, action in enumerate(actions)
    ]
    found = titles(tmp_path, *events)
    assert len(found) == len(actions)
    for title in found:
        # No name of an action, no field left open, no value that is not there.
        assert re.fullmatch(r"demo/lexA: [a-z0-9 ,]+ by usr", title)
        assert "none" not in title


def test_what_is_told_of_a_change_is_its_own_count_and_not_an_earlier_one(tmp_path: Path) -> None:
    steps = [
        ("import_rows", 8),
        ("write_overlay_part", 8),
        ("state_set", 3),
        ("attach", 2),
        ("import_rows", 4),
    ]
    events = [
        event(action, number=number, metrics={"rows": rows, "namespace": "expr"})
        for number, (action, rows) in enumerate(steps)
    ]
    assert titles(tmp_path, *events) == [
        "densegen run r1: 8 sequences added",
        "densegen run r1: expr data of 8 records written, 8 sequences",
        "densegen run r1: state of 3 records set, 8 sequences",
        "densegen run r1: expr data attached to 2 records, 8 sequences",
        "densegen run r1: 4 sequences added, 12 sequences",
    ]


def test_a_resumed_run_is_told_without_the_time_in_which_it_rested(tmp_path: Path) -> None:
    end: dict[str, object] = {"quota": 30, "attempts": 40}
    log = append(
        dataset_folder(tmp_path),
        [
            event("import_rows", number=0, metrics={"rows": 20}),
            event("densegen_failed", number=60, args={"reason": "interrupted"}, metrics={**end, "done": 20, "new": 20}),
            event("import_rows", number=86_400, metrics={"rows": 10}),
            event("densegen_completed", number=86_520, metrics={**end, "done": 30, "new": 10, "elapsed_seconds": 180.0}),
            event("densegen_completed", number=90_000, metrics={**end, "done": 30, "new": 0, "elapsed_seconds": 0.9}),
        ],
    )  # fmt: skip
    _, interrupted, added, completed, again = told(log)
    assert interrupted.title == "densegen run r1 was interrupted after 1 min: 20 of 30 sequences"
    assert "Duration" not in dict(added.facts)
    assert completed.title == "densegen run r1 completed: 30 of 30 sequences in 3 min"
    assert dict(completed.facts)["Rate"] == "3.3 sequences/min"
    assert again.title == "densegen run r1 had nothing left to do: 30 of 30 sequences"
    assert {"Duration", "Rate"}.isdisjoint(dict(again.facts))


def test_designs_that_are_announced_before_they_are_written_are_counted_once(tmp_path: Path) -> None:
    health = event("densegen_health", number=0, metrics={"done": 3, "quota": 16, "eta_seconds": 125.0})
    rest = [event("import_rows", number=number, metrics={"rows": 8}) for number in (1, 2)]
    assert titles(tmp_path, health, *rest) == [
        "densegen run r1: 3 of 16 sequences",
        "densegen run r1: 8 sequences added, 8 of 16 sequences",
        "densegen run r1: 8 sequences added, 16 of 16 sequences",
    ]


def test_a_watch_that_begins_in_the_middle_knows_what_the_run_has_from_what_it_says(tmp_path: Path) -> None:
    late = [
        event("import_rows", number=0, metrics={"rows": 8}),
        event("densegen_completed", number=1, metrics={"done": 100, "quota": 100, "new": 100}),
    ]
    assert titles(tmp_path, *late)[1].startswith("densegen run r1 completed: 100 of 100 sequences")


@pytest.mark.parametrize(
    ("action", "args", "title"),
    [
        ("densegen_failed", {"reason": "quota_not_reached"}, "FAILED: quota not reached"),
        ("densegen_failed", {}, "FAILED"),
        ("align_crashed", {}, "FAILED: align crashed"),
        ("densegen_completed", {"shard": "1/4"}, "(shard 1/4) completed"),
        ("densegen_completed", {"shard": "0/1"}, "completed"),
        ("fold_progress", {}, ": fold progress"),
    ],
)
def test_a_tool_of_ones_own_is_told_by_the_last_word_of_its_action(
    tmp_path: Path, action: str, args: dict[str, object], title: str
) -> None:
    (found,) = titles(tmp_path, event(action, args=args))
    assert found.removeprefix("densegen run r1").lstrip() == title


def test_metrics_are_told_with_units_and_without_what_is_nothing(tmp_path: Path) -> None:
    metrics: dict[str, object] = {
        "attempts": 1200, "rows_skipped": 0, "gpu_seconds": 7380.0, "peak_bytes": 1_234_567, "gc": 0.51234567, "mode": "fast",
    }  # fmt: skip
    (message,) = told(append(dataset_folder(tmp_path), [event("densegen_completed", metrics=metrics)]))
    shown = dict(message.facts)
    assert "Rows skipped" not in shown
    assert [shown[name] for name in ("Attempts", "Gpu", "Peak bytes", "Gc", "Mode")] == [
        "1,200", "2 h 3 min", "1.23 MB", "0.5123", "fast",
    ]  # fmt: skip


def test_every_provider_shows_title_dataset_run_and_where_to_look_closer(everything: list[Message]) -> None:
    for message in everything:
        shown = [
            json.dumps(json.loads(http_body(message, one)[0])) for one in Provider if one != Provider.APPRISE
        ]
        for text in (*shown, message.title + plain_body(message)):
            plain = text.replace("\\\\", "")
            assert message.title in plain
            assert "usr events tail demo/lexA -n 20" in plain


def test_arguments_that_are_asked_for_are_shown_as_json_and_not_as_python(tmp_path: Path) -> None:
    log = append(
        dataset_folder(tmp_path),
        [event("densegen_failed", args={"plans": {"a": [1, None]}, "config": "x.yaml"})],
    )
    (message,) = told(log, FoldPolicy(include=Include(args=True)))
    assert dict(message.facts)["args.plans"] == '{"a": [1, null]}'
    assert dict(message.facts)["args.config"] == "x.yaml"


def test_a_start_says_whether_the_run_begins_or_goes_on(tmp_path: Path) -> None:
    assert titles(
        tmp_path,
        event("densegen_started", number=0, metrics={"done": 0, "quota": 30}),
        event("densegen_started", number=90, metrics={"done": 20, "quota": 30}),
    ) == [
        "densegen run r1 started on demo/lexA",
        "densegen run r1 resumed on demo/lexA: 20 of 30 sequences",
    ]
