"""Commands that rewrite what is there; each says why."""

from __future__ import annotations

import typer

from dnadesign.usr.cli.context import open_dataset
from dnadesign.usr.cli.errors import CHECK_FAILED
from dnadesign.usr.cli.options import DataFormat, DatasetName, Reason, Root
from dnadesign.usr.cli.output import Output
from dnadesign.usr.cli.plain_help import PlainCommand, PlainGroup, examples

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Rare operations that rewrite what is there.",
    cls=PlainGroup,
    epilog=examples('usr maintenance registry-freeze lab/promoters --reason "before the March release"'),
)


@app.command(
    "registry-freeze",
    cls=PlainCommand,
    epilog=examples('usr maintenance registry-freeze lab/promoters --reason "before the March release"'),
)
def registry_freeze(
    reason: Reason, dataset: DatasetName = None, root: Root = None, format: DataFormat = "table"
) -> None:
    """Keep the root's registry of now in the dataset.

    Validation in mode frozen holds the files against it.
    """
    found = open_dataset(root, dataset)
    with found.maintenance(reason=reason):
        result = found.freeze_registry()
    Output(format).done(f"{found.name}: froze the registry {result.registry_hash}", result.to_dict())


@app.command(
    "events-archive",
    cls=PlainCommand,
    epilog=examples('usr maintenance events-archive lab/promoters --reason "year end"'),
)
def events_archive(
    reason: Reason, dataset: DatasetName = None, root: Root = None, format: DataFormat = "table"
) -> None:
    """Set the event log aside and begin a new one.

    Programs that follow the log, batches and checks see through it.
    """
    found = open_dataset(root, dataset)
    with found.maintenance(reason=reason):
        result = found.archive_events()
    Output(format).done(f"{found.name}: the events until now are in {result.path}", result.to_dict())


@app.command(cls=PlainCommand, epilog=examples("usr maintenance recover lab/promoters"))
def recover(dataset: DatasetName = None, root: Root = None, format: DataFormat = "table") -> int:
    """Settle what a writer that died left behind.

    Every change does this first, so it is needed only to see what there is to settle. What is damaged is described
    and left alone; the exit status is then 1.
    """
    found = open_dataset(root, dataset, even_damaged=True)
    report = found.recover()
    out = Output(format)
    if out.for_people:
        for line in (*report.done, *report.damage):
            out.say(line)
    told = "nothing is left to settle" if report.ok else f"{len(report.damage)} damaged"
    out.done(f"{found.name}: {told}", report.to_dict())
    return 0 if report.ok else CHECK_FAILED
