"""Commands that check a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dnadesign.usr.cli.context import open_dataset
from dnadesign.usr.cli.errors import CHECK_FAILED
from dnadesign.usr.cli.options import DataFormat, DatasetName, Root
from dnadesign.usr.cli.output import Output
from dnadesign.usr.contract.mends import on_command_line
from dnadesign.usr.contract.wording import counted

if TYPE_CHECKING:
    from dnadesign.usr import Report
from dnadesign.usr.cli.plain_help import PlainCommand, examples

app = typer.Typer(rich_markup_mode=None)

_ALL = ("check", "result", "where", "message", "mend")
_SHOWN = _ALL[:-1]


@app.command(
    cls=PlainCommand,
    epilog=examples(
        "usr validate lab/promoters",
        "usr validate lab/promoters --deep",
        "usr validate lab/promoters --registry-mode frozen --format json",
    ),
)
def validate(
    dataset: DatasetName = None,
    registry_mode: Annotated[
        Literal["current", "frozen", "either"],
        typer.Option(
            "--registry-mode",
            help="Which registry its files must match: the root's, its frozen one, or one of them.",
        ),
    ] = "current",
    deep: Annotated[
        bool, typer.Option("--deep", help="Also hold every byte against the hashes in the events.")
    ] = False,
    root: Root = None,
    format: DataFormat = "table",
) -> int:
    """Check a dataset against the format and its registry.

    Shows all problems at once. The exit status is 1 if a check failed.
    """
    found = open_dataset(root, dataset)
    out = Output(format)
    with out.progressing(f"checking {found.name}") as progress:
        report = found.check(registry_mode=registry_mode, deep=deep, progress=progress)
    show_report(out, report)
    return tell_outcome(
        out, report, found.name, f"{counted(report.rows, 'row')}, registry mode {registry_mode}"
    )


def show_report(out: Output, report: Report) -> None:
    """Write the findings of a report; people get each problem whole below the table."""
    if out.format == "json":
        out.record(report.to_dict())
        return
    rows = [finding.to_dict() for finding in report.findings]
    shown = [row | {"message": "see below"} if row["result"] == "failed" else row for row in rows]
    out.records(rows, columns=_SHOWN if out.for_people else _ALL, shown=shown)
    out.text(_told_whole(report))


def tell_outcome(out: Output, report: Report, dataset: str, about: str) -> int:
    """Say in a line whether all checks held; returns the exit status."""
    failed = len(report.problems)
    told = f"{failed} of {counted(len(report.findings), 'check')} failed" if failed else "valid"
    out.say(f"{dataset}: {told} ({about})")
    return 0 if report.ok else CHECK_FAILED


def _told_whole(report: Report) -> Iterator[str]:
    """Each problem with nothing cut, what to do about it, and all the places that have it."""
    places: dict[tuple[str, str, str | None], list[str]] = {}
    for problem in report.problems:
        places.setdefault((problem.check, problem.message, problem.mend), []).append(problem.where)
    for (check, message, mend), where in places.items():
        yield ""
        yield f"{check}: {where[0]}"
        yield from (f"{' ' * len(check)}  {other}" for other in where[1:])
        yield from (f"  {line}" for line in message.splitlines())
        if mend:
            yield f"  mend: {on_command_line(mend)}"
