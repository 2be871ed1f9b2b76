"""What docs/notify says is so: commands parse, the profile loads, the receiver verifies."""

import json
import os
import re
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from dnadesign.notify.adapters.profile_files import parse_profile
from dnadesign.notify.contract.profile import Profile
from tests.notify.console import Notify
from tests.notify.event_logs import append, dataset_folder, event
from tests.notify.mail_server import taking_mail
from tests.notify.planted import KEY, found_in_text
from tests.notify.receiver import Receiver

DOCS = Path(__file__).resolve().parents[2] / "docs" / "notify"
PAGES = sorted(DOCS.glob("*.md"))


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def commands() -> set[tuple[str, ...]]:
    """Every notify command in the docs and helps: its words up to the first option, and its options."""
    found = set()
    sources = [*PAGES, *(DOCS.parents[1] / "src" / "dnadesign" / "notify" / "cli").glob("*.py")]
    for page in sources:
        for match in re.finditer(r"notify ((?:send|profile|spool|usr-events)[^\n`'\"#]*)", page.read_text()):
            words = match[1].split()
            path = words[:1] if words[0] == "send" else words[:2]
            found.add((" ".join(path), *sorted(word for word in words if re.fullmatch(r"--[a-z-]+", word))))
    return found


# What a reader's machine has and ours need not: a terminal that stays, a scheduler, a run. Following would never end.
SHIMS = {
    "notify": f"""words=(); for word in "$@"; do [ "$word" = --follow ] || words+=("$word"); done
exec {sys.executable} -m dnadesign.notify.cli.app "${{words[@]}}" """,
    "python": f'exec {sys.executable} "$@"',
    "tmux": 'exec bash -c "${@: -1}"',
    "sbatch": 'exec bash -c "${@: -1}"',
    "dense": "exit 0",
    "pip": "exit 0",
}


def run_as_written(page: str, notify: Notify, folder: Path, *, stdin: str, **env: str) -> str:
    """Run all shell blocks of a page, one after the other, in a folder with a log; what they said."""
    places = folder / "bin"
    places.mkdir()
    for name, body in SHIMS.items():
        (places / name).write_text(f"#!/bin/bash\n{body}\n")
        (places / name).chmod(0o755)
    script = "\n".join(textwrap.dedent(block) for block in blocks(page, "sh"))
    script = re.sub(r"^\*/5 \* \* \* \* ", "", script, flags=re.MULTILINE)  # cron's part of the line
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, input=stdin, text=True, capture_output=True, check=False,
        env=notify.environment(PATH=f"{places}:{os.environ['PATH']}", **env),
    )  # fmt: skip
    assert not found_in_text(ended.stdout + ended.stderr)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder with the dataset that the pages speak of, in which a run has ended."""
    folder = tmp_path / "work"
    dataset = folder / "runs" / "data" / "demo" / "lexA"
    dataset.mkdir(parents=True)
    append(dataset, [event("densegen_started"), event("densegen_completed", number=60)])
    return folder


def titles(receiver: Receiver) -> list[str]:
    return [request.json["data"]["title"] for request in receiver.accepted]


def test_the_way_to_slack_works_as_it_is_written(notify: Notify, receiver: Receiver, workplace: Path) -> None:
    run_as_written("slack.md", notify, workplace, stdin=f"{receiver.url()}\n")
    assert titles(receiver) == [
        "notify: test", "densegen run r1 started on demo/lexA", "densegen run r1 completed in 1 min",
    ]  # fmt: skip


def test_the_ways_on_a_cluster_work_as_they_are_written(
    notify: Notify, receiver: Receiver, workplace: Path
) -> None:
    log = workplace / "runs" / "data" / "demo" / "lexA"
    notify.run("profile", "init", "lab", "--events", log, stdin=f"{receiver.url()}\n")
    said = run_as_written(
        "cluster.md", notify, workplace, stdin="", JOB="7", SLURM_JOB_ID="7", SLACK_HOOK=receiver.url()
    )
    assert titles(receiver) == [
        "densegen run r1 started on demo/lexA", "densegen run r1 completed in 1 min", "densegen run 7: success",
    ]  # fmt: skip
    assert "nothing is waiting" in said


def test_the_way_to_a_mail_works_as_it_is_written(notify: Notify, workplace: Path) -> None:
    with taking_mail() as server:
        hook = f"mailto://127.0.0.1:{server.port}?from=lab@example.org&to=me@example.org&mode=insecure"
        run_as_written("services.md", notify, workplace, stdin=f"{hook}\n")
        assert [mail["subject"] for mail in server.mails] == ["notify: test"]


def test_the_other_commands_work_as_they_are_written(
    notify: Notify, receiver: Receiver, workplace: Path
) -> None:
    run_as_written("webhooks.md", notify, workplace, stdin="", HOOK=receiver.url(), HOOK_KEY=KEY)
    assert all("webhook-signature" in request.headers for request in receiver.accepted)
    assert (workplace / "hook.key").stat().st_mode & 0o777 == 0o600
    notify.run(
        "send", "--url-env", "HOOK", "--signing-ref", f"file:{workplace / 'hook.key'}", HOOK=receiver.url()
    )
    assert len(receiver.accepted) == 3


def test_one_message_from_a_script_works_as_it_is_written(
    notify: Notify, receiver: Receiver, workplace: Path
) -> None:
    run_as_written("README.md", notify, workplace, stdin="", SLACK_HOOK=receiver.url())
    assert titles(receiver) == ["align run r7: success"]


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
