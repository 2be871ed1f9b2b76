"""``notify usr-events watch``, the real program on real logs, against a real receiver."""

import json
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dnadesign.usr import Dataset, use_actor
from tests.notify.console import WATCH_HOOK, Notify, interrupt
from tests.notify.event_logs import append, dataset_folder, event, imports, line
from tests.notify.planted import TOKEN
from tests.notify.receiver import OK, Answer, Receiver, answers, receiving

WATCH = (*WATCH_HOOK, "--poll", "0.02", "--backoff", "0.01")


def ids(receiver: Receiver) -> list[int]:
    """The numbers of the events that were accepted, in order."""
    return [int(request.json["id"], 16) for request in receiver.accepted]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return dataset_folder(tmp_path)


def test_every_event_arrives_once_and_in_order(notify: Notify, receiver: Receiver, folder: Path) -> None:
    log = append(folder, [event("init"), *imports(range(1, 40)), event("densegen_completed", number=40)])
    notify.run(*WATCH, "--events", log, HOOK=receiver.url())
    assert ids(receiver) == list(range(41))
    assert receiver.connections == 1
    notify.run(*WATCH, "--events", log, HOOK=receiver.url())
    assert ids(receiver) == list(range(41))
    append(folder, imports([41]))
    notify.run(*WATCH, "--events", folder, HOOK=receiver.url())
    assert ids(receiver) == list(range(42))


def test_a_dataset_can_be_named_instead_of_its_log(notify: Notify, receiver: Receiver, folder: Path) -> None:
    append(folder, imports(range(3)))
    notify.run(*WATCH, "--dataset", "demo/lexA", "--root", folder.parents[1], HOOK=receiver.url())
    assert ids(receiver) == [0, 1, 2]
    notify.run(*WATCH, "--dataset", "demo/lexA", USR_ROOT=str(folder.parents[1]), HOOK=receiver.url())
    assert ids(receiver) == [0, 1, 2]


def test_following_goes_on_until_it_is_interrupted(notify: Notify, receiver: Receiver, folder: Path) -> None:
    watcher = notify.start(*WATCH, "--events", folder / ".events.log", "--follow", HOOK=receiver.url())
    for number in range(3):
        append(folder, imports([number]))
        receiver.wait_for_requests(number + 1)
    result = interrupt(watcher)
    assert result.status == 130
    assert "3 messages delivered" in result.err
    notify.run(*WATCH, "--events", folder, HOOK=receiver.url())
    assert ids(receiver) == [0, 1, 2]


def test_a_termination_is_a_clean_end_too(notify: Notify, receiver: Receiver, folder: Path) -> None:
    log = append(folder, imports(range(2)))
    watcher = notify.start(*WATCH, "--events", log, "--follow", HOOK=receiver.url())
    receiver.wait_for_requests(2)
    watcher.terminate()
    _, err = watcher.communicate(timeout=60)
    assert watcher.returncode == 130
    assert "2 messages delivered" in err
    notify.run(*WATCH, "--events", log, HOOK=receiver.url())
    assert ids(receiver) == [0, 1]


def test_a_pause_that_a_destination_asked_for_outlasts_the_watcher(notify: Notify, folder: Path) -> None:
    log = append(folder, imports(range(2)))
    with receiving(answers(Answer(503, {"Retry-After": "3600"}))) as receiver:
        for _ in range(3):
            notify.run(*WATCH, "--events", log, HOOK=receiver.url())
        assert len(receiver.requests) == 1
        notify.run("spool", "drain", HOOK=receiver.url())
        assert ids(receiver) == [0, 1]


def test_a_partial_line_waits_until_it_is_whole(notify: Notify, receiver: Receiver, folder: Path) -> None:
    whole = line(event("import_rows", number=1))
    log = append(folder, imports([0]))
    with log.open("ab") as file:
        file.write(whole[:-20])
    notify.run(*WATCH, "--events", log, HOOK=receiver.url())
    assert ids(receiver) == [0]
    with log.open("ab") as file:
        file.write(whole[-20:])
    notify.run(*WATCH, "--events", log, HOOK=receiver.url())
    assert ids(receiver) == [0, 1]


def test_a_second_watcher_on_the_same_cursor_refuses(
    notify: Notify, receiver: Receiver, folder: Path
) -> None:
    log = append(folder, imports([0]))
    first = notify.start(*WATCH, "--events", log, "--follow", HOOK=receiver.url())
    receiver.wait_for_requests(1)
    second = notify.run(*WATCH, "--events", log, status=5, HOOK=receiver.url())
    assert "another watcher" in second.err
    first.kill()
    first.communicate()
    append(folder, imports([1]))
    notify.run(*WATCH, "--events", log, HOOK=receiver.url())
    assert ids(receiver)[-1] == 1


