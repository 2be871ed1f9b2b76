"""Redaction, signing ids, Retry-After, message formats: the rules without the world around them."""

import json
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.notify.contract.destinations import Provider, guess_provider
from dnadesign.notify.contract.errors import SecretRefused
from dnadesign.notify.contract.events import Kind, kind_of_action
from dnadesign.notify.contract.formats import http_body, plain_body
from dnadesign.notify.contract.messages import Message, message_from_dict
from dnadesign.notify.contract.outcomes import (
    Attempt,
    DeliveryPolicy,
    Outcome,
    attempt_of_status,
    parse_retry_after,
    wait_before,
)
from dnadesign.notify.contract.secrets import Redactor, Secret
from dnadesign.notify.contract.signing import check_signing_secret, message_id
from dnadesign.notify.operations._wording import duration_words
from tests.notify.planted import KEY, PASSWORD, TOKEN, found_in_text

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
texts = st.text(max_size=4000)
messages = st.builds(
    Message,
    key=texts,
    kind=st.sampled_from(Kind),
    title=texts,
    time=st.just("2026-11-22T12:00:00Z"),
    type=st.just("t"),
    source=st.just("s"),
    text=texts,
    facts=st.lists(st.tuples(texts, texts), max_size=40).map(tuple),
    command=st.none() | texts,
    data=st.dictionaries(st.text(max_size=5), st.integers() | texts, max_size=3),
)


@pytest.mark.parametrize(
    "text",
    [
        f"POST https://hooks.slack.com/services/T0/B0/{TOKEN} failed",
        f"https://discord.com/api/webhooks/123/{TOKEN}?wait=true",
        f"see https://x.logic.azure.com:443/workflows/{TOKEN}/triggers",
        f"postgresql://me:{PASSWORD}@db.example.org/x",
        f"https://example.org/a?b=1&token={TOKEN}",
        f"Authorization: Bearer {TOKEN}",
        f'{{"authorization": "Basic {TOKEN}"}}',
        f"the key is {KEY}",
    ],
)
def test_what_looks_like_a_secret_is_redacted_whoever_wrote_it(text: str) -> None:
    assert found_in_text(text)
    assert not found_in_text(Redactor().text(text))


@pytest.mark.parametrize(
    "text",
    [
        "the author of basic sequences",
        "token count 12",
        "https://example.org/docs/page",
        "ACGT" * 1000,
        "key=lexA",
    ],
)
def test_ordinary_words_are_left_alone(text: str) -> None:
    assert Redactor().text(text) == text


@given(st.text("abcXYZ0189-_.~!$'()*+,;:@|<>", min_size=16, max_size=40), texts)
def test_a_known_secret_is_redacted_wherever_it_stands(token: str, around: str) -> None:
    redactor = Redactor([Secret(f"https://hooks.example.org/in/{token}")])
    text = redactor.text(around + token + around)
    shown = redactor.value({"a": [around + token, {"k" + token: 1}], "n": 1.5})
    assert isinstance(shown, dict)
    first, second = shown["a"]
    assert [token in text, token in first, token in next(iter(second)), shown["n"]] == [
        False,
        False,
        False,
        1.5,
    ]


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret(TOKEN)
    assert TOKEN not in f"{secret} {secret!r} {[secret]}"


def test_redaction_takes_time_in_proportion_to_the_text() -> None:
    # Patterns that try every start against every end would take hours for this.
    assert Redactor().text("A" * 1_000_000).startswith("A")


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "short", "whsec_c2hvcnQ=", "not base64 at all, but long enough!"]
)
def test_a_signing_secret_that_is_none_is_refused(secret: str) -> None:
    with pytest.raises(SecretRefused):
        check_signing_secret(Secret(secret))


def test_the_id_of_a_message_depends_on_what_and_where_to_alone() -> None:
    assert message_id("e1", "slack") == message_id("e1", "slack")
    assert len({message_id(key, to) for key in ("e1", "e2") for to in ("slack", "mail")}) == 4


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.DELIVERED),
        (202, Outcome.DELIVERED),
        (204, Outcome.DELIVERED),
        (301, Outcome.REFUSED),
        (400, Outcome.REJECTED),
        (401, Outcome.REFUSED),
        (404, Outcome.REFUSED),
        (408, Outcome.AGAIN),
        (410, Outcome.GONE),
        (413, Outcome.REJECTED),
        (429, Outcome.AGAIN),
        (500, Outcome.AGAIN),
        (503, Outcome.AGAIN),
    ],
)
def test_each_status_means_one_thing(status: int, outcome: Outcome) -> None:
    assert attempt_of_status(status, {}, now=NOW).outcome is outcome


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0.25", 0.25),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_understood_in_all_its_forms(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text, now=NOW) == seconds


