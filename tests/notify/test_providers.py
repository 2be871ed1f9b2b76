"""What each provider gets, over real connections."""

import json
import sys
from pathlib import Path

import pytest

from tests.notify.console import Notify
from tests.notify.event_logs import append, dataset_folder, event, imports
from tests.notify.mail_server import taking_mail
from tests.notify.planted import PASSWORD, TOKEN
from tests.notify.receiver import Answer, Receiver, answers, receiving

WATCH = ("usr-events", "watch", "--url-env", "HOOK", "--backoff", "0.01")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    started = event("densegen_started", number=0, metrics={"quota": 100})
    completed = event("densegen_completed", number=3600, metrics={"plans": 2})
    return append(dataset_folder(tmp_path), [started, *imports(range(1, 11)), completed])


def test_slack_gets_blocks_for_the_start_and_the_end(notify: Notify, receiver: Receiver, log: Path) -> None:
    notify.run(*WATCH, "--provider", "slack", "--events", log, HOOK=receiver.url())
    start, end = (request.json for request in receiver.accepted)
    assert start["text"].endswith("densegen run r1 started on demo/lexA")
    assert "webhook-id" not in receiver.requests[0].headers
    header, facts, look = end["blocks"]
    assert header["text"]["text"].endswith("densegen run r1 completed: 100 of 100 sequences in 1 h")
    shown = dict(field["text"].split("\n") for field in facts["fields"])
    assert shown["*Quota*"] == "100 (100 % done)"
    assert shown["*Rate*"] == "1.7 sequences/min"
    assert shown["*Since the last message*"] == "10 events, 100 sequences"
    assert look["elements"][0]["text"] == "Look closer: `usr events tail demo/lexA -n 20`"


def test_discord_gets_markdown_and_waits_as_long_as_it_says(notify: Notify, log: Path) -> None:
    with receiving(answers(Answer(429, {"Retry-After": "0.05"}))) as receiver:
        notify.run(*WATCH, "--provider", "discord", "--events", log, HOOK=receiver.url())
        assert len(receiver.requests) == 3
        content = receiver.accepted[1].json["content"]
    assert content.startswith("**")
    assert "- Sequences: 100" in content


def test_teams_gets_an_adaptive_card(notify: Notify, log: Path) -> None:
    with receiving(answers(then=Answer(202))) as receiver:
        notify.run(*WATCH, "--provider", "teams", "--events", log, HOOK=receiver.url())
        card = receiver.accepted[1].json["attachments"][0]["content"]
    assert card["body"][0]["text"].endswith("100 of 100 sequences in 1 h")
    assert {"title": "Run", "value": "r1"} in card["body"][1]["facts"]


def test_mail_is_plain_and_readable(notify: Notify, log: Path) -> None:
    with taking_mail() as server:
        hook = f"mailto://127.0.0.1:{server.port}?from=lab@example.org&to=me@example.org&mode=insecure"
        # In a process of its own: Apprise imports what Python has deprecated.
        notify.spawn(*WATCH, "--provider", "apprise", "--events", log, HOOK=hook)
        start, end = server.mails
    assert start["subject"] == "densegen run r1 started on demo/lexA"
    body = end.get_body(("plain",))
    assert body is not None
    assert "Rate:" in body.get_content()
    assert "usr events tail demo/lexA -n 20" in body.get_content()


def test_what_apprise_could_not_deliver_is_spooled_and_its_log_kept_from_view(
    notify: Notify, log: Path
) -> None:
    with receiving(answers(then=Answer(500))) as receiver:
        hook = f"json://me:{PASSWORD}@127.0.0.1:{receiver.port}/{TOKEN}"
        result = notify.spawn(*WATCH, "--provider", "apprise", "--tries", "2", "--events", log, HOOK=hook)
        assert "2 spooled" in result.err
        assert "HTTP 500" in result.err
    listed = notify.run("spool", "list", "--format", "jsonl")
    assert "HTTP 500" in json.loads(listed.out.splitlines()[0])["reason"]


def test_an_address_that_apprise_does_not_know_is_refused(notify: Notify, log: Path) -> None:
    refused = notify.spawn(
        *WATCH, "--provider", "apprise", "--events", log, status=3, HOOK=f"pigeon://{TOKEN}"
    )
    assert "Apprise does not know" in refused.err


def test_without_the_extra_its_name_is_told(
    notify: Notify, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    refused = notify.run(*WATCH, "--provider", "apprise", "--events", log, status=3, HOOK="ntfy://topic")
    assert "dnadesign[notify]" in refused.err


def test_a_network_library_that_logs_does_not_tell_addresses(
    notify: Notify, receiver: Receiver, log: Path
) -> None:
    code = "import logging, sys; logging.basicConfig(level=0); from dnadesign.notify.cli.app import run; sys.exit(run(sys.argv[1:]))"
    result = notify.spawn(*WATCH, "--provider", "generic", "--events", log, code=code, HOOK=receiver.url())
    assert "12 messages delivered" in result.err