def test_where_to_begin_can_be_chosen_and_is_remembered(
    notify: Notify, receiver: Receiver, folder: Path
) -> None:
    log = append(folder, imports(range(3)))
    notify.run(*WATCH, "--events", log, "--from", "end", HOOK=receiver.url())
    append(folder, imports([3]))
    notify.run(*WATCH, "--events", log, HOOK=receiver.url())
    assert ids(receiver) == [3]
    notify.run(*WATCH, "--events", log, "--from", "start", HOOK=receiver.url())
    assert ids(receiver) == [3, 0, 1, 2, 3]


def test_a_log_cut_short_is_refused_until_told_to_restart(
    notify: Notify, receiver: Receiver, folder: Path
) -> None:
    log = append(folder, imports(range(3)))
    notify.run(*WATCH, "--events", log, HOOK=receiver.url())
    log.write_bytes(line(event("import_rows", number=7)))
    refused = notify.run(*WATCH, "--events", log, status=3, HOOK=receiver.url())
    assert "--on-truncation restart" in refused.err
    assert ids(receiver) == [0, 1, 2]
    notify.run(*WATCH, "--events", log, "--on-truncation", "restart", HOOK=receiver.url())
    assert ids(receiver) == [0, 1, 2, 7]


def test_a_line_that_is_no_event_is_counted_and_told_with_its_offset(
    notify: Notify, receiver: Receiver, folder: Path
) -> None:
    log = append(folder, imports([0]))
    offset = log.stat().st_size
    with log.open("ab") as file:
        file.write(b"not JSON " + TOKEN.encode() + b"\n[1]\n{}\n")
        file.write(line(event("import_rows", number=9)).replace(b'"metrics":{}', b'"metrics":{{}'))
    append(folder, imports([1]))
    result = notify.run(*WATCH, "--events", log, HOOK=receiver.url())
    assert ids(receiver) == [0, 1]
    assert f"byte {offset}: not an event" in result.err
    assert "4 lines invalid" in result.err


def test_an_event_of_a_later_version_stops_the_watch_unless_allowed(
    notify: Notify, receiver: Receiver, folder: Path
) -> None:
    log = append(folder, [*imports([0]), event("import_rows", number=1, version=2), *imports([2])])
    refused = notify.run(*WATCH, "--events", log, status=3, HOOK=receiver.url())
    assert "--allow-unknown-version" in refused.err
    assert ids(receiver) == [0]
    notify.run(*WATCH, "--events", log, "--allow-unknown-version", HOOK=receiver.url())
    assert ids(receiver) == [0, 1, 2]


def test_only_what_is_asked_for_is_told(notify: Notify, receiver: Receiver, folder: Path) -> None:
    log = append(
        folder,
        [
            event("import_rows", number=0),
            event("densegen_completed", number=1),
            event("densegen_failed", number=2),
            event("densegen_completed", number=3, tool="other"),
        ],
    )
    notify.run(
        *WATCH, "--events", log, "--only-actions", "densegen_completed,densegen_failed", "--only-tools", "densegen",
        HOOK=receiver.url(),
    )  # fmt: skip
    assert ids(receiver) == [1, 2]


def test_what_could_not_be_delivered_is_never_overtaken_nor_lost(notify: Notify, folder: Path) -> None:
    log = append(folder, imports(range(4)))
    down = {"now": True}
    with receiving(lambda number: Answer(503) if down["now"] else OK) as receiver:
        result = notify.run(*WATCH, "--tries", "2", "--events", log, HOOK=receiver.url())
        assert "4 spooled" in result.err
        assert [request.json["id"] for request in receiver.requests] == [f"{0:032x}"] * len(receiver.requests)
        down["now"] = False
        append(folder, imports([4]))
        notify.run(*WATCH, "--events", log, HOOK=receiver.url())
        assert ids(receiver) == [0, 1, 2, 3, 4]
        first = [request.id for request in receiver.requests if request.json["id"] == f"{0:032x}"]
        assert len(set(first)) == 1


def test_a_message_that_is_not_wanted_does_not_hold_up_the_others(notify: Notify, folder: Path) -> None:
    log = append(folder, imports(range(3)))
    with receiving(answers(OK, Answer(422))) as receiver:
        result = notify.run(*WATCH, "--events", log, HOOK=receiver.url())
        assert ids(receiver) == [0, 2]
        assert "1 dead letter" in result.err
    listed = notify.run("spool", "list", "--format", "jsonl")
    (entry,) = [json.loads(text) for text in listed.out.splitlines()]
    assert entry["place"] == "dead"
    assert "422" in entry["reason"]


