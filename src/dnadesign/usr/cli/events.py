"""Commands on the event log."""

from __future__ import annotations

import contextlib
import io
import select
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dnadesign.usr.cli.cells import cell, cut, printable
from dnadesign.usr.cli.checks import show_report, tell_outcome
from dnadesign.usr.cli.context import open_dataset
from dnadesign.usr.cli.errors import CHECK_FAILED, UsageProblem
from dnadesign.usr.cli.options import DataFormat, DatasetName, Root, split_names
from dnadesign.usr.cli.output import Output, terminal_width
from dnadesign.usr.cli.session import session_of
from dnadesign.usr.contract.errors import ValidationError
from dnadesign.usr.contract.events import LIBRARY_ACTIONS
from dnadesign.usr.contract.moments import parse_moment
from dnadesign.usr.contract.names import nearest

if TYPE_CHECKING:
    from dnadesign.usr import Event, LogLine
from dnadesign.usr.cli.plain_help import PlainCommand, PlainGroup, examples

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Show what has happened to a dataset: one event a change.",
    cls=PlainGroup,
    epilog=examples("usr events tail lab/promoters --follow"),
)

_LAST = 10
_WAIT_SECONDS = 0.2
_ACTION_WIDTH = max(map(len, LIBRARY_ACTIONS))

TailFormat = Literal["text", "json"]


def _format(ctx: typer.Context, value: TailFormat) -> TailFormat:
    session_of(ctx).format = "json" if value == "json" else "table"
    return value


@app.command(
    cls=PlainCommand,
    epilog=examples(
        "usr events tail lab/promoters",
        "usr events tail lab/promoters --since 2h --action import_rows",
        "usr events tail lab/promoters --format json --follow | jq .metrics",
    ),
)
def tail(
    dataset: DatasetName = None,
    *,
    lines: Annotated[
        int | None,
        typer.Option(
            "-n",
            "--lines",
            metavar="N",
            min=0,
            show_default=False,
            help=f"How many of the events there are [{_LAST}; all with --since].",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with those that come; Ctrl-C ends it.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="Only those at this time (ISO 8601; UTC unless it says) or of this age (10m, 2h, 3d) and later.",
        ),
    ] = None,
    action: Annotated[
        list[str] | None, typer.Option("--action", metavar="A,B", help="Only those of these actions.")
    ] = None,
    root: Root = None,
    format: Annotated[
        TailFormat,
        typer.Option("--format", callback=_format, help="For people, or the very lines of the log."),
    ] = "text",
) -> int:
    """Show the last events of a dataset.

    Archived ones are included, and only what is committed counts.

    With --format json stdout has the lines of the log and nothing else, flushed before the next one is waited for. A
    damaged line is told on stderr and passed over, and the exit status is then 1. Ctrl-C is the normal end of --follow: the
    exit status is then that of a complete run.
    """  # fmt: skip
    found = open_dataset(root, dataset)
    moment = _moment(since) if since is not None else None
    actions = split_names(action) or []
    _tell_mistyped(actions)
    shown = found.tail_events(
        count=_LAST if lines is None and moment is None else lines,
        since=moment,
        actions=actions,
        wait=_wait if follow else None,
    )
    printer = _Printer(format)
    try:
        with contextlib.suppress(*([KeyboardInterrupt] if follow else [])):
            printer.print(shown)
    finally:
        sys.stdout.flush()
    return CHECK_FAILED if printer.damaged else 0


@app.command(
    cls=PlainCommand,
    epilog=examples("usr events verify lab/promoters", "usr events verify lab/promoters --deep"),
)
def verify(
    dataset: DatasetName = None,
    *,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also hold every byte against the hashes in the events.")
    ] = False,
    root: Root = None,
    format: DataFormat = "table",
) -> int:
    """Hold the event log against the files.

    Every file must come from an event, and the files of every event must be there with their sizes. The exit status
    is 1 if something is missing or nobody's.
    """
    found = open_dataset(root, dataset)
    out = Output(format)
    with out.working(f"verifying {found.name}"):
        report = found.verify_events(deep=deep)
    show_report(out, report)
    return tell_outcome(out, report, found.name, "hashes and sizes" if deep else "sizes")


class _Printer:
    """Writes events as they come, each on its line, and remembers whether one was damaged."""

    def __init__(self, format: TailFormat) -> None:
        self.damaged = False
        self._format = format

    def print(self, lines: Iterable[LogLine]) -> None:
        for line in lines:
            if not line.is_event:
                self.damaged = True
                sys.stdout.flush()  # what stands before it, first
                print(
                    f"error: {line.error.message if line.error else 'no event'}", file=sys.stderr, flush=True
                )
            elif self._format == "json":
                sys.stdout.buffer.write(line.raw)  # flushed as soon as there are no more, see _wait
            elif line.event is not None:
                text, room = _told(line.event), terminal_width()
                print(cut(text, room) if room else text)


def _told(event: Event) -> str:
    """An event for people: when, what, by whom, and what came of it."""
    stamp = f"{event.time.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
    who = "/".join(part for part in (event.actor.tool, event.actor.run_id) if part) or "-"
    return printable(f"{stamp}  {event.action:<{_ACTION_WIDTH}}  {who:<16}  {_facts(event)}".rstrip())


def _facts(event: Event) -> str:
    facts: dict[str, Any] = {"namespace": event.args.get("namespace")}
    facts |= {name: value for name, value in event.metrics.items() if not isinstance(value, (dict, list))}
    facts |= {"batch": event.batch_id, "reason": event.maintenance.get("reason")}
    return " ".join(f"{name}={cell(value)}" for name, value in facts.items() if value is not None)


def _moment(since: str) -> datetime:
    try:
        return parse_moment(since, now=datetime.now(UTC))
    except ValidationError as error:
        raise UsageProblem(f"--since: {error.message}", mend=error.mend) from None


def _tell_mistyped(actions: Iterable[str]) -> None:
    """A tool may name its events as it likes, so a name that is not one of usr's own is no error."""
    for name in actions:
        meant = nearest(name, LIBRARY_ACTIONS) if name not in LIBRARY_ACTIONS else None
        if meant is not None:
            print(
                f"note: no action of usr's own is called {name!r}; did you mean {meant!r}?", file=sys.stderr
            )


def _wait() -> bool:
    """Flush what was written and wait a little; whether somebody still reads the output."""
    sys.stdout.flush()
    try:
        stdout = sys.stdout.fileno()
    except (OSError, io.UnsupportedOperation):  # not a file of the operating system
        time.sleep(_WAIT_SECONDS)
        return True
    poller = select.poll()
    poller.register(stdout, 0)  # only errors and hang-ups: the other end of a pipe was closed
    return not poller.poll(_WAIT_SECONDS * 1000)
