"""What is told at once, what is folded, and when a silence is news."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dnadesign.notify.contract.events import Kind, RunEvent, event_from_line, kind_of_action
from dnadesign.notify.contract.messages import Message
from dnadesign.notify.contract.watch_state import WatchState, watch_state_from_dict
from dnadesign.notify.operations.fold import FoldPolicy, fill_outbox, hear
from tests.notify.event_logs import event, line

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
EVERY = timedelta(minutes=10)
CHAT = FoldPolicy(progress_every=EVERY)


def run_event(
    action: str, number: int, *, time: datetime = NOW, rows: int = 1, run_id: str | None = "r1"
) -> RunEvent:
    raw = event(action, number=number, time=time, metrics={"rows": rows}, run_id=run_id)
    made = event_from_line(line(raw), dataset="x", event_id="x")
    assert made is not None
    return made


def saved(state: WatchState) -> WatchState:
    """The state after a restart."""
    return watch_state_from_dict(json.loads(json.dumps(state.to_dict())), path="cursor")


steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["import_rows", "write_overlay_part", "densegen_started", "densegen_failed", "densegen_completed"]
        ),
        st.sampled_from([0, 1, 60, 599, 600, 3600]),  # seconds since the step before
        st.sampled_from(["r1", "r2"]),
        st.booleans(),  # a restart in between
    ),
    max_size=60,
)


@given(steps)
def test_each_event_is_told_exactly_once_and_progress_not_too_often(
    plan: list[tuple[str, int, str, bool]],
) -> None:
    state, now = WatchState(), NOW
    emitted: list[tuple[datetime, Message]] = []

    def look(moment: datetime, *, last: bool) -> None:
        fill_outbox(state, CHAT, now=moment, last_look=last)
        emitted.extend((moment, message) for message in state.outbox)
        state.outbox.clear()

    for number, (action, seconds, run_id, restart) in enumerate(plan):
        now += timedelta(seconds=seconds)
        state = saved(state) if restart else state
        look(now, last=False)
        heard = hear(
            run_event(action, number, time=now, rows=number + 1, run_id=run_id), state, CHAT, now=now
        )
        assert heard.kept == (heard.message is None)
        assert heard.message is not None or kind_of_action(action) is Kind.PROGRESS
        emitted += [(now, heard.message)] if heard.message is not None else []
    look(now + EVERY, last=True)
    messages = [message for _, message in emitted]
    assert sum(events_in(message) for message in messages) == len(plan)
    heard_rows = sum(number + 1 for number, step in enumerate(plan) if step[0] == "import_rows")
    assert sum(rows_in(message) for message in messages) == heard_rows
    assert len({message.key for message in messages}) == len(messages)
    for run_id in ("r1", "r2"):
        told = [
            at
            for at, message in emitted
            if message.kind is Kind.PROGRESS and message.data["run_id"] == run_id
        ]
        assert all(later - earlier >= EVERY for earlier, later in pairwise(told))


def events_in(message: Message) -> int:
    """How many events a message tells."""
    folded = message.data["folded"]
    own = message.type != "dnadesign.notify.progress"
    return own + (folded["events"] if isinstance(folded, dict) else 0)


def rows_in(message: Message) -> int:
    """How many base rows a message tells."""
    folded, metrics = message.data["folded"], message.data.get("metrics")
    own = metrics["rows"] if isinstance(metrics, dict) and message.data["action"] == "import_rows" else 0
    return own + (folded["rows"] if isinstance(folded, dict) else 0)


def test_progress_is_told_at_most_every_so_often() -> None:
    state, told = WatchState(), []
    for minute in range(60):
        now = NOW + timedelta(minutes=minute)
        heard = hear(run_event("import_rows", minute, time=now), state, CHAT, now=now)
        told += [minute] if heard.message else []
        if fill_outbox(state, CHAT, now=now, last_look=False):
            told.append(minute)
    assert told == [0, 10, 20, 30, 40, 50]


def test_an_end_tells_what_was_folded_before_it() -> None:
    state = WatchState()
    hear(run_event("densegen_started", 0), state, CHAT, now=NOW)
    for number in range(1, 31):
        assert hear(run_event("import_rows", number, rows=10), state, CHAT, now=NOW).kept
    end = hear(
        run_event("densegen_completed", 31, time=NOW + timedelta(hours=2)), state, CHAT, now=NOW
    ).message
    assert end is not None
    assert end.title == "densegen run r1 completed: 300 sequences in 2 h"
    assert dict(end.facts)["Since the last message"] == "30 events, 300 sequences"
    assert dict(end.facts)["Rate"] == "2.5 sequences/min"


def test_machines_get_each_event() -> None:
    state = WatchState()
    assert all(hear(run_event("import_rows", n), state, FoldPolicy(), now=NOW).message for n in range(5))


def test_a_silence_is_told_once_and_again_after_a_sign_of_life() -> None:
    policy = FoldPolicy(silence_after=timedelta(minutes=30))
    state, alerts = WatchState(), []
    hear(run_event("densegen_started", 0), state, policy, now=NOW)
    for minute in range(0, 180, 5):
        now = NOW + timedelta(minutes=minute)
        if minute == 90:
            hear(run_event("import_rows", 1, time=now), state, policy, now=now)
        fill_outbox(state, policy, now=now, last_look=False)
        alerts += [(minute, message.title) for message in state.outbox]
        state = saved(state)
        state.outbox.clear()
    assert alerts == [
        (30, "Nothing heard from densegen run r1 for 30 min"),
        (120, "Nothing heard from densegen run r1 for 30 min"),
    ]


def test_a_run_that_has_ended_or_that_nobody_asked_about_is_not_missed() -> None:
    silence = timedelta(minutes=30)
    later = NOW + timedelta(hours=1)
    for policy, action in (
        (FoldPolicy(silence_after=silence), "densegen_completed"),
        (FoldPolicy(silence_after=silence), "densegen_failed"),
        (FoldPolicy(silence_after=silence, only_tools=frozenset({"other"})), "densegen_started"),
        (FoldPolicy(), "densegen_started"),
    ):
        state = WatchState()
        hear(run_event(action, 0), state, policy, now=NOW)
        assert not fill_outbox(state, policy, now=later, last_look=True)


def test_the_event_that_a_new_log_repeats_is_told_once() -> None:
    state = WatchState()
    archived = run_event("events_archive", 3)
    assert hear(archived, state, FoldPolicy(), now=NOW).message
    assert not hear(archived, saved(state), FoldPolicy(), now=NOW).message


def test_runs_of_long_ago_are_forgotten_but_never_what_is_still_to_be_told() -> None:
    state = WatchState()
    hear(run_event("densegen_started", 0, run_id="kept"), state, CHAT, now=NOW)
    hear(run_event("import_rows", 1, run_id="kept"), state, CHAT, now=NOW)
    for number in range(2, 1000):
        hear(run_event("import_rows", number, run_id=f"r{number}"), state, CHAT, now=NOW)
    assert len(state.runs) <= 201
    assert ("demo/lexA", "densegen", "kept") in state.runs


def test_the_quota_of_a_run_in_shards_is_the_sum_of_theirs() -> None:
    state = WatchState()
    for number, shard in enumerate(("0/2", "1/2")):
        raw = event("densegen_health", number=number, metrics={"quota": 50}, args={"shard": shard})
        one = event_from_line(line(raw), dataset="x", event_id="x")
        assert one is not None
        hear(one, state, CHAT, now=NOW)
    hear(run_event("import_rows", 2, rows=80), state, CHAT, now=NOW)
    end = hear(run_event("densegen_completed", 3), state, CHAT, now=NOW).message
    assert end is not None
    assert dict(end.facts)["Quota"] == "100 (80 % done)"


def test_a_failure_says_why_in_a_word_and_keeps_longer_texts_to_itself() -> None:
    for reason, told in (("quota_not_reached", True), ("could not open the file of Dr. X", False)):
        raw = event("densegen_failed", args={"reason": reason, "error": "secret project"})
        one = event_from_line(line(raw), dataset="x", event_id="x")
        assert one is not None
        message = hear(one, WatchState(), CHAT, now=NOW).message
        assert message is not None
        assert (dict(message.facts).get("Reason") == reason.replace("_", " ")) is told
        assert "secret project" not in str(message.to_dict())
