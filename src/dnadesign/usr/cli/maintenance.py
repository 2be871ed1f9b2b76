"""Commands that rewrite what is there; each says why."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from dnadesign.usr.cli.base import ReasonUnlessDry, allowed, rare
from dnadesign.usr.cli.cells import size
from dnadesign.usr.cli.context import open_dataset
from dnadesign.usr.cli.errors import CHECK_FAILED
from dnadesign.usr.cli.options import DataFormat, DatasetName, DryRun, Namespace, Reason, Root
from dnadesign.usr.cli.output import Output
from dnadesign.usr.cli.plain_help import PlainCommand, PlainGroup, examples
from dnadesign.usr.contract.wording import counted

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Rare operations that rewrite what is there.",
    cls=PlainGroup,
    epilog=examples('usr maintenance registry-freeze lab/promoters --reason "before the March release"'),
)

_SHOWN = 5  # damaged files
_CHECK = "usr validate {} --deep holds every file against the log"

app.add_typer(rare)


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
    "overlay-compact",
    cls=PlainCommand,
    epilog=examples(
        'usr maintenance overlay-compact lab/promoters --namespace densegen --reason "run is over"'
    ),
)
def overlay_compact(
    *,
    namespace: Namespace,
    reason: Reason,
    dataset: DatasetName = None,
    layout: Annotated[
        Literal["file", "part"],
        typer.Option("--layout", help="One file; or one part, so that a running writer can go on."),
    ] = "file",
    on_duplicate: Annotated[
        Literal["error", "keep-newest"],
        typer.Option("--on-duplicate", help="What to do about keys that older tools wrote twice."),
    ] = "error",
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Merge all files of an overlay into one.

    Every row is kept; the old files are set aside in _derived/_archived.
    """
    found = open_dataset(root, dataset)
    out = Output(format)
    with found.maintenance(reason=reason), out.working(f"compacting {namespace}"):
        result = found.compact_overlay(namespace, layout=layout, on_duplicate=on_duplicate)
    dropped = (
        f", {counted(result.rows_dropped, 'older row')} of repeated keys left out"
        if result.rows_dropped
        else ""
    )
    sizes = f"{size(result.bytes_before)} to {size(result.bytes)}"
    out.done(
        f"{found.name}: {counted(result.files, 'file')} of {namespace} made one, {counted(result.rows, 'row')}, {sizes}{dropped}; "
        f"the old ones are in {result.archive}",
        result.to_dict(),
    )


@app.command(
    "overlay-remove",
    cls=PlainCommand,
    epilog=examples('usr maintenance overlay-remove lab/promoters --namespace scores --reason "wrong units"'),
)
def overlay_remove(
    *,
    namespace: Namespace,
    reason: Reason,
    dataset: DatasetName = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete the files instead of setting them aside.")
    ] = False,
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Remove an overlay from a dataset.

    Its files are set aside in _derived/_archived, unless they are to be deleted.
    """
    found = open_dataset(root, dataset)
    with found.maintenance(reason=reason):
        result = found.remove_overlay(namespace, mode="delete" if delete else "archive")
    where = f"its files are in {result.archive}" if result.archive else "its files are deleted"
    notes = [where] if result.files else []
    if result.damaged:
        notes.append(
            f"{counted(result.damaged, 'file')} damaged; rows are counted only where they can be read"
        )
    if result.missing:
        notes.append(f"{counted(result.missing, 'file')} had been lost before")
    removed = f"{found.name}: removed {namespace} with {counted(result.rows, 'row')}"
    Output(format).done("; ".join([removed, *notes]), result.to_dict())


@app.command(
    "snapshot-prune",
    cls=PlainCommand,
    epilog=examples('usr maintenance snapshot-prune lab/promoters --keep 3 --reason "disk is full"'),
)
def snapshot_prune(
    *,
    reason: Reason,
    dataset: DatasetName = None,
    keep: Annotated[int, typer.Option("--keep", min=0, metavar="N", help="How many stay.")] = 5,
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Delete the oldest automatic copies of the base.

    Copies that were asked for with usr snapshot are never touched.
    """
    found = open_dataset(root, dataset)
    with found.maintenance(reason=reason):
        result = found.snapshot_prune(keep=keep)
    Output(format).done(
        f"{found.name}: deleted {counted(len(result.removed), 'copy', 'copies')} ({size(result.bytes)}), {result.kept} {'stays' if result.kept == 1 else 'stay'}",
        result.to_dict(),
    )


@app.command(
    "artifacts-prune",
    cls=PlainCommand,
    epilog=examples(
        "usr maintenance artifacts-prune lab/promoters --dry-run",
        'usr maintenance artifacts-prune lab/promoters --reason "overlay removed"',
    ),
)
def artifacts_prune(
    dataset: DatasetName = None,
    *,
    reason: ReasonUnlessDry = None,
    dry_run: DryRun = False,
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Remove arrays that no row refers to.

    Rows of archived overlays and of copies of the base count too.
    """
    found = open_dataset(root, dataset)
    out = Output(format)
    if dry_run:
        rows = [artifact.to_dict() for artifact in found.list_artifacts() if not artifact.referenced]
        out.records(rows, columns=["path", "bytes"])
        return
    with allowed(found, reason):
        result = found.prune_artifacts()
    out.done(
        f"{found.name}: removed {counted(result.files, 'file')} ({size(result.bytes)})", result.to_dict()
    )


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
        for line in (*report.done, *report.damage[:_SHOWN]):
            out.say(line)
        if len(report.damage) > _SHOWN:
            out.say(f"and {len(report.damage) - _SHOWN} more; usr validate {found.name} names all")
    told = (
        f"nothing is left to settle; {_CHECK.format(found.name)}"
        if report.ok
        else f"damaged in {counted(len(report.damage), 'place')}, where nothing was changed"
    )
    out.done(f"{found.name}: {told}", report.to_dict())
    return 0 if report.ok else CHECK_FAILED
