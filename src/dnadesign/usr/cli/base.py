"""Commands about the base table as a whole: copying, rewriting and merging it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dnadesign.usr.cli.cells import size
from dnadesign.usr.cli.context import dataset_and_other, open_dataset
from dnadesign.usr.cli.errors import CHECK_FAILED, UsageProblem
from dnadesign.usr.cli.options import (
    DataFormat,
    DatasetAndOther,
    DatasetName,
    DryRun,
    Reason,
    Root,
    split_names,
)
from dnadesign.usr.cli.output import Output
from dnadesign.usr.cli.plain_help import PlainCommand, examples
from dnadesign.usr.contract.wording import counted

if TYPE_CHECKING:
    from dnadesign.usr import Dataset, DuplicateRecords

app = typer.Typer(rich_markup_mode=None)
rare = typer.Typer(rich_markup_mode=None)  # these are listed with the other maintenance commands

ReasonUnlessDry = Annotated[
    str | None,
    typer.Option("--reason", metavar="TEXT", help="Why; it stands in the event log. Not for a dry run."),
]


@app.command(cls=PlainCommand, epilog=examples("usr snapshot lab/promoters"))
def snapshot(dataset: DatasetName = None, root: Root = None, format: DataFormat = "table") -> None:
    """Copy the base table, byte for byte.

    The copy lies in _snapshots and stays until you delete it. Overlays are not copied.
    """
    found = open_dataset(root, dataset)
    result = found.snapshot()
    Output(format).done(
        f"{found.name}: copied {counted(result.rows, 'row')} ({size(result.bytes)}) to {result.path}",
        result.to_dict(),
    )


@app.command(
    cls=PlainCommand,
    epilog=examples(
        'usr materialize lab/promoters --reason "release 3"',
        'usr materialize lab/promoters --namespace densegen --overlays archive --reason "release 3"',
    ),
)
def materialize(
    *,
    reason: Reason,
    dataset: DatasetName = None,
    namespace: Annotated[
        list[str] | None, typer.Option("--namespace", metavar="A,B", help="Only these; all if not given.")
    ] = None,
    overlays: Annotated[
        Literal["keep", "drop", "archive"],
        typer.Option("--overlays", help="What becomes of the overlays: they stay, go, or are set aside."),
    ] = "keep",
    drop_deleted: Annotated[
        bool, typer.Option("--drop-deleted", help="Also remove deleted records for good.")
    ] = False,
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Write the values of overlays into the base table.

    A copy of the base of before is kept in _snapshots.
    """
    found = open_dataset(root, dataset)
    out = Output(format)
    with found.maintenance(reason=reason), out.working(f"materializing {found.name}"):
        result = found.materialize(
            overlays=overlays, namespaces=split_names(namespace), drop_deleted=drop_deleted
        )
    if not result.changed:
        out.done(f"{found.name}: there is nothing to materialize", result.to_dict())
        return
    gone = f", {result.rows_dropped} deleted records removed" if result.rows_dropped else ""
    out.done(
        f"{found.name}: the base has {counted(len(result.columns), 'column')} of {', '.join(result.namespaces) or 'no overlay'} now, "
        f"{counted(result.rows, 'row')}, {size(result.bytes)}{gone}; the base of before is {result.snapshot}",
        result.to_dict(),
    )


