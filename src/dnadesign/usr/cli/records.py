"""Commands about records: showing, deleting and restoring them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dnadesign.usr.cli.context import open_dataset
from dnadesign.usr.cli.ids import dataset_and_ids
from dnadesign.usr.cli.options import (
    AllColumns,
    AllowMissing,
    Columns,
    DataFormat,
    DatasetAndIds,
    DatasetName,
    IdsFrom,
    IncludeDeleted,
    Root,
    Where,
    split_names,
)
from dnadesign.usr.cli.output import Output
from dnadesign.usr.cli.own_columns import without_empty
from dnadesign.usr.cli.plain_help import PlainCommand, examples
from dnadesign.usr.contract.wording import counted

if TYPE_CHECKING:
    from dnadesign.usr import RecordsResult

app = typer.Typer(rich_markup_mode=None)


@app.command(
    cls=PlainCommand,
    epilog=examples(
        "usr head lab/promoters -n 3",
        "usr head lab/promoters --where 'length > 60'",
        "usr head lab/promoters -c id,densegen__plan --format csv",
    ),
)
def head(
    dataset: DatasetName = None,
    *,
    rows: Annotated[int, typer.Option("--rows", "-n", min=0, metavar="N", help="How many.")] = 10,
    columns: Columns = None,
    where: Where = None,
    include_deleted: IncludeDeleted = False,
    all_columns: AllColumns = False,
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Show the first records, with what overlays add.

    A terminal shows as many columns as it has room for; into a pipe or a file all of them go, with long values cut unless
    columns are named. --format csv and json have all values whole.
    """
    names = split_names(columns)
    table = open_dataset(root, dataset).head(
        rows, columns=names, where=where, include_deleted=include_deleted
    )
    out = Output(format)
    if out.for_people and names is None and not (all_columns or include_deleted):
        table = without_empty(table)
    out.rows(table, named=names is not None, whole=names is not None)


@app.command(
    cls=PlainCommand,
    epilog=examples(
        "usr get lab/promoters 3f786850e387550fdab836ed7e6dc881de23001b",
        "usr get lab/promoters 3f7868 --format json",
    ),
)
def get(
    words: DatasetAndIds = None,
    *,
    ids_from: IdsFrom = None,
    columns: Columns = None,
    include_deleted: IncludeDeleted = False,
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Show records by their ids.

    They are shown whole, in the order of the dataset.
    """
    found, ids = dataset_and_ids(words, ids_from, root)
    table = found.get(ids, columns=split_names(columns), include_deleted=include_deleted)
    Output(format).blocks(table)


@app.command(
    cls=PlainCommand,
    epilog=examples(
        "usr delete lab/promoters 3f786850e387550fdab836ed7e6dc881de23001b --reason 'wrong strain'",
        "usr delete lab/promoters --ids-from failed.txt --reason 'did not clone'",
    ),
)
def delete(
    words: DatasetAndIds = None,
    *,
    ids_from: IdsFrom = None,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why; kept with each record.")
    ] = None,
    allow_missing: AllowMissing = False,
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Delete records; they can be restored.

    They are hidden from all that reads, unless it is told to include them.
    """
    found, ids = dataset_and_ids(words, ids_from, root)
    result = found.tombstone(ids, reason=reason, allow_missing=allow_missing)
    tell_records(Output(format), f"{found.name}: deleted", result)


@app.command(
    cls=PlainCommand, epilog=examples("usr restore lab/promoters 3f786850e387550fdab836ed7e6dc881de23001b")
)
def restore(
    words: DatasetAndIds = None,
    *,
    ids_from: IdsFrom = None,
    allow_missing: AllowMissing = False,
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Bring deleted records back."""
    found, ids = dataset_and_ids(words, ids_from, root)
    tell_records(Output(format), f"{found.name}: restored", found.restore(ids, allow_missing=allow_missing))


def tell_records(out: Output, done: str, result: RecordsResult) -> None:
    """Say how many records a change reached."""
    records = counted(result.rows, "record")
    stayed = "stayed as it was" if result.rows_unchanged == 1 else "stayed as they were"
    unchanged = f", {result.rows_unchanged} {stayed}" if result.rows_unchanged else ""
    missing = f", {counted(result.rows_missing, 'id')} without a record" if result.rows_missing else ""
    out.done(f"{done} {records}{unchanged}{missing}", result.to_dict())
