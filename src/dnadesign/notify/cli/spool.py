"""``notify spool``: look after messages that could not be delivered."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from dnadesign.notify.adapters.folders import state_folder
from dnadesign.notify.adapters.secret_sources import fetch_secret
from dnadesign.notify.adapters.spool_files import SpoolFolder
from dnadesign.notify.cli.options import Format, StateDirOption, examples, report_line
from dnadesign.notify.contract.errors import NotifyError, UsageProblem
from dnadesign.notify.contract.secrets import Secret, parse_secret_ref
from dnadesign.notify.operations._wording import counted
from dnadesign.notify.spooling import drain_spool, drop, entries_of, find_spools, revive

app = typer.Typer(
    rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False, no_args_is_help=True
)

DestinationOption = Annotated[
    str | None,
    typer.Option(
        "--destination", "-d", metavar="NAME", help="One destination only (a profile's name, or env.NAME)."
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--url-ref",
        metavar="REF",
        help="env:NAME or file:PATH of the address, if it was given by --url at first.",
    ),
]
EntriesArgument = Annotated[list[str] | None, typer.Argument(metavar="ENTRY", help="Names from: spool list.")]


@app.callback()
def _group() -> None:
    """Look after messages that could not be delivered."""


@app.command("list")
def list_(
    *,
    destination: DestinationOption = None,
    format_: Annotated[
        Format, typer.Option("--format", help="text, or one JSON object per line.")
    ] = Format.TEXT,
    state_dir: StateDirOption = None,
) -> None:
    """Show what waits and what is dead, and why."""
    spools = find_spools(state_folder(state_dir), destination)
    for spool in spools:
        if format_ is Format.JSONL:
            for entry in entries_of(spool):
                print(json.dumps(entry.to_dict(), ensure_ascii=False))
        else:
            _print_spool(spool)
    if not spools:
        report_line("no spool has been made yet: every message was delivered at once")


@app.command()
def drain(
    *, destination: DestinationOption = None, url_ref: AddressOption = None, state_dir: StateDirOption = None
) -> None:
    """Deliver what waits, oldest first. Exit status 1 if something is still waiting."""
    state = state_folder(state_dir)
    address = fetch_secret(parse_secret_ref(url_ref)) if url_ref else None
    results = [_drain_one(spool, address, state_dir=state_dir) for spool in find_spools(state, destination)]
    if not all(results):
        raise typer.Exit(1)


@app.command(epilog=examples("notify spool retry --destination lab"))
def retry(
    entries: EntriesArgument = None,
    *,
    destination: DestinationOption = None,
    url_ref: AddressOption = None,
    state_dir: StateDirOption = None,
) -> None:
    """Give dead letters and disabled destinations another try.

    Dead letters go back to their old places, disabled destinations are enabled, and all that waits is delivered.
    Exit status 1 if something is still waiting.
    """
    spools = find_spools(state_folder(state_dir), destination)
    _check_entries(entries, destination)
    for spool in spools:
        report_line(f"{spool.folder.name}: {counted(revive(spool, entries or []), 'dead letter')} put back")
    drain(destination=destination, url_ref=url_ref, state_dir=state_dir)


@app.command("drop", epilog=examples("notify spool drop --destination lab --dead"))
def drop_(
    entries: EntriesArgument = None,
    *,
    destination: DestinationOption = None,
    all_: Annotated[
        bool, typer.Option("--all", help="All messages of the destination, waiting and dead.")
    ] = False,
    dead: Annotated[bool, typer.Option("--dead", help="All dead letters of the destination.")] = False,
    state_dir: StateDirOption = None,
) -> None:
    """Throw messages away, undelivered. They are gone for good."""
    if destination is None:
        raise UsageProblem("drop needs --destination, so that nothing is thrown away by mistake")
    if sum((bool(entries), all_, dead)) != 1:
        raise UsageProblem("drop needs names of entries, or --all, or --dead (exactly one of the three)")
    for spool in find_spools(state_folder(state_dir), destination):
        report_line(
            f"{spool.folder.name}: {counted(drop(spool, entries or [], dead_only=dead), 'message')} dropped"
        )


def _drain_one(spool: SpoolFolder, address: Secret | None, *, state_dir: StateDirOption) -> bool:
    """Drain one spool and say how it went; True if nothing is waiting any more."""
    name = spool.folder.name
    if spool.is_empty():
        report_line(f"{name}: nothing is waiting")
        return True
    try:
        drained = drain_spool(
            spool, address=address, state_folder=state_folder(state_dir), report=report_line
        )
    except NotifyError as error:
        report_line(f"{name}: {error}")
        return False
    line = f"{name}: {drained.delivered} delivered, {drained.waiting} waiting, {counted(drained.dead, 'dead letter')}"
    report_line(f"{line} ({drained.last_reason})" if drained.last_reason else line)
    return not drained.waiting and not drained.dead


def _check_entries(entries: list[str] | None, destination: str | None) -> None:
    if entries and destination is None:
        raise UsageProblem("names of entries need --destination: they are names within one spool")


def _print_spool(spool: SpoolFolder) -> None:
    entries = entries_of(spool)
    waiting = sum(entry.place == "waiting" for entry in entries)
    disabled = spool.disabled()
    state = f", disabled since {disabled.since}: {disabled.reason}" if disabled else ""
    print(f"{spool.folder.name}: {waiting} waiting, {counted(len(entries) - waiting, 'dead letter')}{state}")
    for entry in entries:
        spooled = entry.spooled
        print(f"  {entry.place:<7} {spooled.entry}  tries {spooled.tries}  {spooled.message.title}")
        print(f"          since {spooled.spooled_at[:19]}Z: {spooled.reason}")
