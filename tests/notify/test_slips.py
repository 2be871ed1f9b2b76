"""Small slips are told where they are made: a misspelled action or key, a spool that nobody empties, a refused file."""

import errno
import os
from pathlib import Path

import pytest

from dnadesign.notify.adapters.profile_files import parse_profile
from dnadesign.notify.cli import spool as spool_command
from dnadesign.notify.cli.app import run
from dnadesign.notify.contract.errors import ProfileError
from dnadesign.notify.contract.events import KNOWN_ACTIONS, doubt_about_action, doubt_about_tool
from dnadesign.notify.operations._wording import _DEEDS
from dnadesign.usr.contract.events import LIBRARY_ACTIONS
from tests.notify.console import WATCH_HOOK, Notify
from tests.notify.event_logs import append, dataset_folder, imports
from tests.notify.receiver import Answer, receiving

WATCH = (*WATCH_HOOK, "--tries", "1", "--backoff", "0.01")


def test_a_watch_says_what_waits_in_the_spool_though_it_had_nothing_new(
    notify: Notify, tmp_path: Path
) -> None:
    log = append(dataset_folder(tmp_path), imports(range(3)))
    with receiving(lambda number: Answer(500)) as receiver:
        first = notify.run(*WATCH, "--events", log, HOOK=receiver.url())
        second = notify.run(*WATCH, "--events", log, HOOK=receiver.url())
    assert "3 messages waiting in the spool (notify spool list" in first.err
    assert "0 events: 0 messages delivered; 3 messages waiting in the spool" in second.err


def test_a_damaged_line_is_told_with_its_path_once(notify: Notify, tmp_path: Path) -> None:
    log = append(dataset_folder(tmp_path), imports([0]))
    offset = log.stat().st_size
    with log.open("ab") as file:
        file.write(b"not JSON\n{}\n")
    with receiving() as receiver:
        told = notify.run(*WATCH, "--events", log, HOOK=receiver.url()).err
    about = [line for line in told.splitlines() if "not an event" in line]
    assert len(about) == 2
    assert all(line.count(str(log)) == 1 for line in about)
    assert f"byte {offset}: not an event: the line" in about[0]


def test_an_action_that_nobody_here_logs_is_doubted_and_taken(notify: Notify, tmp_path: Path) -> None:
    log = append(dataset_folder(tmp_path), imports([0]))
    with receiving() as receiver:
        told = notify.run(
            *WATCH, "--events", log, "--only-actions", "densegen_complete,import_rows", HOOK=receiver.url()
        ).err
    assert told.count("warning: ") == 1
    assert "'densegen_complete'" in told
    assert "did you mean 'densegen_completed'?" in told
    assert "did you mean" not in str(doubt_about_action("align_finished"))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("densgen", "densegen"),
        ("dense", "densegen"),
        ("Densegen", "densegen"),
        ("urs", "usr"),
        ("USR", "usr"),
    ],
)
def test_a_tool_that_is_nearly_called_like_one_here_is_doubted_and_taken(
    notify: Notify, tmp_path: Path, typed: str, meant: str
) -> None:
    log = append(dataset_folder(tmp_path), imports([0]))
    told = notify.run(
        *WATCH, "--events", log, "--dry-run", "--only-tools", f"usr,{typed}", HOOK="https://x.org/a"
    ).err
    (warning,) = [line for line in told.splitlines() if "warning: " in line]
    assert warning.endswith(f"{typed!r} in its events; did you mean {meant!r}?")


@pytest.mark.parametrize("tool", ["usr", "densegen", "align", "mapper", "infer"])
def test_a_tool_of_another_name_is_not_doubted(tool: str) -> None:
    assert doubt_about_tool(tool) is None


def test_every_action_of_usr_is_known() -> None:
    assert LIBRARY_ACTIONS | set(_DEEDS) <= KNOWN_ACTIONS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("provder: slack\nwebhook: {env: HOOK}\n", "p.yaml:1: provder: there is no such key; did you mean 'provider'?"),
        ("provider: slack\nwebhook: {evn: HOOK}\n", "p.yaml:2: webhook.evn: there is no such key; did you mean 'env'?"),
        ("provider: slack\nwebhook: {env: HOOK}\nqqq: 1\n", "p.yaml:3: qqq: there is no such key"),
    ],
)  # fmt: skip
def test_a_misspelled_key_of_a_profile_is_told_with_the_one_that_was_meant_and_once(
    text: str, said: str
) -> None:
    with pytest.raises(ProfileError) as caught:
        parse_profile(text, path=Path("p.yaml"))
    assert said in caught.value.message.splitlines()
    assert "this key is needed" not in caught.value.message


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EISDIR])
def test_a_file_that_the_system_refuses_is_told_with_its_path_and_a_mend(
    number: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number), "/somewhere/spool")

    monkeypatch.setattr(spool_command, "find_spools", refuse)
    assert run(["spool", "list"]) == 1
    error, mend = capfd.readouterr().err.splitlines()
    assert error == f"error: /somewhere/spool: {os.strerror(number)}"
    assert mend.startswith("mend: ")