@given(st.text(max_size=60))
def test_no_retry_after_is_too_odd_to_be_read(text: str) -> None:
    seconds = parse_retry_after(text, now=NOW)
    assert seconds is None or seconds >= 0


@given(st.integers(1, 30), st.none() | st.floats(0, 1e6), st.integers())
def test_a_wait_is_never_shorter_than_asked_for_nor_longer_than_allowed(
    tries_made: int, retry_after: float | None, seed: int
) -> None:
    policy = DeliveryPolicy(tries=20)
    attempt = Attempt(Outcome.AGAIN, "", retry_after=retry_after)
    wait = wait_before(attempt, tries_made=tries_made, policy=policy, chance=random.Random(seed))
    if wait is None:
        assert tries_made >= policy.tries or (retry_after or 0) + policy.longest_wait > policy.longest_wait
    else:
        assert (retry_after or 0) <= wait <= policy.longest_wait


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("densegen_started", Kind.START),
        ("densegen_completed", Kind.END),
        ("densegen_failed", Kind.FAILURE),
        ("import_rows", Kind.PROGRESS),
        ("write_overlay_part", Kind.PROGRESS),
        ("success", Kind.END),
        ("registry_freeze", Kind.NOTABLE),
        ("", Kind.NOTABLE),
    ],
)
def test_the_last_word_of_an_action_says_what_kind_of_news_it_is(action: str, kind: Kind) -> None:
    assert kind_of_action(action) is kind


@given(messages)
def test_every_message_keeps_within_the_bounds_of_its_provider(message: Message) -> None:
    assert message_from_dict(json.loads(json.dumps(message.to_dict())), path="x") == message
    plain_body(message)
    slack = json.loads(http_body(message, Provider.SLACK)[0])
    assert len(slack["blocks"]) <= 50
    for block in slack["blocks"]:
        assert len(block.get("fields", [])) <= 10
        assert all(len(field["text"]) <= 2000 for field in block.get("fields", []))
        if "text" in block:
            assert len(block["text"]["text"]) <= (150 if block["type"] == "header" else 3000)
    discord = json.loads(http_body(message, Provider.DISCORD)[0])
    assert len(discord["content"]) <= 2000
    assert discord["allowed_mentions"] == {"parse": []}
    teams = json.loads(http_body(message, Provider.TEAMS)[0])
    assert teams["attachments"][0]["content"]["type"] == "AdaptiveCard"
    event = json.loads(http_body(message, Provider.GENERIC)[0])
    assert event["specversion"] == "1.0"


def test_what_a_run_wrote_cannot_call_people_or_format_the_message() -> None:
    message = Message(
        key="k",
        kind=Kind.NOTE,
        title="<!channel> *x* @everyone",
        time="t",
        type="t",
        source="s",
        text="[a](http://b) <@U1>",
    )
    slack = http_body(message, Provider.SLACK)[0].decode()
    assert "<!channel>" not in json.loads(slack)["text"]
    assert "<@U1>" not in slack
    assert "\\*x\\*" in json.loads(http_body(message, Provider.DISCORD)[0])["content"]
    assert (
        "\\[a\\]"
        in json.loads(http_body(message, Provider.TEAMS)[0])["attachments"][0]["content"]["body"][1]["text"]
    )


@pytest.mark.parametrize(
    ("address", "provider"),
    [
        ("https://hooks.slack.com/services/T/B/x", Provider.SLACK),
        ("https://discord.com/api/webhooks/1/x", Provider.DISCORD),
        ("https://prod-1.westeurope.logic.azure.com/workflows/x", Provider.TEAMS),
        ("https://hooks.slack.com.example.org/x", None),
        ("https://example.org/hooks.slack.com", None),
    ],
)
def test_a_provider_is_told_by_its_host(address: str, provider: Provider | None) -> None:
    assert guess_provider(Secret(address)) is provider


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3600, "1 h"),
        (7380, "2 h 3 min"),
        (86400 * 3 + 3600 * 4, "3 d 4 h"),
    ],
)
def test_durations_are_said_as_people_say_them(seconds: int, words: str) -> None:
    assert duration_words(timedelta(seconds=seconds)) == words
