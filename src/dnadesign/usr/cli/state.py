"""Commands about the state of records: masks, quality, split, descent."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from dnadesign.usr.cli.errors import UsageProblem
from dnadesign.usr.cli.ids import dataset_and_ids, whole_ids
from dnadesign.usr.cli.options import AllowMissing, DataFormat, DatasetAndIds, IdsFrom, Root, split_names
from dnadesign.usr.cli.output import Output
from dnadesign.usr.cli.plain_help import PlainCommand, PlainGroup, examples
from dnadesign.usr.cli.records import tell_records

app = typer.Typer(
    cls=PlainGroup,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Mark records: masked, quality, split, descent.",
    epilog=examples("usr state set lab/promoters 3f786850e387550fdab836ed7e6dc881de23001b --split test"),
)


@app.command(
    "set",
    cls=PlainCommand,
    epilog=examples(
        "usr state set lab/promoters 3f786850e387550fdab836ed7e6dc881de23001b --qc-status pass --split train",
        "usr state set lab/promoters --ids-from holdout.txt --split holdout",
    ),
)
def set_(
    words: DatasetAndIds = None,
    *,
    ids_from: IdsFrom = None,
    masked: Annotated[
        bool | None, typer.Option("--masked/--unmasked", help="Whether to leave them out of use.")
    ] = None,
    qc_status: Annotated[
        Literal["pass", "fail", "warn", "unknown"] | None, typer.Option("--qc-status", help="Their quality.")
    ] = None,
    split: Annotated[
        Literal["train", "val", "test", "holdout"] | None, typer.Option("--split", help="What they are for.")
    ] = None,
    supersedes: Annotated[
        str | None,
        typer.Option(
            "--supersedes", metavar="ID", help="The record that they replace, by its id or how that begins."
        ),
    ] = None,
    lineage: Annotated[
        list[str] | None,
        typer.Option("--lineage", metavar="A,B", help="Where they come from, first to last."),
    ] = None,
    allow_missing: AllowMissing = False,
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Set fields of the state of records.

    Fields that are not given keep their values.
    """
    given: dict[str, Any] = {
        "masked": masked,
        "qc_status": qc_status,
        "split": split,
        "supersedes": supersedes,
        "lineage": split_names(lineage),
    }
    fields = {name: value for name, value in given.items() if value is not None}
    if not fields:
        raise UsageProblem("nothing is to be set", mend="see usr state set --help")
    found, ids = dataset_and_ids(words, ids_from, root)
    if supersedes is not None:
        fields["supersedes"] = whole_ids(found, [supersedes])[0]
    result = found.set_state(ids, allow_missing=allow_missing, **fields)
    tell_records(Output(format), f"{found.name}: set {', '.join(fields)} of", result)


@app.command(
    cls=PlainCommand,
    epilog=examples("usr state get lab/promoters 3f786850e387550fdab836ed7e6dc881de23001b"),
)
def get(
    words: DatasetAndIds = None,
    *,
    ids_from: IdsFrom = None,
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Show the state of records, deleted ones too."""
    found, ids = dataset_and_ids(words, ids_from, root)
    Output(format).rows(found.get_state(ids))


@app.command(
    cls=PlainCommand,
    epilog=examples(
        "usr state clear lab/promoters 3f786850e387550fdab836ed7e6dc881de23001b --fields split,lineage"
    ),
)
def clear(
    words: DatasetAndIds = None,
    *,
    ids_from: IdsFrom = None,
    fields: Annotated[
        list[str] | None, typer.Option("--fields", metavar="A,B", help="Only these; all if not given.")
    ] = None,
    allow_missing: AllowMissing = False,
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Empty fields of the state of records."""
    found, ids = dataset_and_ids(words, ids_from, root)
    result = found.clear_state(ids, split_names(fields), allow_missing=allow_missing)
    tell_records(Output(format), f"{found.name}: cleared the state of", result)
