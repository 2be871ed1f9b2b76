"""``notify profile``, and watching and sending by one."""

import json
from pathlib import Path

import pytest

from dnadesign.notify.adapters.durable_files import read_json
from dnadesign.notify.adapters.profile_files import parse_profile, read_profile
from dnadesign.notify.contract.errors import ProfileError, StateFileError
from tests.notify.console import Notify
from tests.notify.event_logs import append, dataset_folder, event, imports
from tests.notify.planted import KEY, TOKEN, found_in_text
from tests.notify.receiver import Answer, Receiver, answers, receiving


def checks(notify: Notify, *args: str, status: int = 0, **env: str) -> dict[str, dict[str, str]]:
    result = notify.run("profile", "doctor", *args, "--format", "jsonl", status=status, **env)
    return {check["check"]: check for check in map(json.loads, result.out.splitlines())}


def test_a_profile_is_made_checked_and_used(notify: Notify, receiver: Receiver, tmp_path: Path) -> None:
    log = append(dataset_folder(tmp_path), imports(range(3)))
    made = notify.run(
        "profile", "init", "lab", "--events", log, "--provider", "generic", stdin=receiver.url() + "\n"
    )
    assert "notify profile doctor lab" in made.err
    secret = notify.config / "secrets" / "lab.url"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert notify.run("profile", "show").out == "lab\n"
    assert "file:" in notify.run("profile", "show", "lab").out
    found = checks(notify, "lab", "--send-test")
    assert {check["result"] for check in found.values()} == {"ok"}
    assert receiver.requests[0].json["data"]["text"] == "This is a test of profile lab."
    notify.run("usr-events", "watch", "--profile", "lab")
    assert len(receiver.accepted) == 4
    assert "0 lines have not been read" in checks(notify, "lab")["cursor"]["detail"]
    notify.run("send", "--profile", "lab", "-m", "done")
    assert receiver.accepted[4].json["data"]["text"] == "done"


def test_a_profile_signs_folds_and_filters_as_it_says(
    notify: Notify, receiver: Receiver, tmp_path: Path
) -> None:
    log = append(
        dataset_folder(tmp_path), [event("densegen_started"), *imports(range(1, 9)), event("init", number=9)]
    )
    notify.run(
        "profile", "init", "lab", "--url-env", "HOOK", "--signing-ref", "env:KEY", "--events", log,
        "--progress-every", "5", HOOK=receiver.url(),
    )  # fmt: skip
    path = notify.config / "profiles" / "lab.yaml"
    path.write_text(path.read_text() + "only_actions: [densegen_started, import_rows]\ninclude: [context]\n")
    notify.run("usr-events", "watch", "--profile", "lab", HOOK=receiver.url(), KEY=KEY)
    started, progress = receiver.accepted
    assert started.json["data"]["context"]["actor"]["host"] == "node7"
    assert "webhook-signature" in started.headers
    assert progress.json["data"]["folded"]["events"] == 8


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("provider: slack\nwebhook: {env: A}\nurl: x\n", ":3:", "url"),
        ("provider: slack\nwebhook:\n  env: A\n  file: /b\n", ":2:", "exactly one"),
        ("provider: slack\n", ":1:", "webhook"),
        ("provider: pigeon\nwebhook: {env: A}\n", ":1:", "provider"),
        (f"provider: slack\nwebhook: https://hooks.slack.com/services/{TOKEN}\n", ":2:", "webhook"),
        (f"provider: slack\nwebhook: {{env: '{TOKEN}'}}\n", ":2:", "webhook.env"),
        (f"provider: slack\nwebhook: {{env: A}}\n{TOKEN}: [\n", ":4:", "not YAML"),
        ("provider: slack\nprovider: teams\nwebhook: {env: A}\n", ":2:", "second time"),
        ("provider: slack\nwebhook: {file: a}\n", ":2:", "full path"),
        ("provider: slack\nwebhook: {env: A}\nsigning: [{env: B}]\n", ":1:", "signing"),
        ("provider: slack\nwebhook: {env: A}\nprogress_every_minutes: often\n", ":3:", "number"),
        ("provider: slack\nwebhook: {env: A}\nsource: {root: /r}\n", ":3:", "dataset"),
        ("version: 2\nprovider: slack\nwebhook: {env: A}\n", ":1:", "version"),
        ("- a\n", "", "mapping"),
        ("", "", "mapping"),
    ],
)
def test_a_slip_in_a_profile_is_told_with_its_line_and_without_what_stands_there(
    text: str, where: str, problem: str
) -> None:
    with pytest.raises(ProfileError) as caught:
        parse_profile(text, path=Path("lab.yaml"))
    assert f"lab.yaml{where}" in str(caught.value)
    assert problem in str(caught.value)
    assert not found_in_text(str(caught.value).replace(f"\n{TOKEN}", ""))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version: 1\nsigning: &a [*a]", "lab.yaml:2: an anchor or alias"),
        ("version: 1\nprovider: !slack x", "lab.yaml:2: a tag"),
        ("version: 1\n? [provider]\n: slack", "lab.yaml:2: a key is a text"),
        ("[" * 5000, "nested too deeply"),
        ("version: 0x_", "a date or number that there is not"),
        ("version: 2026-13-45", "a date or number that there is not"),
    ],
)
def test_yaml_that_no_profile_needs_is_refused_at_once(text: str, told: str) -> None:
    with pytest.raises(ProfileError) as caught:
        parse_profile(text, path=Path("lab.yaml"))
    assert told in str(caught.value)


