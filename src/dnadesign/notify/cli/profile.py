"""``notify profile``: make, show and check profiles."""

from __future__ import annotations

import json
import sys
import uuid
from getpass import getpass
from pathlib import Path
from typing import Annotated

import typer

from dnadesign.notify.adapters.clock import SystemClock
from dnadesign.notify.adapters.folders import config_folder, state_folder
from dnadesign.notify.adapters.profile_files import (
    make_profile,
    profile_names,
    profile_path,
    read_profile,
    write_profile,
)
from dnadesign.notify.adapters.secret_sources import fetch_secret, store_secret
from dnadesign.notify.cli.options import (
    CaFileOption,
    Format,
    ProviderOption,
    SecretRefOption,
    SigningOption,
    StateDirOption,
    UrlEnvOption,
    examples,
    reference_of,
    report_line,
)
from dnadesign.notify.cli.watch_options import (
    DatasetOption,
    EventsOption,
    ProgressEveryOption,
    RootOption,
    SilenceOption,
)
from dnadesign.notify.contract.destinations import Provider, check_address, guess_provider
from dnadesign.notify.contract.errors import NotFound, Refused, UsageProblem
from dnadesign.notify.contract.profile import (
    LogSource,
    SecretSource,
    check_profile_name,
)
from dnadesign.notify.contract.secrets import Secret, SecretRef, parse_secret_ref
from dnadesign.notify.doctoring import Check, examine
from dnadesign.notify.operations.compose import note_message

app = typer.Typer(
    rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False, no_args_is_help=True
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the profile.")]


@app.callback()
def _group() -> None:
    """Make, show and check profiles: where to send, and what."""


@app.command(
    epilog=examples(
        "notify profile init lab --dataset demo/lexA --root runs/data",
        "notify profile init lab --url-env SLACK_HOOK --silence 60",
    )
)
def init(
    name: NameArgument,
    *,
    provider: ProviderOption = None,
    url_env: UrlEnvOption = None,
    secret_ref: SecretRefOption = None,
    signing_ref: SigningOption = None,
    ca_file: CaFileOption = None,
    events: EventsOption = None,
    dataset: DatasetOption = None,
    root: RootOption = None,
    progress_every: ProgressEveryOption = None,
    silence: SilenceOption = None,
) -> None:
    """Write a new profile.

    Without --url-env and --secret-ref the webhook address is asked for, not shown, and kept in a file of mode 0600 beside
    the profile; from a script it is read from standard input.
    """
    check_profile_name(name)
    config = config_folder()
    if profile_path(config, name).exists():
        raise Refused(f"{profile_path(config, name)} is there already", mend="edit it, or remove it first")
    if url_env and secret_ref:
        raise UsageProblem("--url-env and --secret-ref are two ways to say the same; give one")
    ref = reference_of(url_env=url_env, secret_ref=secret_ref)
    address = _known_address(ref) if ref else _ask_for_address()
    chosen = _choose_provider(provider, address)
    if ref is None and address is not None:
        check_address(address, chosen)
    profile = make_profile(
        provider=chosen,
        webhook=_source(ref or SecretRef("file", str(_secret_path(config, name)))),
        signing=[_source(_full(parse_secret_ref(text))) for text in signing_ref or ()],
        ca_file=str(ca_file.absolute()) if ca_file else None,
        source=_log_source(events=events, dataset=dataset, root=root),
        progress_every_minutes=progress_every,
        silence_minutes=silence,
    )
    if ref is None and address is not None:
        store_secret(_secret_path(config, name), address)
    report_line(f"wrote {write_profile(config, name, profile)}")
    report_line(f"check it: notify profile doctor {name} --send-test")


@app.command()
def show(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Name of the profile; without it, all are listed.")
    ] = None,
) -> None:
    """Show a profile as it stands in its file, or the names of all."""
    config = config_folder()
    if name is None:
        for known in profile_names(config):
            print(known)
        return
    read_profile(config, name)
    print(profile_path(config, name).read_text(encoding="utf-8"), end="")


@app.command(epilog=examples("notify profile doctor lab --send-test"))
def doctor(
    name: NameArgument,
    *,
    send_test: Annotated[bool, typer.Option("--send-test", help="Send a test message too.")] = False,
    format_: Annotated[
        Format, typer.Option("--format", help="text, or one JSON object per line.")
    ] = Format.TEXT,
    state_dir: StateDirOption = None,
) -> None:
    """Check a profile from end to end.

    Each problem comes with its mend. Exit status 1 if there is one.
    """
    check_profile_name(name)
    test = None
    if send_test:
        test = note_message(
            key=str(uuid.uuid4()),
            status="test",
            tool="notify",
            run_id=None,
            text=f"This is a test of profile {name}.",
            meta={},
            now=SystemClock().now(),
        )
    problems = 0
    for check in examine(name, state_folder=state_folder(state_dir), test_message=test):
        problems += check.result == "problem"
        print(json.dumps(check.to_dict()) if format_ is Format.JSONL else _line(check), flush=True)
    if problems:
        raise typer.Exit(1)


def _line(check: Check) -> str:
    line = f"{check.result:<8} {check.name}: {check.detail}"
    return f"{line}\n         mend: {check.mend}" if check.mend else line


def _secret_path(config: Path, name: str) -> Path:
    return config / "secrets" / f"{name}.url"


def _source(ref: SecretRef) -> SecretSource:
    return SecretSource(env=ref.where) if ref.kind == "env" else SecretSource(file=ref.where)


def _full(ref: SecretRef) -> SecretRef:
    return SecretRef("file", str(Path(ref.where).expanduser().absolute())) if ref.kind == "file" else ref


def _known_address(ref: SecretRef) -> Secret | None:
    """The address, to tell its provider by; a profile may be written where the secret is not."""
    try:
        return fetch_secret(ref)
    except NotFound:
        return None


def _ask_for_address() -> Secret:
    text = getpass("Webhook address (not shown): ") if sys.stdin.isatty() else sys.stdin.readline()
    if not text.strip():
        raise UsageProblem("no webhook address: give --url-env or --secret-ref, or pass it on standard input")
    return Secret(text.strip())


def _choose_provider(provider: Provider | None, address: Secret | None) -> Provider:
    guessed = guess_provider(address) if address else None
    if provider is None and address is None:
        raise UsageProblem(
            "--provider is needed: the address is not known here, so it cannot be told by its host"
        )
    return provider or guessed or Provider.GENERIC


def _log_source(*, events: Path | None, dataset: str | None, root: Path | None) -> LogSource | None:
    if events is not None and dataset is not None:
        raise UsageProblem("--events and --dataset are two ways to say the same; give one")
    if events is not None:
        return LogSource(events=str(events.absolute()))
    if dataset is None:
        return None
    if root is None:
        raise UsageProblem("--dataset needs --root, or USR_ROOT")
    return LogSource(root=str(root.absolute()), dataset=dataset)
