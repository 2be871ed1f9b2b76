"""``notify send``, the real program against a real receiver."""

import json
import socket
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.formats.json import JSONFormat
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.notify.console import Notify
from tests.notify.planted import KEY, OTHER_KEY, PASSWORD, TOKEN
from tests.notify.receiver import DROP, GARBAGE, Answer, Receiver, answers, receiving

GENERIC = ("send", "--provider", "generic", "--url-env", "HOOK")


def test_a_message_arrives_as_a_cloud_event(notify: Notify, receiver: Receiver, tmp_path: Path) -> None:
    meta = tmp_path / "meta.json"
    meta.write_text(json.dumps({"plans": 2, "gc": 0.512}))
    notify.run(
        *GENERIC, "--status", "success", "--tool", "densegen", "--run-id", "r1", "--message", "all good",
        "--meta", meta, HOOK=receiver.url(),
    )  # fmt: skip
    (request,) = receiver.requests
    assert request.headers["content-type"].startswith("application/cloudevents+json")
    seen = from_structured(HTTPMessage(headers=request.headers, body=request.body), JSONFormat())
    assert seen.get_type() == "dnadesign.notify.message"
    assert seen.get_subject() == "r1"
    moment = seen.get_time()
    assert moment is not None
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 3600
    data = request.json["data"]
    assert data["title"] == "densegen run r1: success"
    assert data["text"] == "all good"
    assert data["meta"] == {"plans": 2, "gc": 0.512}


def test_a_message_is_signed_so_that_the_public_library_accepts_it(
    notify: Notify, receiver: Receiver
) -> None:
    notify.run(*GENERIC, "-m", "hello", "--signing-ref", "env:KEY", HOOK=receiver.url(), KEY=KEY)
    (request,) = receiver.requests
    assert Webhook(KEY).verify(request.body, request.headers)["data"]["text"] == "hello"
    with pytest.raises(WebhookVerificationError):
        Webhook(KEY).verify(request.body + b" ", request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER_KEY).verify(request.body, request.headers)


def test_while_secrets_are_changed_receivers_with_either_accept(notify: Notify, receiver: Receiver) -> None:
    notify.run(
        *GENERIC, "--signing-ref", "env:NEW", "--signing-ref", "env:OLD", HOOK=receiver.url(), NEW=KEY, OLD=OTHER_KEY
    )  # fmt: skip
    (request,) = receiver.requests
    Webhook(KEY).verify(request.body, request.headers)
    Webhook(OTHER_KEY).verify(request.body, request.headers)


def test_each_try_has_the_same_id_and_a_signature_of_its_own_time(notify: Notify) -> None:
    with receiving(answers(Answer(503), DROP, GARBAGE, Answer(429, {"Retry-After": "1"}))) as receiver:
        notify.run(*GENERIC, "--signing-ref", "env:KEY", HOOK=receiver.url(), KEY=KEY)
        assert len(receiver.requests) == 5
        assert len({request.id for request in receiver.requests}) == 1
        times = [int(request.headers["webhook-timestamp"]) for request in receiver.requests]
        assert times == sorted(times)
        assert times[-1] > times[0]
        for request in receiver.requests:
            Webhook(KEY).verify(request.body, request.headers)


def test_retry_after_is_waited_for(notify: Notify) -> None:
    with receiving(answers(Answer(429, {"Retry-After": "2"}))) as receiver:
        began = time.monotonic()
        notify.run(*GENERIC, HOOK=receiver.url())
        assert time.monotonic() - began >= 2
        assert len(receiver.accepted) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 422])
def test_what_will_not_work_later_fails_at_once(notify: Notify, status: int) -> None:
    with receiving(answers(then=Answer(status, {"Location": "/elsewhere"}))) as receiver:
        result = notify.run(*GENERIC, status=1, HOOK=receiver.url())
        assert len(receiver.requests) == 1
        assert str(status) in result.err


def test_after_410_nothing_is_sent_until_the_destination_is_enabled(notify: Notify) -> None:
    with receiving(answers(Answer(410))) as receiver:
        notify.run(*GENERIC, status=1, HOOK=receiver.url())
        result = notify.run(*GENERIC, status=3, HOOK=receiver.url())
        assert len(receiver.requests) == 1
        assert "notify spool retry --destination env.HOOK" in result.err


def test_a_receiver_that_does_not_answer_is_given_up(notify: Notify) -> None:
    with receiving(answers(then=Answer(delay=5))) as receiver:
        result = notify.run(*GENERIC, "--timeout", "0.3", "--tries", "2", status=1, HOOK=receiver.url())
        assert "no answer within 0.3 s" in result.err
        assert len(receiver.requests) == 2


