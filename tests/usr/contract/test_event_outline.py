from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dnadesign.usr.contract.actor import Actor
from dnadesign.usr.contract.event_outline import outline_of
from dnadesign.usr.contract.events import DatasetRef, Event, Fingerprint, make_event

PLAIN = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\'), max_size=12)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)
ARGS = st.dictionaries(PLAIN, SCALARS | PLAIN | st.lists(SCALARS | PLAIN, max_size=3), max_size=4)


def made(args: dict, batch_id: str | None = None) -> Event:
    return make_event(
        "import_rows",
        dataset=DatasetRef("lab/a", "/data"),
        registry_hash="a" * 64,
        txid="b" * 32,
        args=args,
        metrics={"rows": 3, "seconds": 0.25, "columns": ["a__b"]},
        artifacts={"added": [{"path": "records.parquet", "bytes": 7, "shape": [1, 2]}], "removed": []},
        fingerprint=Fingerprint(3, 7, 100),
        batch_id=batch_id,
        actor=Actor(tool="t", run_id="r", host="h", pid=1),
        now=datetime(2026, 2, 28, tzinfo=UTC),
    )


LINE = made({"n": 1.5, "deep": [{"a": [True, None]}]}).to_json_line()


@given(ARGS, st.none() | PLAIN)
def test_the_outline_of_a_line_of_our_own_says_what_its_event_says(args: dict, batch_id: str | None) -> None:
    event = made(args, batch_id)
    line = event.to_json_line()
    for given_line in (line, line.rstrip(b"\n")):
        found = outline_of(given_line)
        assert found is not None or b"\\" in line or any(len(str(v)) > 19 for v in args.values())
        if found is not None:
            assert (found.event_id, found.batch_id, found.action) == (event.event_id, batch_id, event.action)
            assert (found.timestamp_utc, found.artifacts) == (event.timestamp_utc, event.artifacts)


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(LINE)),
            st.integers(0, 3),
            st.sampled_from(
                [b"", b",", b"]", b"}", b"{", b"[", b'"', b"\\", b"0", b"-", b"\n", b"\xff", b"\x01", b"null"]
            ),
        ),
        min_size=1,
        max_size=3,
    )
)
@example([(LINE.index(b"02-28") + 3, 2, b"30")])
@example([(LINE.index(b"1.5"), 3, b"9" * 5000)])
def test_a_line_that_has_an_outline_is_an_event_however_it_came_about(
    edits: list[tuple[int, int, bytes]],
) -> None:
    line = LINE
    for place, cut, put in edits:
        line = line[:place] + put + line[place + cut :]
    found = outline_of(line)
    if found is not None:
        event = Event.from_json_line(line)  # raises if it is none
        assert (found.event_id, found.batch_id) == (event.event_id, event.batch_id)
        assert (found.timestamp_utc, found.action) == (event.timestamp_utc, event.action)
        assert found.artifacts == event.artifacts


@pytest.mark.parametrize(
    "other",
    [
        {"event_version": 2},
        {"timestamp_utc": "2026-02-30T00:00:00Z"},
        {"timestamp_utc": "2026-02-01T00:00:00"},
        {"action": ""},
        {"unknown": 1},
        {"args": None},
        {"actor": {"tool": "t"}},
        {"batch_id": "µ"},
    ],
)
def test_any_other_line_has_none_and_must_be_parsed(other: dict) -> None:
    assert outline_of(json.dumps(json.loads(LINE) | other, separators=(",", ":")).encode()) is None
