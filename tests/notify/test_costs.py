"""What a message and an event cost, counted: connections, requests, syncs, lines read in full. Never seconds."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dnadesign.notify.adapters.usr_events import UsrEventSource
from dnadesign.notify.contract import events as events_module
from dnadesign.notify.contract.watch_state import WatchState
from dnadesign.notify.operations.dispatch import Disposition
from dnadesign.notify.operations.fold import FoldPolicy
from dnadesign.notify.operations.watch import Watcher, WatchOptions
from tests.notify.console import Notify
from tests.notify.event_logs import append, dataset_folder, imports
from tests.notify.receiver import Receiver

EVENTS = 1000


class StandingClock:
    """A clock that stands still: nothing is done only because time has passed."""

    stopping = False

    def now(self) -> datetime:
        return datetime(2026, 11, 22, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    def wait(self, seconds: float) -> bool:
        return True


class CountingStore:
    """Keeps nothing, and counts how often it was asked to."""

    saves = 0

    def save(self, state: WatchState) -> None:
        self.saves += 1


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return append(dataset_folder(tmp_path), imports(range(EVENTS)))


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The sizes of all JSON texts that notify reads from events."""
    sizes: list[int] = []

    def counting(text: bytes) -> Any:
        sizes.append(len(text))
        return json.loads(text)

    monkeypatch.setattr(events_module, "json", SimpleNamespace(loads=counting))
    yield sizes


def watched(log: Path, policy: FoldPolicy) -> tuple[Watcher, CountingStore]:
    """A watcher that has been over the whole log, and what it saved."""
    store = CountingStore()
    source = UsrEventSource(log, position=None, start="start", on_truncation="error")
    watcher = Watcher(
        source=source,
        store=store,
        state=WatchState(),
        submit=lambda _: Disposition.DELIVERED,
        idle=lambda: None,
        options=WatchOptions(policy=policy),
        clock=StandingClock(),
        report=print,
    )
    watcher.run()
    source.close()
    return watcher, store


def test_the_cursor_is_saved_once_in_64_messages(log: Path) -> None:
    watcher, store = watched(log, FoldPolicy())
    assert watcher.counts.delivered == EVENTS
    assert EVENTS // 64 <= store.saves <= EVENTS // 64 + 2


def test_an_event_of_a_tool_that_nobody_asked_about_is_known_by_its_beginning(
    log: Path, parsed: list[int]
) -> None:
    watcher, store = watched(log, FoldPolicy(only_tools=frozenset({"other"})))
    assert watcher.counts.filtered == EVENTS
    assert parsed == []
    assert store.saves <= 2


def test_of_an_event_that_is_only_counted_its_metrics_alone_are_read(log: Path, parsed: list[int]) -> None:
    watcher, _ = watched(log, FoldPolicy(only_actions=frozenset({"densegen_completed"})))
    assert watcher.counts.filtered == EVENTS
    assert len(parsed) == EVENTS
    assert sum(parsed) < log.stat().st_size / 10


def test_messages_share_one_connection_and_take_one_request_each(
    notify: Notify, receiver: Receiver, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: Counter[str] = Counter()
    fsync = os.fsync

    def counting(descriptor: int) -> None:
        synced[Path(f"/proc/self/fd/{descriptor}").readlink().parent.name] += 1
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", counting)
    notify.run("usr-events", "watch", "--events", log, "--url-env", "HOOK", HOOK=receiver.url())
    assert (receiver.connections, len(receiver.requests)) == (1, EVENTS)
    # A file and its folder each time; the clock may ask for more, but never for one a message.
    assert sum(synced.values()) < EVENTS / 2