def test_an_answer_that_drips_in_is_cut_off(notify: Notify) -> None:
    with receiving(answers(Answer(drip=0.1), Answer(200, body=b"x" * 50, drip=0.1))) as receiver:
        result = notify.run(*GENERIC, "--timeout", "0.5", "--tries", "1", status=1, HOOK=receiver.url())
        assert "no answer within 0.5 s" in result.err
        # The second is cut in the middle of its status line too; a later one is whole.
        notify.run(*GENERIC, "--timeout", "0.5", "--tries", "2", HOOK=receiver.url())
        assert len(receiver.requests) == 3


def test_a_status_counts_though_the_rest_of_the_answer_never_ends(notify: Notify) -> None:
    head = b"HTTP/1.1 200 Fine\r\nContent-Length: 1000000000\r\n\r\n"
    with receiving(answers(then=Answer(raw=head + b"x" * 200_000))) as receiver:
        notify.run(*GENERIC, HOOK=receiver.url())
        assert len(receiver.requests) == 1


def test_nobody_listening_is_a_failed_delivery(notify: Notify) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        result = notify.run(*GENERIC, "--tries", "1", status=1, HOOK=f"http://127.0.0.1:{port}/{TOKEN}")
    assert "no connection" in result.err


def test_a_dry_run_shows_the_message_and_sends_nothing(notify: Notify, receiver: Receiver) -> None:
    result = notify.run(*GENERIC, "-m", f"my token is {TOKEN}", "--dry-run", HOOK=receiver.url())
    shown = json.loads(result.out)
    assert shown["destination"] == "env.HOOK"
    assert shown["body"]["data"]["text"] == "my token is [redacted]"
    assert receiver.requests == []
    assert not notify.state.exists()


def test_an_address_can_come_from_a_private_file_only(
    notify: Notify, receiver: Receiver, tmp_path: Path
) -> None:
    secret = tmp_path / "hook.url"
    secret.write_text(receiver.url() + "\n")
    secret.chmod(0o644)
    refused = notify.run("send", "--secret-ref", f"file:{secret}", status=3)
    assert f"chmod 600 {secret}" in refused.err
    secret.chmod(0o600)
    notify.run("send", "--secret-ref", f"file:{secret}")
    assert len(receiver.accepted) == 1


def test_an_address_on_the_command_line_works_and_is_not_repeated(notify: Notify, receiver: Receiver) -> None:
    notify.run("send", "--url", receiver.url(), "-m", "hi")
    assert len(receiver.accepted) == 1


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["send"], 2),
        (["send", "--url", "http://127.0.0.1:1/a", "--url-env", "HOOK"], 2),
        (["send", "--secret-ref", TOKEN], 2),
        (["send", "--url", f"ftp://127.0.0.1/{TOKEN}"], 3),
        (["send", "--url", f"https:///{TOKEN}"], 3),
        (["send", "--url", f"https://[{TOKEN}"], 3),
        (["send", "--url", f"http://hooks.example.org/{TOKEN}"], 3),
        (["send", f"https://hooks.slack.com/services/T0/B0/{TOKEN}"], 2),
        (["send", "--url-env", "NOT_SET_ANYWHERE"], 4),
        (["send", "--profile", "none"], 4),
        (["send", "--url-env", "HOOK", "--meta", "missing.json"], 4),
        (["send", "--url-env", "HOOK", "--signing-ref", "env:SHORT"], 3),
        (["send", "--url-env", "HOOK", "--provider", "slack", "--signing-ref", "env:SHORT"], 2),
    ],
)
def test_a_slip_has_an_exit_status_of_its_kind_and_shows_no_secret(
    notify: Notify, args: list[str], status: int
) -> None:
    hook = f"http://someone:{PASSWORD}@127.0.0.1:1/{TOKEN}"
    result = notify.run(*args, status=status, HOOK=hook, SHORT="whsec_c2hvcnQ=")
    assert result.err.startswith("error: ")
    assert "Traceback" not in result.err


def test_tls_is_verified_against_the_authorities_that_are_named(notify: Notify, tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    trusted, other = tmp_path / "ca.pem", tmp_path / "other.pem"
    authority.cert_pem.write_to_path(trusted)
    stranger.cert_pem.write_to_path(other)
    with receiving(context=context) as receiver:
        notify.run(*GENERIC, "--ca-file", trusted, HOOK=receiver.url())
        assert len(receiver.accepted) == 1
        refused = notify.run(*GENERIC, "--ca-file", other, status=1, HOOK=receiver.url())
        assert "the certificate was not accepted" in refused.err
        notify.run(*GENERIC, status=1, HOOK=receiver.url())
        assert len(receiver.requests) == 1


def test_a_status_that_is_hardly_a_word_is_sent_and_told(notify: Notify, receiver: Receiver) -> None:
    told = notify.run(*GENERIC, "--status", "sucess", HOOK=receiver.url())
    assert "did you mean 'success'?" in told.err
    for word in ("success", "note", "in review", "FAILED"):
        assert "did you mean" not in notify.run(*GENERIC, "--status", word, HOOK=receiver.url()).err
    assert len(receiver.requests) == 5