def test_a_profile_that_is_too_long_is_refused_and_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "profiles" / "lab.yaml"
    path.parent.mkdir()
    path.write_text("version: 1\nprovider: slack\nwebhook: {env: HOOK}\n" + "#" * (1 << 16))
    with pytest.raises(ProfileError, match="at most 65,536 bytes"):
        read_profile(tmp_path, "lab")


def test_the_doctor_names_each_problem_and_its_mend(notify: Notify, tmp_path: Path) -> None:
    secret = tmp_path / "hook.url"
    secret.write_text(f"https://hooks.slack.com/services/T0/B0/{TOKEN}")
    secret.chmod(0o644)
    notify.run(
        "profile", "init", "lab", "--provider", "generic", "--url-env", "HOOK", "--signing-ref", "env:KEY",
        "--events", tmp_path / "none" / ".events.log",
    )  # fmt: skip
    assert "HOOK is not set" in checks(notify, "lab", status=1)["address"]["detail"]
    path = notify.config / "profiles" / "lab.yaml"
    path.write_text(path.read_text().replace("env: HOOK", f"file: {secret}"))
    assert checks(notify, "lab", status=1)["address"]["mend"] == f"chmod 600 {secret}"
    secret.chmod(0o600)
    found = checks(notify, "lab", status=1)
    assert found["address"]["mend"] == "set provider: slack"
    assert "KEY is not set" in found["signing"]["detail"]
    assert found["event log"]["result"] == "note"
    secret.write_text(TOKEN)
    assert "not an https address" in checks(notify, "lab", status=1)["address"]["detail"]
    path.write_text("provider: [\n")
    assert list(checks(notify, "lab", status=1)) == ["profile"]


def test_the_doctor_sees_what_is_spooled_and_what_is_disabled(notify: Notify, tmp_path: Path) -> None:
    log = append(dataset_folder(tmp_path), imports(range(2)))
    with receiving(answers(Answer(410))) as receiver:
        notify.run("profile", "init", "lab", "--provider", "generic", "--url-env", "HOOK", "--events", log)
        notify.run("usr-events", "watch", "--profile", "lab", HOOK=receiver.url())
        found = checks(notify, "lab", status=1, HOOK=receiver.url())["spool"]
        assert found["mend"].endswith("notify spool retry --destination lab")
        notify.run("spool", "retry", "--destination", "lab", HOOK=receiver.url())
        assert checks(notify, "lab", HOOK=receiver.url())["spool"]["result"] == "ok"
        notify.run("send", "--profile", "lab", HOOK=receiver.url())


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["profile", "init", "../lab", "--url-env", "HOOK"], 2),
        (["profile", "init", "lab", "--url-env", "HOOK", "--secret-ref", "env:HOOK"], 2),
        (["profile", "init", "lab", "--url-env", "OTHER"], 2),
        (["profile", "init", "lab"], 2),
        (["profile", "init", "lab", "--url-env", "HOOK", "--dataset", "a"], 2),
        (["profile", "init", "lab", "--url-env", "HOOK", "--provider", "slack", "--signing-ref", "env:K"], 2),
        (["profile", "init", "taken", "--url-env", "HOOK"], 3),
        (["profile", "show", "lab"], 4),
        (["usr-events", "watch", "--profile", "lab"], 4),
        (["usr-events", "watch", "--profile", "taken"], 2),
        (["send", "--profile", "taken", "--provider", "slack"], 2),
    ],
)
def test_a_slip_has_an_exit_status_of_its_kind(notify: Notify, args: list[str], status: int) -> None:
    hook = f"http://127.0.0.1:1/{TOKEN}"
    notify.run("profile", "init", "taken", "--url-env", "HOOK", HOOK=hook)
    result = notify.run(*args, status=status, HOOK=hook)
    assert result.err.startswith("error: ")
    assert "Traceback" not in result.err
    assert not (notify.config / "profiles" / "lab.yaml").exists()


