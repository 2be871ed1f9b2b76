"""``notify spool``: list, drain, retry, drop."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.notify.console import Notify, interrupt
from tests.notify.event_logs import append, dataset_folder, imports
from tests.notify.receiver import OK, Answer, Receiver, receiving

PROFILE = """\
provider: generic
webhook: {env: HOOK}
delivery: {tries: 1, backoff_seconds: 0.01, spool_tries: 3}
"""


class Door:
    """A receiver that takes everything while it is open, and answers otherwise while it is shut."""

    def __init__(self) -> None:
        self.answer = Answer(503)

    def open(self) -> None:
        self.answer = OK

    def decide(self, number: int) -> Answer:
        return self.answer


@contextmanager
def shut_door() -> Iterator[tuple[Door, Receiver]]:
    door = Door()
    with receiving(door.decide) as receiver:
        yield door, receiver


def entries(notify: Notify) -> list[dict[str, str]]:
    listed = notify.run("spool", "list", "--format", "jsonl")
    return [json.loads(text) for text in listed.out.splitlines()]


def spooled(notify: Notify, receiver: Receiver, tmp_path: Path, count: int) -> Path:
    """A log of which everything is in the spool."""
    log = append(dataset_folder(tmp_path), imports(range(count)))
    profile = notify.config / "profiles" / "lab.yaml"
    profile.parent.mkdir(parents=True)
    profile.write_text(PROFILE)
    notify.run("usr-events", "watch", "--profile", "lab", "--events", log, HOOK=receiver.url())
    return log


def test_what_is_spooled_is_listed_and_drained_in_order(notify: Notify, tmp_path: Path) -> None:
    with shut_door() as (door, receiver):
        spooled(notify, receiver, tmp_path, 5)
        listed = entries(notify)
        assert [entry["place"] for entry in listed] == ["waiting"] * 5
        assert all("503" in entry["reason"] or "waiting" in entry["reason"] for entry in listed)
        assert "5 waiting" in notify.run("spool", "drain", status=1, HOOK=receiver.url()).err
        door.open()
        notify.run("spool", "drain", HOOK=receiver.url())
        assert [int(request.json["id"], 16) for request in receiver.accepted] == [0, 1, 2, 3, 4]
        assert [request.id for request in receiver.accepted] == [entry["webhook_id"] for entry in listed]
        assert entries(notify) == []
        notify.run("spool", "drain")


def test_a_message_dies_after_its_last_try_and_can_be_revived(notify: Notify, tmp_path: Path) -> None:
    with shut_door() as (door, receiver):
        spooled(notify, receiver, tmp_path, 2)
        for _ in range(2):
            notify.run("spool", "drain", status=1, HOOK=receiver.url())
            assert {entry["place"] for entry in entries(notify)} == {"waiting"}
        notify.run("spool", "drain", status=1, HOOK=receiver.url())
        (dead,) = [entry for entry in entries(notify) if entry["place"] == "dead"]
        assert int(dead["tries"]) == 3
        assert "503" in dead["reason"]
        door.open()
        notify.run("spool", "retry", HOOK=receiver.url())
        assert [int(request.json["id"], 16) for request in receiver.accepted] == [0, 1]
        assert entries(notify) == []


def test_only_what_is_named_is_dropped(notify: Notify, tmp_path: Path) -> None:
    with shut_door() as (_, receiver):
        spooled(notify, receiver, tmp_path, 3)
    first, second, third = (entry["entry"] for entry in entries(notify))
    notify.run("spool", "drop", second, "--destination", "lab")
    assert [entry["entry"] for entry in entries(notify)] == [first, third]
    notify.run("spool", "drop", "--all", "--destination", "lab")
    assert entries(notify) == []


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["drop"], 2),
        (["drop", "--destination", "lab"], 2),
        (["drop", "--destination", "lab", "--all", "--dead"], 2),
        (["drop", "--destination", "lab", "nothing"], 4),
        (["drop", "--destination", "other", "--all"], 4),
        (["retry", "--destination", "lab", "nothing"], 4),
        (["retry", "nothing"], 2),
        (["list", "--destination", "other"], 4),
    ],
)
def test_a_slip_has_an_exit_status_of_its_kind(
    notify: Notify, tmp_path: Path, args: list[str], status: int
) -> None:
    with shut_door() as (_, receiver):
        spooled(notify, receiver, tmp_path, 1)
    assert notify.run("spool", *args, status=status).err.startswith("error: ")
    assert len(entries(notify)) == 1


def test_a_drain_without_its_secret_says_so_and_keeps_everything(notify: Notify, tmp_path: Path) -> None:
    with shut_door() as (_, receiver):
        spooled(notify, receiver, tmp_path, 1)
    assert "HOOK is not set" in notify.run("spool", "drain", status=1).err
    assert len(entries(notify)) == 1


def test_an_address_given_on_the_command_line_is_asked_for_again(notify: Notify, tmp_path: Path) -> None:
    log = append(dataset_folder(tmp_path), imports(range(2)))
    with shut_door() as (door, receiver):
        notify.run("usr-events", "watch", "--events", log, "--url", receiver.url(), "--tries", "1")
        door.open()
        assert "--url-ref" in notify.run("spool", "drain", status=1).err
        notify.run("spool", "drain", "--url-ref", "env:HOOK", HOOK=receiver.url())
        assert len(receiver.accepted) == 2


def test_a_message_sent_by_hand_is_kept_only_when_asked_to(notify: Notify) -> None:
    with shut_door() as (door, receiver):
        sent = ("send", "--provider", "generic", "--url-env", "HOOK", "--tries", "1", "-m", "hi")
        notify.run(*sent, status=1, HOOK=receiver.url())
        assert entries(notify) == []
        kept = notify.run(*sent, "--spool", status=1, HOOK=receiver.url())
        assert "notify spool drain --destination env.HOOK" in kept.err
        door.open()
        notify.run("spool", "drain", HOOK=receiver.url())
        assert receiver.accepted[0].json["data"]["text"] == "hi"


def test_a_message_sent_by_hand_waits_behind_those_that_wait(notify: Notify) -> None:
    with shut_door() as (door, receiver):
        sent = ("send", "--provider", "generic", "--url-env", "HOOK", "--tries", "1")
        for number in range(2):
            notify.run(*sent, "--spool", "-m", str(number), status=1, HOOK=receiver.url())
        assert [entry["place"] for entry in entries(notify)] == ["waiting"] * 2
        behind = notify.run(*sent, "--spool", "-m", "2", status=1, HOOK=receiver.url())
        assert "earlier messages are waiting (HTTP 503)" in behind.err
        door.open()
        notify.run(*sent, "-m", "3", HOOK=receiver.url())
        assert [request.json["data"]["text"] for request in receiver.accepted] == ["0", "1", "2", "3"]
        assert entries(notify) == []


def test_nothing_overtakes_while_a_spool_is_drained_beside_a_watcher_that_goes_on(
    notify: Notify, tmp_path: Path
) -> None:
    with shut_door() as (door, receiver):
        log = spooled(notify, receiver, tmp_path, 5)
        watcher = notify.start(
            "usr-events", "watch", "--profile", "lab", "--events", log, "--follow", "--poll", "0.01", HOOK=receiver.url()
        )  # fmt: skip
        door.open()
        for number in range(5, 60):
            append(log.parent, imports([number]))
            if number % 10 == 5:
                notify.run("spool", "drain", status=None, HOOK=receiver.url())
        receiver.wait_for(lambda seen: len(seen.accepted_ids) == 60)
        assert interrupt(watcher).status == 130
        assert [int(request.json["id"], 16) for request in receiver.accepted] == list(range(60))
        notify.run("spool", "drain", HOOK=receiver.url())
        assert entries(notify) == []