def test_a_destination_that_is_gone_gets_nothing_more_and_nothing_is_lost(
    notify: Notify, folder: Path
) -> None:
    log = append(folder, imports(range(3)))
    with receiving(answers(Answer(410))) as receiver:
        notify.run(*WATCH, "--events", log, HOOK=receiver.url())
        append(folder, imports([3]))
        notify.run(*WATCH, "--events", log, HOOK=receiver.url())
        assert len(receiver.requests) == 1
        assert "4 waiting" in notify.run("spool", "list").out
        notify.run("spool", "retry", HOOK=receiver.url())
        assert ids(receiver) == [0, 1, 2, 3]


def test_a_kill_loses_nothing_and_repeats_under_the_same_id(notify: Notify, folder: Path) -> None:
    total = 400
    log = append(folder, imports(range(total)))
    with receiving() as receiver:
        for number in (20, 90, 150, 260):
            watcher = notify.start(*WATCH, "--events", log, "--follow", HOOK=receiver.url())
            receiver.wait_for_ids(number)
            watcher.send_signal(signal.SIGKILL)
            watcher.communicate()
        notify.run(*WATCH, "--events", log, HOOK=receiver.url())
        assert list(dict.fromkeys(ids(receiver))) == list(range(total))
        by_event: dict[str, set[str]] = {}
        for request in receiver.accepted:
            by_event.setdefault(request.json["id"], set()).add(request.id)
        assert all(len(same) == 1 for same in by_event.values())


def test_a_dry_run_shows_messages_and_moves_nothing(notify: Notify, receiver: Receiver, folder: Path) -> None:
    log = append(folder, imports(range(2)))
    for _ in range(2):
        result = notify.run(*WATCH, "--events", log, "--dry-run", HOOK=receiver.url())
        assert [json.loads(text)["body"]["id"] for text in result.out.splitlines()] == [
            f"{n:032x}" for n in (0, 1)
        ]
    assert receiver.requests == []
    assert not notify.state.exists()


def test_the_dataset_need_not_be_writable(notify: Notify, receiver: Receiver, folder: Path) -> None:
    log = append(folder, imports(range(2)))
    before = sorted(path.name for path in folder.iterdir())
    log.chmod(0o444)
    folder.chmod(0o555)
    try:
        notify.run(*WATCH, "--events", log, HOOK=receiver.url())
    finally:
        folder.chmod(0o755)
    assert ids(receiver) == [0, 1]
    assert sorted(path.name for path in folder.iterdir()) == before


def test_arguments_context_and_the_event_itself_go_along_only_when_asked_for(
    notify: Notify, receiver: Receiver, folder: Path
) -> None:
    log = append(
        folder,
        [event("densegen_failed", args={"config": "run.yaml", "hook": f"https://x.org/?token={TOKEN}"})],
    )
    notify.run(*WATCH, "--events", log, HOOK=receiver.url())
    plain = receiver.requests[0].json["data"]
    assert {"args", "context", "raw_event"}.isdisjoint(plain)
    assert "node7" not in receiver.requests[0].body.decode()
    assert "run.yaml" not in receiver.requests[0].body.decode()
    notify.run(
        *WATCH, "--events", log, "--from", "start", "--include-args", "--include-context", "--include-raw-event",
        HOOK=receiver.url(),
    )  # fmt: skip
    full = receiver.requests[1].json["data"]
    assert full["args"]["config"] == "run.yaml"
    assert full["context"]["actor"]["host"] == "node7"
    assert full["raw_event"]["txid"]
    assert TOKEN not in receiver.requests[1].body.decode()


def test_the_state_is_private(notify: Notify, folder: Path) -> None:
    log = append(folder, imports(range(2)))
    with receiving(answers(then=Answer(500))) as receiver:
        notify.run(*WATCH, "--tries", "1", "--events", log, HOOK=receiver.url())
    files = [path for path in notify.state.rglob("*") if path.is_file()]
    assert len([path for path in files if path.parent.name == "waiting"]) == 2
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    folders = [notify.state, *(path for path in notify.state.rglob("*") if path.is_dir())]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}


@pytest.mark.parametrize(
    ("args", "status"),
    [
        ([], 2),
        (["--events", "a", "--dataset", "b"], 2),
        (["--dataset", "b"], 2),
        (["--events", "no/such/.events.log"], 4),
        (["--dataset", "../b", "--root", "."], 4),
        (["--events", "a", "--provider", "slack", "--include-raw-event"], 2),
    ],
)
def test_a_log_that_cannot_be_watched_has_an_exit_status_of_its_kind(
    notify: Notify, args: list[str], status: int
) -> None:
    result = notify.run(*WATCH, *args, status=status, HOOK=f"http://127.0.0.1:1/{TOKEN}")
    assert result.err.startswith("error: ")
    assert "Traceback" not in result.err


