"""The door to usr: every line of a log comes out once, as the event it is, however it was written."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dnadesign.notify.adapters.usr_events import UsrEventSource
from dnadesign.notify.contract.events import RunEvent, event_from_line, skim_line
from dnadesign.usr import Event, EventFollower
from tests.notify.event_logs import append, dataset_folder, event, imports, line

texts = st.text(max_size=20)
odd_events = st.builds(
    event,
    st.sampled_from(["import_rows", "densegen_completed", "x"]),
    number=st.integers(0, 1000),
    tool=texts,
    run_id=st.none() | texts,
    metrics=st.dictionaries(texts, st.integers() | texts | st.none(), max_size=3),
    args=st.dictionaries(texts, texts | st.dictionaries(texts, texts, max_size=2), max_size=3),
    version=st.sampled_from([1, 2]),
)


def told(one: RunEvent) -> tuple[object, ...]:
    """All that notify knows of an event."""
    return (
        one.event_id, one.action, one.time, one.dataset, one.tool, one.run_id, one.version, dict(one.metrics), dict(one.args),
    )  # fmt: skip


@given(odd_events, st.booleans(), st.booleans())
def test_a_line_that_is_skimmed_says_what_it_says_when_it_is_read(
    raw: dict[str, object], compact: bool, in_order: bool
) -> None:
    found = raw if in_order else dict(reversed(raw.items()))
    text = json.dumps(found, separators=(",", ":") if compact else None).encode() + b"\n"
    read = event_from_line(text, dataset="d", event_id="i")
    skimmed = skim_line(text)
    assert read is not None
    assert skimmed is None or told(skimmed) == told(read)


def test_lines_of_usr_itself_are_skimmed(tmp_path: Path) -> None:
    for raw in [*imports(range(3)), event("densegen_failed", run_id=None, args={"a": {"b": '"}{\\'}})]:
        written = Event.from_json_line(line(raw)).to_json_line()
        assert skim_line(written) is not None
    assert skim_line(b'{"event_version":1,"event_id":"') is None


def test_a_source_gives_what_a_follower_reads(tmp_path: Path) -> None:
    folder = dataset_folder(tmp_path)
    log = append(folder, imports(range(2500)))
    with log.open("ab") as file:
        file.write(b'{"event_version":1}\n' + b'"' + b"A" * (1 << 21) + b'"\n')
    append(folder, [event("init", number=2500, version=2)])
    source = UsrEventSource(log, position=None, start="start", on_truncation="error")
    lines = [one for _ in range(4) for one in source.poll(1000)]
    source.close()
    with EventFollower(log) as follower:
        expected = follower.poll()
    assert [one.offset for one in lines] == [one.offset for one in expected]
    assert [one.event.event_id if one.event else None for one in lines[:2500]] == [
        one.event.event_id if one.event else None for one in expected[:2500]
    ]
    assert [one.event is None for one in lines[2500:]] == [True, True, False]
    assert all(one.problem for one in lines[2500:2502])
    assert source.place(lines[-1])["offset"] == log.stat().st_size
