from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.usr.contract.actor import Actor, use_actor
from dnadesign.usr.contract.errors import EventLogError, ValidationError
from dnadesign.usr.contract.events import (
    LIBRARY_ACTIONS,
    MAX_LINE_BYTES,
    DatasetRef,
    Event,
    Fingerprint,
    make_event,
)
from dnadesign.usr.contract.redaction import REDACTED

OLD_LINES = [
    b'{"event_version":1,"timestamp_utc":"2026-02-06T12:00:03.123477Z","action":"registry_freeze","dataset":{"name":"ns/a",'
    b'"root":"/data/usr"},"args":{"snapshot":"/data/usr/ns/a/_registry/registry.32c1.yaml","auto":true},"metrics":'
    b'{"updated":0},"artifacts":{"registry_snapshot":""},"maintenance":{},"fingerprint":{"rows":0,"cols":7,"size_bytes":1906},'
    b'"registry_hash":"32c1","actor":{"tool":"fixture","run_id":"fx-1","host":"fixture-host","pid":4242},"version":"0.1.0"}\n',
    b'{"event_version":1,"timestamp_utc":"2026-02-06T12:00:13.123547Z","action":"restore","dataset":{"name":"ns/a",'
    b'"root":"/data/usr"},"args":{"rows":5,"allow_missing":false},"metrics":{"rows":0},"artifacts":{"overlay":'
    b'{"namespace":"usr"}},"maintenance":{},"registry_hash":"32c1","version":"0.1.0"}\n',
]

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip
JSON_OBJECTS = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=20), JSON_VALUES, max_size=5)


def event(action: str = "import_rows", **given: Any) -> Event:
    dataset = DatasetRef("lab/promoters", "/data")
    return make_event(action, dataset=dataset, registry_hash="ab" * 32, txid="cd" * 16, **given)


@given(
    args=JSON_OBJECTS,
    metrics=JSON_OBJECTS,
    artifacts=JSON_OBJECTS,
    extra=JSON_OBJECTS,
    rows=st.none() | st.integers(0, 9),
)
def test_an_event_comes_back_from_its_line_as_it_was(
    args: dict, metrics: dict, artifacts: dict, extra: dict, rows: int | None
) -> None:
    known = Event(
        timestamp_utc="2026-11-22T10:00:00.000000Z",
        action="made_up",
        dataset=DatasetRef("a", "/r"),
        actor=Actor("tool", "r1", "host", 5),
        args=args,
        metrics=metrics,
        artifacts=artifacts,
        fingerprint=Fingerprint(rows=rows),
        extra={f"x-{name}": value for name, value in extra.items()} | {"actor": {"x-shift": 3}},
    )
    line = known.to_json_line()
    assert Event.from_json_line(line) == known
    assert Event.from_json_line(line).to_json_line() == line


@given(st.text())
def test_a_line_is_one_line_of_ascii_to_every_reader(text: str) -> None:
    line = event(args={"note": text, text: "x"}).to_json_line()
    assert line.isascii()
    assert line.endswith(b"}\n")
    assert line.decode("ascii").splitlines() == [line.decode("ascii").rstrip("\n")]
    line.decode("utf-8")
    json.loads(line)


def test_a_new_event_has_every_field_of_the_contract_in_its_order() -> None:
    moment = datetime(2026, 11, 22, 11, 30, tzinfo=timezone(timedelta(hours=1)))
    with use_actor(tool="densegen", run_id="r7"):
        made = event(
            args={"n": 3}, metrics={"rows": 3}, artifacts={"added": [], "removed": []}, reason="tidy up",
            fingerprint=Fingerprint(3, 7, 99), batch_id="r7:0001", batch_sha256="ef" * 32, now=moment,
        )  # fmt: skip
    found = json.loads(made.to_json_line())
    assert list(found) == [
        "event_version", "event_id", "txid", "batch_id", "batch_sha256", "timestamp_utc", "action", "dataset", "actor",
        "args", "metrics", "artifacts", "maintenance", "fingerprint", "registry_hash", "version",
    ]  # fmt: skip
    assert found["event_version"] == 1
    assert len(found["event_id"]) == 32
    assert found["timestamp_utc"] == "2026-11-22T10:30:00.000000Z"
    assert made.time == moment
    assert found["dataset"] == {"name": "lab/promoters", "root": "/data"}
    assert (found["actor"]["tool"], found["actor"]["run_id"]) == ("densegen", "r7")
    assert found["actor"]["host"] and found["actor"]["pid"]
    assert found["maintenance"] == {"reason": "tidy up"}
    assert found["fingerprint"] == {"rows": 3, "cols": 7, "size_bytes": 99}
    assert found["version"] == "0.1.0"


def test_an_event_outside_maintenance_says_so_with_an_empty_object() -> None:
    assert json.loads(event().to_json_line())["maintenance"] == {}


def test_no_two_events_share_an_id() -> None:
    assert len({event().event_id for _ in range(50)}) == 50


@pytest.mark.parametrize("line", OLD_LINES)
def test_lines_of_older_tools_are_events_without_what_they_lack(line: bytes) -> None:
    found = Event.from_json_line(line)
    old = json.loads(line)
    assert (found.event_id, found.txid, found.batch_id, found.batch_sha256) == (None, None, None, None)
    assert found.artifacts == old["artifacts"]
    assert found.actor.tool == old.get("actor", {}).get("tool")
    assert found.time.tzinfo is not None
    assert {name: value for name, value in found.to_dict().items() if name in old} == old


