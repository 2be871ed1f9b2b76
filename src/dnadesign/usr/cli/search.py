"""Commands that look for, summarise and hand out records."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from dnadesign.usr.cli.context import dataset_and_file, dataset_and_pattern, open_dataset
from dnadesign.usr.cli.options import (
    AllColumns,
    Columns,
    DataFormat,
    DatasetAndPattern,
    DatasetAndTarget,
    DatasetName,
    IncludeDeleted,
    Root,
    Where,
    split_names,
)
from dnadesign.usr.cli.output import Output
from dnadesign.usr.cli.own_columns import is_own
from dnadesign.usr.cli.plain_help import PlainCommand, examples
from dnadesign.usr.contract.wording import counted

app = typer.Typer(rich_markup_mode=None)


@app.command(
    cls=PlainCommand,
    epilog=examples(
        "usr grep lab/promoters 'TTGACA.{16,18}TATAAT'",
        "usr grep lab/promoters TTGACWNNNNNNNNNNNNNNNNTATAAT --kind iupac --strand both",
    ),
)
def grep(
    words: DatasetAndPattern,
    *,
    kind: Annotated[
        Literal["regex", "iupac", "literal"],
        typer.Option("--kind", help="How the pattern is meant: iupac takes codes such as W, N and Y."),
    ] = "regex",
    strand: Annotated[
        Literal["+", "-", "both"],
        typer.Option("--strand", help="The stored strand, its reverse complement, or both."),
    ] = "+",
    ignore_case: Annotated[
        bool | None,
        typer.Option(
            "--ignore-case/--match-case", help="Whether case does not count [default: it does not for iupac]."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, metavar="N", help="At most so many matches.")
    ] = None,
    columns: Columns = None,
    where: Where = None,
    include_deleted: IncludeDeleted = False,
    root: Root = None,
    format: DataFormat = "table",
) -> int:
    """Find a pattern in the sequences, one row a match.

    Places are 0-based and half-open, on the stored strand. The exit status is 1 if nothing matches.
    """
    given, pattern = dataset_and_pattern(words, root)
    names = split_names(columns)
    out = Output(format)
    dataset = open_dataset(root, given)
    with out.working(f"searching {dataset.name}"):
        found = dataset.grep(
            pattern,
            kind=kind,
            strand=strand,
            ignore_case=ignore_case,
            columns=names,
            where=where,
            include_deleted=include_deleted,
            limit=limit,
        )
    out.rows(found, named=True)
    return 0 if found.num_rows else 1


@app.command(
    cls=PlainCommand,
    epilog=examples("usr describe lab/promoters", "usr describe lab/promoters -c length,densegen__gc_total"),
)
def describe(
    dataset: DatasetName = None,
    *,
    columns: Columns = None,
    where: Where = None,
    include_deleted: IncludeDeleted = False,
    all_columns: AllColumns = False,
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Summarise the columns.

    Shows of each how many values it has, how many differ (~ where that is an estimate, in large datasets), the least,
    the greatest and the mean.
    """
    found = open_dataset(root, dataset)
    out = Output(format)
    with out.working(f"summarising {found.name}"):
        table = found.describe(split_names(columns), where=where, include_deleted=include_deleted)
    # Arrow: the other commands' help does without it.
    from dnadesign.usr.cli.values import plain_rows

    rows, names = list(plain_rows(table)), table.schema.names
    if out.for_people:
        rows = _for_people(rows, every=all_columns or include_deleted or columns is not None)
        names.remove("exact")
    out.records(rows, columns=names, named=True, whole=False)


def _for_people(rows: list[dict[str, Any]], *, every: bool) -> list[dict[str, Any]]:
    """What people see of a summary: ``~`` before estimates, and no empty columns of usr's own unless they asked."""
    shown = [row for row in rows if every or not (is_own(row["column"]) and row["max"] in {None, "false"})]
    return [row if row["exact"] else {**row, "distinct": f"~{row['distinct']}"} for row in shown]


@app.command(
    cls=PlainCommand,
    epilog=examples(
        "usr export lab/promoters promoters.csv",
        "usr export lab/promoters promoters.fasta --where 'length = 60'",
        "usr export lab/promoters - --file-format jsonl | head",
    ),
)
def export(
    words: DatasetAndTarget,
    *,
    file_format: Annotated[
        Literal["csv", "tsv", "jsonl", "parquet", "fasta"] | None,
        typer.Option("--file-format", help="The file's format [default: by its ending]."),
    ] = None,
    columns: Columns = None,
    where: Where = None,
    namespaces: Annotated[
        list[str] | None, typer.Option("--namespaces", metavar="A,B", help="Only these overlays.")
    ] = None,
    include_deleted: IncludeDeleted = False,
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Write records to a file.

    The file is there whole or not at all; - is the standard output, and a named pipe or device gets the rows as they
    come. It is compressed if its name ends in .gz or .zst.
    """
    given, target = dataset_and_file(words, root)
    dataset = open_dataset(root, given)
    out = Output(format)
    with out.working(f"exporting {dataset.name}"):
        result = dataset.export(
            target,
            format=file_format,
            columns=split_names(columns),
            where=where,
            namespaces=split_names(namespaces),
            include_deleted=include_deleted,
        )
    if result.path == "-":
        out.say(f"{dataset.name}: {counted(result.rows, 'record')}")
        return
    out.done(f"{dataset.name}: wrote {counted(result.rows, 'record')} to {result.path}", result.to_dict())
