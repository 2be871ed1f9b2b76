"""``notify send``: one message, from a script or by hand."""

from __future__ import annotations

import json
import random
import sys
import uuid
from pathlib import Path
from typing import Annotated

import typer

from dnadesign.notify.adapters.clock import SystemClock, stop_on_signals
from dnadesign.notify.adapters.folders import state_folder
from dnadesign.notify.assembly import OpenDestination, known_secrets, open_destination
from dnadesign.notify.cli.options import (
    CaFileOption,
    Chosen,
    DryRunOption,
    ProfileOption,
    ProviderOption,
    SecretRefOption,
    SigningOption,
    StateDirOption,
    UrlEnvOption,
    UrlOption,
    choose_destination,
    examples,
    report_line,
)
from dnadesign.notify.cli.preview import preview
from dnadesign.notify.contract.errors import DeliveryFailed, DestinationDisabled, NotFound, UsageProblem
from dnadesign.notify.contract.events import likely_word
from dnadesign.notify.contract.messages import Message, redacted
from dnadesign.notify.contract.outcomes import Attempt, DeliveryPolicy, Outcome
from dnadesign.notify.contract.secrets import Redactor
from dnadesign.notify.contract.signing import message_id
from dnadesign.notify.operations.compose import note_message
from dnadesign.notify.operations.deliver import deliver

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
_MOST_META_BYTES = 256 * 1024


@app.command(
    epilog=examples(
        "notify send --url-env SLACK_HOOK --status success --tool align --run-id r7",
        "notify send --profile lab --status failure -m 'disk full' --spool",
    )
)
def send(
    *,
    status: Annotated[
        str,
        typer.Option(
            metavar="WORD",
            help="What happened, in any word; started, success, failure and their like are marked as such.",
        ),
    ] = "note",
    tool: Annotated[str | None, typer.Option(metavar="NAME", help="Which program it happened to.")] = None,
    run_id: Annotated[str | None, typer.Option(metavar="ID", help="Which run of it.")] = None,
    message: Annotated[
        str, typer.Option("--message", "-m", metavar="TEXT", help="What else there is to say.")
    ] = "",
    meta: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="JSON file with an object of further facts; - reads it from standard input."
        ),
    ] = None,
    provider: ProviderOption = None,
    profile: ProfileOption = None,
    url: UrlOption = None,
    url_env: UrlEnvOption = None,
    secret_ref: SecretRefOption = None,
    signing_ref: SigningOption = None,
    ca_file: CaFileOption = None,
    spool: Annotated[
        bool, typer.Option("--spool", help="Keep the message if it cannot be delivered now.")
    ] = False,
    tries: Annotated[int, typer.Option(metavar="N", min=1, max=20, help="Tries before giving up.")] = 5,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, max=120, help="Seconds for one try.")
    ] = 15.0,
    state_dir: StateDirOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Send one message.

    Exit status: 0 delivered, 1 not delivered, 2 usage, 3 refused (destination disabled, a secret that others can read),
    4 not found (profile, variable, file), 130 interrupted.
    """
    chosen = choose_destination(
        profile=profile,
        provider=provider,
        url=url,
        url_env=url_env,
        secret_ref=secret_ref,
        signing_ref=signing_ref,
        ca_file=ca_file,
    )
    if spool and chosen.address is not None:
        raise UsageProblem(
            "--spool needs an address that is kept somewhere: --url-env, --secret-ref or --profile"
        )
    if meant := likely_word(status):
        report_line(f"status {status!r} is sent as it is, as a plain note; did you mean {meant!r}?")
    clock = SystemClock()
    note = note_message(
        key=str(uuid.uuid4()),
        status=status,
        tool=tool,
        run_id=run_id,
        text=message,
        meta=_read_meta(meta) if meta else {},
        now=clock.now(),
    )
    if dry_run:
        redactor = Redactor(known_secrets(chosen.destination, address=chosen.address))
        print(preview(redacted(note, redactor), chosen.destination))
        return
    policy = (
        chosen.profile.delivery.policy() if chosen.profile else DeliveryPolicy(tries=tries, timeout=timeout)
    )
    with (
        stop_on_signals(clock),
        open_destination(
            chosen.destination,
            address=chosen.address,
            policy=policy,
            state_folder=state_folder(state_dir),
            clock=clock,
        ) as opened,
    ):
        _deliver(note, opened, chosen, keep=spool)


def _deliver(note: Message, opened: OpenDestination, chosen: Chosen, *, keep: bool) -> None:
    if disabled := opened.spool.disabled():
        raise DestinationDisabled(
            f"destination {chosen.destination.name} is disabled since {disabled.since}: {disabled.reason}",
            mend=f"check its address, then: notify spool retry --destination {chosen.destination.name}",
        )
    note = redacted(note, opened.redactor)
    identifier = message_id(note.key, chosen.destination.name)
    attempt = _attempt(note, identifier, opened)
    if attempt.outcome is Outcome.DELIVERED:
        report_line(f"delivered to {chosen.destination.name}: {attempt.reason}")
        return
    if keep or attempt.outcome is Outcome.GONE:
        opened.spool.prepare(chosen.destination)
    if attempt.outcome is Outcome.GONE:
        opened.spool.disable(reason=attempt.reason, now=opened.clock.now())
    if keep:
        opened.spool.append(note, message_id=identifier, reason=attempt.reason, now=opened.clock.now())
    raise DeliveryFailed(
        opened.redactor.text(f"not delivered to {chosen.destination.name}: {attempt.reason}"),
        mend=f"it is kept; deliver it later: notify spool drain --destination {chosen.destination.name}"
        if keep
        else None,
    )


def _attempt(note: Message, identifier: str, opened: OpenDestination) -> Attempt:
    """Deliver the message, after those that wait; what came of it."""
    if not opened.spool.is_empty():
        drained = opened.dispatcher(report_line).drain()
        if not opened.spool.is_empty():
            return Attempt(
                Outcome.AGAIN, f"earlier messages are waiting ({drained.last_reason or 'in the spool'})"
            )
    return deliver(
        note,
        message_id=identifier,
        transport=opened.transport,
        policy=opened.policy,
        clock=opened.clock,
        chance=random.SystemRandom(),
    )


def _read_meta(path: Path) -> dict[str, object]:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(f"{path} is not there") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageProblem(f"{path} cannot be read ({type(error).__name__})") from None
    if len(text) > _MOST_META_BYTES:
        raise UsageProblem(f"{path} is larger than {_MOST_META_BYTES // 1024} KiB; send facts, not data")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UsageProblem(f"{path}{where} is not JSON") from None
    if not isinstance(value, dict):
        raise UsageProblem(f'{path} holds no JSON object; expected {{"name": value, ...}}')
    return value