def test_fields_of_later_tools_are_kept_wherever_they_stand() -> None:
    later = json.loads(event().to_json_line())
    later["mood"] = {"good": True}
    later["actor"]["shift"] = "night"
    later["dataset"]["uuid"] = "x"
    found = Event.from_json_line(json.dumps(later).encode())
    assert found.extra == {"mood": {"good": True}, "actor": {"shift": "night"}, "dataset": {"uuid": "x"}}
    assert found.to_dict() == later


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"event_version": 2}, "event_version is 2, expected 1"),
        ({"event_version": True}, "event_version is True"),
        ({"event_version": 1.0}, "event_version is 1.0"),
        ({"event_version": "1"}, "event_version is '1'"),
        ({"event_version": None}, "event_version is None"),
        ({"action": ""}, "action is ''"),
        ({"action": 3}, "action is 3"),
        ({"timestamp_utc": "yesterday"}, "timestamp_utc is 'yesterday'"),
        ({"timestamp_utc": "2026-11-22T10:00:00"}, "with a zone"),
        ({"args": []}, "args is a JSON list"),
        ({"actor": "me"}, "actor is a JSON str"),
        ({"actor": {"pid": "4"}}, "pid is '4'"),
        ({"fingerprint": {"rows": 1.5}}, "rows is 1.5"),
        ({"event_id": 7}, "event_id is 7"),
    ],
)
def test_a_line_that_breaks_the_contract_is_refused_with_the_field_named(
    change: dict, complaint: str
) -> None:
    line = json.dumps(json.loads(event().to_json_line()) | change).encode()
    with pytest.raises(EventLogError, match=complaint):
        Event.from_json_line(line)


def test_an_event_of_a_later_version_says_what_to_do() -> None:
    with pytest.raises(EventLogError) as caught:
        Event.from_json_line(b'{"event_version": 2}')
    assert "newer" in str(caught.value.mend)


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(str.encode)
    | JSON_VALUES.map(lambda v: json.dumps(v).encode())
)
def test_any_other_bytes_are_refused_and_nothing_else_happens(line: bytes) -> None:
    with pytest.raises(EventLogError):
        Event.from_json_line(line)


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 500_000,
        b'{"a":' * 200_000,
        b'{"n": ' + b"9" * 5000 + b"}",
        b'{"n": NaN}',
        b"\xff\xfe",
        b"",
        b"\n",
    ],
)
def test_hostile_lines_are_refused_like_any_other(line: bytes) -> None:
    with pytest.raises(EventLogError):
        Event.from_json_line(line)


def test_a_new_event_holds_no_secret_wherever_it_was_given() -> None:
    token = "ghp_" + "a1" * 18
    made = event(
        args={"webhook_url": "https://x.org/abc", "note": [f"use {token}"], "author": "Ann"},
        metrics={"tokens": 17, "note": token},
        artifacts={"added": [{"path": f"x/{token}"}]},
        reason=f"cleaning after {token}",
        actor=Actor(tool="me", run_id=f"run {token}"),
    )
    line = made.to_json_line().decode()
    assert token not in line
    assert "https://x.org/abc" not in line
    assert made.args == {"webhook_url": REDACTED, "note": [f"use {REDACTED}"], "author": "Ann"}
    assert made.metrics["tokens"] == 17


@pytest.mark.parametrize(
    "args",
    [
        {"text": "x" * 5_000_000},
        {"list": list(range(250_000))},
        {f"key {n}": n for n in range(70_000)},
        {"deep": [[["y" * 1000] * 40] * 40] * 3},
        {"wide": {f"k{n}": {"inner": ["é" * 50] * 20} for n in range(1500)}},
        {"x" * 3_000_000: 1},
    ],
    ids=["text", "list", "keys", "deep", "wide", "long key"],
)
def test_args_that_are_too_long_are_cut_with_a_mark_and_the_line_stays_within_a_mebibyte(args: dict) -> None:
    made = event(args={"namespace": "first", **args}, reason="because")
    line = made.to_json_line()
    assert len(line) <= MAX_LINE_BYTES
    assert b"cut" in line
    assert Event.from_json_line(line) == made


def test_args_that_fit_are_not_cut() -> None:
    args = {"text": "x" * 900_000}
    assert event(args=args).args == args


@pytest.mark.parametrize("field", ["metrics", "artifacts"])
def test_metrics_and_artifacts_are_never_cut_but_refused_when_they_do_not_fit(field: str) -> None:
    too_long: dict[str, Any] = {field: {"x": "y" * MAX_LINE_BYTES}}
    with pytest.raises(ValidationError, match=r"at most 1,048,576"):
        event(**too_long)


def test_a_line_may_be_exactly_a_mebibyte_long() -> None:
    def of(length: int) -> Event:
        return Event(timestamp_utc="2026-11-22T10:00:00Z", action="a", args={"x": "y" * length})

    room = MAX_LINE_BYTES - len(of(0).to_json_line())
    assert len(of(room).to_json_line()) == MAX_LINE_BYTES
    with pytest.raises(ValidationError):
        of(room + 1).to_json_line()


@pytest.mark.parametrize("action", ["", "Import", "a b", "1st", "drop;table", "a" * 300])
def test_an_action_outside_the_grammar_is_refused(action: str) -> None:
    with pytest.raises(ValidationError, match="action"):
        event(action)


def test_the_actions_of_the_library_are_in_the_grammar() -> None:
    assert {event(action).action for action in LIBRARY_ACTIONS} == LIBRARY_ACTIONS


def test_now_is_now_in_utc() -> None:
    before = datetime.now(UTC)
    assert before <= event().time <= datetime.now(UTC)
