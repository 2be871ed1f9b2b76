"""Nothing shows a secret: no output, no log of any library, no error or what stands behind it; and the search would find it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dnadesign.notify.adapters.secret_sources import fetch_credentials, fetch_secret
from dnadesign.notify.adapters.webhook_http import WebhookTransport
from dnadesign.notify.contract.destinations import Destination, Provider
from dnadesign.notify.contract.errors import NotifyError
from dnadesign.notify.contract.secrets import parse_secret_ref
from tests.notify.console import Notify
from tests.notify.planted import KEY, PASSWORD, TOKEN, found_in_error
from tests.notify.receiver import DROP, GARBAGE, Answer, Receiver, answers, receiving

LOUD = """
import logging, os, sys, warnings
logging.basicConfig(level=0)
warnings.simplefilter("default")
logging.debug("everything is logged")
from dnadesign.notify.cli.app import run
for _ in range(int(os.environ["TIMES"])):
    run(sys.argv[1:])
"""
TROUBLES = (
    Answer(500), DROP, GARBAGE, Answer(delay=1.0), Answer(302, {"Location": f"/{TOKEN}"}), Answer(404), Answer(410),
)  # fmt: skip
LEAKS = {
    "prints it": "print(TOKEN)",
    "logs it": "logging.getLogger('x').debug('at %s', TOKEN)",
    "lets a child print it": "subprocess.run([sys.executable, '-c', f'print({TOKEN!r})'])",
    "encodes it": "print(base64.b64encode(TOKEN.encode()).decode())",
    "writes it": "notify.home.joinpath('a').write_text(TOKEN)",
    "names a file by it": "notify.home.joinpath(TOKEN).touch()",
    "starts who says it": "notify.spawn(code=f'print({TOKEN!r})')",
}


def test_the_search_finds_a_secret_in_whatever_way_a_test_lets_it_out(tmp_path: Path) -> None:
    body = "\n".join(
        f"def test_{number}(notify):\n    {leak}\n" for number, leak in enumerate(LEAKS.values())
    )
    head = "import base64, logging, subprocess, sys\nfrom tests.notify.planted import TOKEN\n"
    script = tmp_path / "test_leaks.py"
    script.write_text(f"{head}{body}\ndef test_none(notify):\n    print('nothing')\n")
    root = Path(__file__).resolve().parents[2]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.notify.conftest",
        "-p",
        "no:cacheprovider",
        "-n0",
    ]
    ended = subprocess.run(
        [*command, "-c", root / "pyproject.toml", "--rootdir", tmp_path, script],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = set(re.findall(r"^(?:FAILED|ERROR) .*::test_(\w+)", ended.stdout, re.MULTILINE))
    assert found == {str(number) for number in range(len(LEAKS))}


@pytest.mark.parametrize("provider", ["generic", "apprise"])
def test_no_library_logs_an_address_however_loud_and_whatever_happens(notify: Notify, provider: str) -> None:
    with receiving(answers(*TROUBLES)) as receiver:
        apprise = f"json://me:{PASSWORD}@127.0.0.1:{receiver.port}/{TOKEN}"
        hook = apprise if provider == "apprise" else receiver.url()
        times = str(len(TROUBLES) + 1)
        args = (
            "send",
            "--provider",
            provider,
            "--url-env",
            "HOOK",
            "--tries",
            "1",
            "--timeout",
            "0.5",
            "--spool",
        )
        said = notify.spawn(*args, code=LOUD, HOOK=hook, PYTHONDEVMODE="1", TIMES=times)
        assert len(receiver.requests) == len(TROUBLES)
    assert "everything is logged" in said.err
    assert "is disabled" in said.err


@pytest.mark.parametrize(
    "address",
    ["", f"ftp://x/{TOKEN}", f"https:///{TOKEN}", f"https://[{TOKEN}", f"https://x:{TOKEN}/", f"http://x.org/{TOKEN}", f"a b {TOKEN}"],
)  # fmt: skip
def test_no_error_about_an_address_holds_it_or_has_one_behind_it_that_does(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("HOOK", address)
    ref = parse_secret_ref("env:HOOK")
    with pytest.raises(NotifyError) as caught:
        fetch_credentials(Destination("x", Provider.GENERIC, ref, signing=(ref,)))
    assert found_in_error(caught.value) == []


def test_no_error_about_where_a_secret_is_kept_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    for content, mode in ((f"{TOKEN} {KEY}", 0o600), (TOKEN, 0o640), ("", 0o600)):
        path.write_text(content)
        path.chmod(mode)
        with pytest.raises(NotifyError) as caught:
            fetch_secret(parse_secret_ref(f"file:{path}"))
        assert found_in_error(caught.value) == []
    with pytest.raises(NotifyError) as caught:
        parse_secret_ref(TOKEN)
    assert found_in_error(caught.value) == []


def test_even_a_mistake_of_ours_is_told_without_the_address(
    notify: Notify, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistake(transport: WebhookTransport, *_: object, **__: object) -> None:
        address = transport._credentials.address.reveal()
        raise RuntimeError(f"cannot post {KEY} to {address!r}, path {address.split('/', 3)[3]}")

    monkeypatch.setattr(WebhookTransport, "_post", mistake)
    told = notify.run("send", "--url-env", "HOOK", status=1, HOOK=receiver.url())
    assert "RuntimeError: cannot post" in told.err
