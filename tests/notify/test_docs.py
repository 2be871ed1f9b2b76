"""What docs/notify says is so: commands parse, the profile loads, the receiver verifies."""

import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dnadesign.notify.adapters.profile_files import parse_profile
from dnadesign.notify.contract.profile import Profile
from tests.notify.console import Notify
from tests.notify.event_logs import append, dataset_folder, event
from tests.notify.planted import KEY
from tests.notify.receiver import Receiver

DOCS = Path(__file__).resolve().parents[2] / "docs" / "notify"
PAGES = sorted(DOCS.glob("*.md"))


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def commands() -> set[tuple[str, ...]]:
    """Every notify command in the docs: its words up to the first option, and its options."""
    found = set()
    for page in PAGES:
        for match in re.finditer(r"notify ((?:send|profile|spool|usr-events)[^\n`'#]*)", page.read_text()):
            words = match[1].split()
            path = words[:1] if words[0] == "send" else words[:2]
            found.add((" ".join(path), *sorted(word for word in words if re.fullmatch(r"--[a-z-]+", word))))
    return found


def test_every_link_between_the_pages_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^):]+)\)", page.read_text()):
            assert (DOCS / target).exists(), (page, target)


@pytest.mark.parametrize("command", sorted(commands()), ids=" ".join)
def test_every_command_and_option_in_the_docs_exists(notify: Notify, command: tuple[str, ...]) -> None:
    path, *options = command
    shown = notify.run(*path.split(), "--help").out
    for option in options:
        assert re.search(rf"{option}\b", shown), option


def test_the_example_of_a_profile_uses_every_key_and_is_taken() -> None:
    (text,) = blocks("profiles.md", "yaml")
    profile = parse_profile(text, path=Path("lab.yaml"))
    assert profile.model_fields_set == set(Profile.model_fields)
    assert profile.delivery.model_fields_set == set(type(profile.delivery).model_fields)


def test_the_example_of_a_message_has_the_fields_of_a_real_one(
    notify: Notify, receiver: Receiver, tmp_path: Path
) -> None:
    (text,) = blocks("webhooks.md", "json")
    health = event("densegen_health", metrics={"quota": 3000})
    log = append(
        dataset_folder(tmp_path), [health, event("import_rows", number=1, metrics={"rows": 100, "bytes": 1})]
    )
    notify.run("usr-events", "watch", "--events", log, "--url-env", "HOOK", HOOK=receiver.url())
    shown, real = json.loads(text), receiver.requests[1].json
    assert set(shown) == set(real)
    assert set(shown["data"]) == set(real["data"])
    assert set(shown["data"]["run"]) == set(real["data"]["run"])
    assert set(shown["data"]["facts"]) <= set(real["data"]["facts"])


def test_the_example_of_a_receiver_takes_what_is_signed_and_nothing_else(
    notify: Notify, tmp_path: Path
) -> None:
    (code,) = blocks("webhooks.md", "python")
    script = tmp_path / "receiver.py"
    script.write_text(code)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    environment = notify.environment(HOOK_KEY=KEY)
    process = subprocess.Popen(
        [sys.executable, script, str(port)], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        wait_for_port(port)
        send = ("send", "--url-env", "HOOK", "--tool", "densegen", "--status", "started")
        hook = f"http://127.0.0.1:{port}/"
        notify.run(*send, "--signing-ref", "env:HOOK_KEY", HOOK=hook, HOOK_KEY=KEY)
        assert "401" in notify.run(*send, status=1, HOOK=hook).err
        assert process.stdout is not None
        assert process.stdout.readline() == "dnadesign.notify.message densegen: started\n"
    finally:
        process.kill()
        process.communicate()


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("nobody listens")