def archive(folder: Path, number: int) -> None:
    """Archive a log as usr does: its last line is the archiving, and the new log repeats it."""
    log, archived = (
        folder / ".events.log",
        folder / "_events" / f"events-20261122T12000{number % 10}000000Z.log",
    )
    append(folder, [event("events_archive", number=number, tool="usr")])
    archived.parent.mkdir(exist_ok=True)
    following = folder / ".events.log.new"
    following.write_bytes(line(event("events_archive", number=number, tool="usr")))
    log.rename(archived)
    following.rename(log)


def test_an_archived_log_is_followed_into_the_next_one(
    notify: Notify, receiver: Receiver, folder: Path
) -> None:
    append(folder, imports(range(2)))
    notify.run(*WATCH, "--events", folder, HOOK=receiver.url())
    append(folder, imports([2]))
    archive(folder, 3)
    append(folder, imports([4]))
    archive(folder, 5)
    append(folder, imports([6]))
    notify.run(*WATCH, "--events", folder, HOOK=receiver.url())
    assert ids(receiver) == list(range(7))
    notify.run(*WATCH, "--events", folder, "--from", "start", HOOK=receiver.url())
    assert ids(receiver) == [*range(7), *range(7)]


def test_an_archiving_is_followed_while_it_happens(notify: Notify, receiver: Receiver, folder: Path) -> None:
    append(folder, imports([0]))
    watcher = notify.start(*WATCH, "--events", folder, "--follow", HOOK=receiver.url())
    for number in (1, 2, 3):
        receiver.wait_for_requests(2 * number - 1)
        archive(folder, 2 * number - 1)
        append(folder, imports([2 * number]))
    receiver.wait_for_requests(7)
    interrupt(watcher)
    assert ids(receiver) == list(range(7))


def test_a_run_that_goes_silent_is_told_while_following(
    notify: Notify, receiver: Receiver, folder: Path
) -> None:
    append(folder, [event("densegen_started", number=1, time=datetime.now(UTC))])
    watcher = notify.start(
        *WATCH, "--events", folder, "--follow", "--silence", "0.01", "--progress-every", "10", HOOK=receiver.url()
    )  # fmt: skip
    receiver.wait_for_requests(2)
    interrupt(watcher)
    started, alert = (request.json for request in receiver.accepted)
    assert alert["type"] == "dnadesign.notify.silence"
    assert alert["data"]["title"].startswith("Nothing heard from densegen run r1 for ")
    assert started["id"] in alert["id"]


def test_the_log_of_a_real_dataset_is_told(notify: Notify, receiver: Receiver, tmp_path: Path) -> None:
    root = tmp_path / "data"
    dataset = Dataset(root, "demo/lexA")
    with use_actor(tool="densegen", run_id="r1"):
        dataset.init(source="a test")
        with dataset.transaction(batch_id="r1:plan:0001") as change:
            change.add_sequences(["ACGTACGT", "TTTTACGT"], bio_type="dna", alphabet="dna_4", source="made up")
        dataset.log_event("densegen_completed", metrics={"quota": 2, "done": 2})
    notify.run(*WATCH, "--dataset", "demo/lexA", "--root", root, HOOK=receiver.url())
    told = [request.json["data"] for request in receiver.accepted]
    assert [one["action"] for one in told] == ["init", "import_rows", "densegen_completed"]
    assert told[1]["title"] == "densegen run r1: 2 sequences added"
    assert told[-1]["title"].startswith("densegen run r1 completed: 2 of 2 sequences")
    assert {one["run_id"] for one in told} == {"r1"}


def test_a_log_that_is_rotated_is_read_to_its_end_and_then_the_new_one(
    notify: Notify, receiver: Receiver, tmp_path: Path
) -> None:
    log = append(tmp_path, imports([0])).rename(tmp_path / "plain.log")
    watcher = notify.start(*WATCH, "--events", log, "--follow", HOOK=receiver.url())
    receiver.wait_for_requests(1)
    with log.open("ab") as old:
        log.rename(tmp_path / "plain.log.1")
        old.write(line(event("import_rows", number=1)))
    log.write_bytes(line(event("import_rows", number=2)))
    receiver.wait_for_requests(3)
    interrupt(watcher)
    assert ids(receiver) == [0, 1, 2]


def test_a_watch_from_the_end_of_a_log_that_is_still_to_come_tells_all_of_it(
    notify: Notify, receiver: Receiver, folder: Path
) -> None:
    log = folder / ".events.log"
    watcher = notify.start(*WATCH, "--events", log, "--follow", "--from", "end", HOOK=receiver.url())
    assert watcher.stderr is not None
    assert "waiting for" in watcher.stderr.readline()
    whole = folder / "whole"
    whole.write_bytes(b"".join(line(one) for one in imports(range(3))))
    whole.rename(log)
    receiver.wait_for_requests(3)
    interrupt(watcher)
    assert ids(receiver) == [0, 1, 2]