@rare.command(
    cls=PlainCommand,
    epilog=examples(
        "usr maintenance dedupe lab/promoters --key sequence_ci --dry-run",
        'usr maintenance dedupe lab/promoters --key sequence_ci --reason "mixed case imports"',
    ),
)
def dedupe(
    dataset: DatasetName = None,
    *,
    reason: ReasonUnlessDry = None,
    key: Annotated[
        Literal["id", "sequence", "sequence_ci"],
        typer.Option(
            "--key", help="By what records are compared; _ci ignores case, in a base of dna_4 only."
        ),
    ] = "id",
    keep: Annotated[Literal["first", "last"], typer.Option("--keep", help="Which one stays.")] = "first",
    dry_run: DryRun = False,
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Remove records that are there more than once.

    Their overlay rows go with them. A copy of the base of before is kept in _snapshots.
    """
    found = open_dataset(root, dataset)
    out = Output(format)
    with allowed(found, reason, dry_run=dry_run), out.working(f"comparing records of {found.name}"):
        result = found.dedupe(key=key, keep=keep, dry_run=dry_run)
    if out.for_people and result.groups:
        rows = [_duplicate(group) for group in result.groups]
        out.records(rows, columns=list(rows[0]))
    verb = "would be removed" if dry_run else "removed"
    out.done(
        f"{found.name}: {result.rows_removed} of {counted(result.rows_before, 'record')} {verb}"
        + _overlay_rows(result.overlay_rows)
        + _before(result.snapshot),
        result.to_dict(),
    )


@rare.command(
    cls=PlainCommand,
    epilog=examples(
        "usr maintenance merge lab/promoters lab/more --on-duplicate skip --dry-run",
        'usr maintenance merge lab/promoters lab/more --on-duplicate skip --reason "one library"',
    ),
)
def merge(
    words: DatasetAndOther,
    *,
    reason: ReasonUnlessDry = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns",
            "-c",
            metavar="A,B",
            help="Derived columns that come along: all, shared, none or names.",
        ),
    ] = None,
    on_duplicate: Annotated[
        Literal["error", "skip", "replace"],
        typer.Option(
            "--on-duplicate",
            help="About records that both have: refuse, keep the values here, take the other's.",
        ),
    ] = "error",
    dry_run: DryRun = False,
    root: Root = None,
    format: DataFormat = "table",
) -> int:
    """Take in the records of another dataset.

    With them come their derived values. The other dataset is only read. A copy of the base of before is kept. A dry run
    that finds what would be refused ends with exit status 1.
    """
    given, other = dataset_and_other(words, root)
    found, source = open_dataset(root, given), open_dataset(root, other)
    names = split_names(columns) or ["all"]
    wanted = names[0] if len(names) == 1 and names[0] in {"all", "shared", "none"} else names
    out = Output(format)
    with allowed(found, reason, dry_run=dry_run), out.working(f"merging {source.name} into {found.name}"):
        result = found.merge_from(source, columns=wanted, on_duplicate=on_duplicate, dry_run=dry_run)
    verb = "would be added" if dry_run else "added"
    left_out = f"; left out: {', '.join(result.columns_left_out)}" if result.columns_left_out else ""
    out.done(
        f"{found.name}: {result.rows_added} of {counted(result.rows_incoming, 'record')} of {source.name} {verb}, "
        f"{result.rows_known} there before{_overlay_rows(result.overlay_rows)}{left_out}{_before(result.snapshot)}"
        + ("" if result.ok else _REFUSED),
        result.to_dict(),
    )
    return 0 if result.ok else CHECK_FAILED


_REFUSED = (
    "; it would be refused, as both have some: pass --on-duplicate skip to leave them out, or --on-duplicate replace to take "
    "their derived values"
)


_SHORT = 8  # digits of an id; six are enough to name a record
_SHOWN = 5


def _duplicate(group: DuplicateRecords) -> dict[str, Any]:
    """Rows that are one record, for people."""
    more = ", ..." if len(group.removed) > _SHOWN else ""
    return {
        "sequence": group.sequence,
        "kept id": group.kept_id[:_SHORT],
        "kept row": group.kept,
        "removed ids": ", ".join(id[:_SHORT] for id in group.removed_ids[:_SHOWN]) + more,
        "removed rows": ", ".join(map(str, group.removed[:_SHOWN])) + more,
    }


def allowed(dataset: Dataset, reason: str | None, *, dry_run: bool = False) -> AbstractContextManager[None]:
    """Maintenance of the dataset; a dry run needs none."""
    if dry_run:
        return nullcontext()
    if reason is None:
        raise UsageProblem(
            "maintenance needs a reason", mend='say why: --reason "why"; or only look: --dry-run'
        )
    return dataset.maintenance(reason=reason)


def _overlay_rows(rows: dict[str, int]) -> str:
    told = ", ".join(f"{count} of {namespace}" for namespace, count in rows.items() if count)
    return f", with overlay rows: {told}" if told else ""


def _before(snapshot: str | None) -> str:
    return f"; the base of before is {snapshot}" if snapshot else ""
