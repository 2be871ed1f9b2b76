"""Commands that show records."""

from __future__ import annotations

from typing import Annotated

import typer

from dnadesign.usr.cli.context import is_id, open_dataset
from dnadesign.usr.cli.errors import UsageProblem
from dnadesign.usr.cli.options import (
    Columns,
    DataFormat,
    DatasetName,
    IncludeDeleted,
    Root,
    split_names,
)
from dnadesign.usr.cli.output import Output
from dnadesign.usr.cli.plain_help import PlainCommand, examples

app = typer.Typer(rich_markup_mode=None)


@app.command(
    cls=PlainCommand,
    epilog=examples(
        "usr head lab/promoters -n 3", "usr head lab/promoters -c id,densegen__plan --format csv"
    ),
)
def head(
    dataset: DatasetName = None,
    *,
    rows: Annotated[int, typer.Option("--rows", "-n", min=0, metavar="N", help="How many.")] = 10,
    columns: Columns = None,
    include_deleted: IncludeDeleted = False,
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Show the first records, with what overlays add.

    A terminal shows as many columns as it has room for; into a pipe or a file all of them go, whole.
    """
    names = split_names(columns)
    table = open_dataset(root, dataset).head(rows, columns=names, include_deleted=include_deleted)
    Output(format).rows(table, named=names is not None)


@app.command(
    cls=PlainCommand,
    epilog=examples(
        "usr get lab/promoters 3f786850e387550fdab836ed7e6dc881de23001b",
        "usr get lab/promoters 3f786850e387550fdab836ed7e6dc881de23001b --format json",
    ),
)
def get(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[DATASET] ID...",
            help="The dataset (may be left out inside its folder), and the ids of the records.",
        ),
    ],
    columns: Columns = None,
    include_deleted: IncludeDeleted = False,
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Show records by their ids.

    They are shown whole, in the order of the dataset.
    """
    dataset, ids = (None, words) if is_id(words[0]) else (words[0], words[1:])
    if not ids:
        raise UsageProblem("no id is given", mend="usr get DATASET ID...; usr head shows ids")
    table = open_dataset(root, dataset).get(
        ids, columns=split_names(columns), include_deleted=include_deleted
    )
    Output(format).blocks(table)
