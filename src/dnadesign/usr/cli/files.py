"""Commands that take in files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import typer

from dnadesign.usr.cli.context import dataset_and_file, open_dataset
from dnadesign.usr.cli.options import DataFormat, DatasetAndFile, Namespace, Root, split_names
from dnadesign.usr.cli.output import Output
from dnadesign.usr.cli.plain_help import PlainCommand, examples

app = typer.Typer(rich_markup_mode=None)


@app.command(
    cls=PlainCommand,
    epilog=examples(
        "usr attach lab/promoters scores.csv --namespace scores",
        "usr attach lab/promoters gc.tsv --namespace scores --key sequence --columns gc=scores__gc",
    ),
)
def attach(
    words: DatasetAndFile,
    *,
    namespace: Namespace,
    key: Annotated[
        Literal["id", "sequence", "sequence_norm", "sequence_ci"],
        typer.Option("--key", help="What the key column holds."),
    ] = "id",
    key_column: Annotated[
        str | None, typer.Option("--key-column", metavar="NAME", help="Its name, if not id or sequence.")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns", "-c", metavar="A,B=C", help="Only these; B=C takes the file's B as column C."
        ),
    ] = None,
    file_format: Annotated[
        Literal["csv", "tsv", "jsonl", "parquet"] | None,
        typer.Option("--file-format", help="The file's, if its ending does not tell."),
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Leave out rows whose key no record has.")
    ] = False,
    allow_overwrite: Annotated[
        bool, typer.Option("--allow-overwrite", help="Replace values of columns that are there already.")
    ] = False,
    parse_json: Annotated[
        bool, typer.Option("--json-cells/--no-json-cells", help="Read lists and structs from JSON text.")
    ] = True,
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Attach the columns of a file to the records.

    Reads CSV, TSV, JSONL (also .gz and .zst) and Parquet. The registry says how each column is read; an empty cell is
    null. Records and columns that the file does not give keep their values.
    """
    given, file = dataset_and_file(words)
    found = open_dataset(root, given)
    out = Output(format)
    with out.working(f"attaching {file}"):
        result = found.attach(
            file,
            namespace,
            key=key,
            key_col=key_column,
            columns=_renamed(split_names(columns)),
            format=file_format,
            allow_missing=allow_missing,
            allow_overwrite=allow_overwrite,
            parse_json=parse_json,
        )
    left_out = f", {result.rows_missing} without a record left out" if result.rows_missing else ""
    out.done(
        f"{found.name}: attached {result.rows} rows to {namespace} ({', '.join(result.columns)}){left_out}",
        result.to_dict(),
    )


def _renamed(columns: Sequence[str] | None) -> Mapping[str, str] | None:
    """``["a", "b=c"]`` as what each column of the file is called in the registry."""
    if columns is None:
        return None
    pairs = (column.partition("=") for column in columns)
    return {name: registered or name for name, _, registered in pairs}