def test_a_state_folder_that_cannot_be_made_is_told(
    notify: Notify, receiver: Receiver, tmp_path: Path
) -> None:
    log = append(dataset_folder(tmp_path), imports(range(1)))
    blocked = tmp_path / "file"
    blocked.write_text("")
    result = notify.run(
        "usr-events", "watch", "--url-env", "HOOK", "--events", log, "--state-dir", blocked / "state",
        status=1, HOOK=receiver.url(),
    )  # fmt: skip
    assert "--state-dir" in result.err
    assert receiver.requests == []
    assert [path.name for path in log.parent.iterdir()] == [".events.log"]


WRONG = {
    "there is no such key": "provider: slack\nwebhook: {env: HOOK}\nchannel: x\n",
    "exactly one of env": "provider: slack\nwebhook: {env: HOOK, file: /x}\n",
    "this key is needed": "provider: slack\n",
    "expected 'generic', 'slack'": "provider: slak\nwebhook: {env: HOOK}\n",
    "expected keys and values": f"provider: slack\nwebhook: https://hooks.slack.com/services/{TOKEN}\n",
    "expected a variable's name": "provider: slack\nwebhook: {env: a-b}\n",
    "a full path is needed": "provider: slack\nwebhook: {file: s}\n",
    "expected a value greater than": "provider: slack\nwebhook: {env: HOOK}\nsilence_minutes: 0\n",
    "expected a list": "provider: slack\nwebhook: {env: HOOK}\nonly_tools: densegen\n",
    "not YAML": "provider: slack\n\twebhook: x\n",
    "a mapping of keys to values": "- slack\n",
    "a second time": "provider: slack\nprovider: slack\nwebhook: {env: HOOK}\n",
    "raw-event is for provider generic": "provider: slack\nwebhook: {env: HOOK}\ninclude: [raw-event]\n",
    "NOT_SET is not set": "provider: slack\nwebhook: {env: NOT_SET}\n",
    "is not there": "provider: slack\nwebhook: {file: /no/such/file}\n",
    "is not a file": "provider: slack\nwebhook: {file: /}\n",
    "must hold one secret": "provider: slack\nwebhook: {file: /HOME/two}\n",
    "everybody on the way": "provider: generic\nwebhook: {env: PLAIN}\n",
    "not an https address": "provider: generic\nwebhook: {env: MAIL}\n",
    "is not a PEM file": "provider: generic\nwebhook: {env: HTTPS}\nca_file: /etc/hostname\n",
    "is not base64": "provider: generic\nwebhook: {env: HTTPS}\nsigning: [{env: HTTPS}]\n",
    "is not a dataset id": "provider: generic\nwebhook: {env: HTTPS}\nsource: {root: /r, dataset: ../x}\n",
}


@pytest.mark.parametrize("detail", WRONG)
def test_whatever_is_wrong_is_explained_in_plain_words_with_its_mend(notify: Notify, detail: str) -> None:
    two = notify.home / "two"
    two.write_text("one two")
    two.chmod(0o600)
    path = notify.config / "profiles" / "lab.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(WRONG[detail].replace("/HOME", str(notify.home)))
    hooks = {
        "HOOK": f"https://hooks.slack.com/services/T0/B0/{TOKEN}",
        "HTTPS": f"https://example.org/{TOKEN}",
        "PLAIN": f"http://example.org/{TOKEN}",
        "MAIL": f"mailto://example.org/{TOKEN}",
    }
    found = [
        check for check in checks(notify, "lab", status=1, **hooks).values() if check["result"] == "problem"
    ]
    path.unlink()  # one of them holds an address
    assert len(found) == 1
    assert detail in found[0]["detail"]
    assert found[0]["mend"]
    for word in ("Value error", "Input should", "instance of", "pattern", "Errno", "Extra inputs"):
        assert word not in found[0]["detail"]


def test_a_terabyte_in_place_of_a_profile_or_a_cursor_is_refused_without_being_read_whole(
    tmp_path: Path,
) -> None:
    path = tmp_path / "profiles" / "lab.yaml"
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a hole, which takes no room
    with pytest.raises(ProfileError, match="at most 65,536 bytes"):
        read_profile(tmp_path, "lab")
    with pytest.raises(StateFileError, match="not a JSON object of at most"):
        read_json(path)
