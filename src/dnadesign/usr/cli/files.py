"""Commands that take in files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dnadesign.usr.cli.context import dataset_and_file, open_dataset
from dnadesign.usr.cli.errors import CHECK_FAILED, UsageProblem
from dnadesign.usr.cli.options import (
    DataFormat,
    DatasetAndFile,
    FileColumns,
    FileFormat,
    Namespace,
    Root,
    split_names,
)
from dnadesign.usr.cli.output import Output
from dnadesign.usr.cli.plain_help import PlainCommand, examples
from dnadesign.usr.contract.mends import on_command_line
from dnadesign.usr.contract.wording import counted

if TYPE_CHECKING:
    from dnadesign.usr import AttachResult, ImportReport, Refusal

app = typer.Typer(rich_markup_mode=None)


@app.command(
    "import",
    cls=PlainCommand,
    epilog=examples(
        "usr import lab/promoters designs.csv --alphabet dna_4 --source 'library 7'",
        "usr import lab/promoters genome.fasta.gz --alphabet dna_5 --on-conflict ignore",
        "usr import lab/promoters designs.csv --alphabet dna_4 --columns Seq=sequence --dry-run",
    ),
)
def import_(
    words: DatasetAndFile,
    *,
    alphabet: Annotated[
        str | None,
        typer.Option(
            "--alphabet",
            metavar="NAME",
            help="dna_4, dna_5, rna_4, rna_5, protein_20 or protein_21; never guessed.",
        ),
    ] = None,
    bio_type: Annotated[
        str | None,
        typer.Option("--bio-type", metavar="NAME", help="dna, rna or protein; else the alphabet's."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="TEXT", help="Where they come from; else the file's name."),
    ] = None,
    columns: FileColumns = None,
    file_format: FileFormat = None,
    on_conflict: Annotated[
        Literal["error", "ignore"],
        typer.Option(
            "--on-conflict", help="What to do about sequences that are there already, or come twice."
        ),
    ] = "error",
    on_invalid: Annotated[
        Literal["error", "skip"], typer.Option("--on-invalid", help="What to do about rows that are wrong.")
    ] = "error",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report what would be done.")] = False,
    batch_id: Annotated[
        str | None,
        typer.Option("--batch-id", metavar="NAME", help="Import these rows once only under this name."),
    ] = None,
    root: Root = None,
    format: DataFormat = "table",
) -> int:
    """Import the sequences of a file.

    Reads CSV, TSV, JSONL, FASTA, FASTQ, GenBank (also .gz and .zst) and Parquet. A table needs a column sequence, and
    may have the other columns of the base: bio_type, alphabet, source, created_at. All rows become visible at once, or
    none. A dry run that finds something wrong has exit status 1.
    """
    given, file = dataset_and_file(words, root)
    found = open_dataset(root, given)
    out = Output(format)
    with out.working(f"importing {file}"):
        report = found.import_file(
            file,
            bio_type=bio_type,
            alphabet=alphabet,
            source=source,
            format=file_format,
            on_conflict=on_conflict,
            on_invalid=on_invalid,
            columns=_taken(split_names(columns)),
            dry_run=dry_run,
            batch_id=batch_id,
        )
    _show_rows(out, report)
    counts = f"{report.accepted} accepted, {report.skipped} skipped, {report.refused} refused"
    for note in report.notes if out.for_people else ():
        out.say(f"note: {on_command_line(note)}")
    if out.for_people and report.skipped_deleted:
        are, them = ("is", "it") if report.skipped_deleted == 1 else ("are", "them")
        out.say(
            f"{report.skipped_deleted} of the skipped {are} in the dataset, deleted: usr restore brings {them} back"
        )
    out.done(f"{found.name}: {counts}{'; nothing is changed yet' if dry_run else ''}", report.to_dict())
    return 0 if report.ok else CHECK_FAILED


_LISTED = 20


def _show_rows(out: Output, report: ImportReport) -> None:
    """The rows that were not taken, and why; people see the first of them."""
    if not out.for_people:
        return
    _show_refusals(out, report.refusals, count=report.refused)
    if report.duplicates:
        out.text([""] if report.refusals else [])
        doubles = [
            {
                "skipped": d.id,
                "in dataset": "deleted" if d.deleted else d.in_dataset,
                f"{d.unit}s": ", ".join(map(str, d.numbers)),
            }
            for d in report.duplicates[:_LISTED]
        ]
        out.records(doubles, columns=list(doubles[0]))
        _say_more(out, len(report.duplicates), "skipped")


def _show_refusals(out: Output, refusals: Sequence[Refusal], *, count: int | None = None) -> None:
    if refusals and out.for_people:
        out.text(_refusals(refusals[:_LISTED]))
        _say_more(out, len(refusals) if count is None else count, "refused")


def _refusals(refusals: Sequence[Refusal]) -> Iterator[str]:
    """Each refusal with nothing cut; what to do about several in a row stands behind the last of them."""
    for refusal, after in zip_longest(refusals, refusals[1:]):
        yield f"refused: {refusal.where}: {refusal.reason}"
        if refusal.mend and (after is None or after.mend != refusal.mend):
            yield f"  mend: {on_command_line(refusal.mend)}"


def _say_more(out: Output, count: int, what: str) -> None:
    if count > _LISTED:
        out.say(f"and {count - _LISTED} more {what}; --format json lists them")


def _taken(columns: Sequence[str] | None) -> Mapping[str, str] | None:
    """``["sequence", "b=source"]`` as which column of the file each column of the base is read from."""
    if columns is None:
        return None
    return _each_once([(column, name) for name, column in map(_pair, columns)], "be taken from")


@app.command(
    cls=PlainCommand,
    epilog=examples(
        "usr attach lab/promoters scores.csv --namespace scores",
        "usr attach lab/promoters gc.tsv --namespace scores --key sequence --columns gc=scores__gc",
        "usr attach lab/promoters scores.csv --namespace scores --dry-run",
    ),
)
def attach(
    words: DatasetAndFile,
    *,
    namespace: Namespace,
    key: Annotated[
        Literal["id", "sequence", "sequence_norm", "sequence_ci"],
        typer.Option(
            "--key",
            help="What the key column holds; _norm may have white space around, _ci any case, in a base of dna_4 only.",
        ),
    ] = "id",
    key_column: Annotated[
        str | None, typer.Option("--key-column", metavar="NAME", help="Its name, if not id or sequence.")
    ] = None,
    columns: FileColumns = None,
    file_format: FileFormat = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Leave out rows whose key no record has.")
    ] = False,
    allow_overwrite: Annotated[
        bool, typer.Option("--allow-overwrite", help="Replace values of columns that are there already.")
    ] = False,
    parse_json: Annotated[
        bool, typer.Option("--json-cells/--no-json-cells", help="Read lists and structs from JSON text.")
    ] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report what would be done.")] = False,
    root: Root = None,
    format: DataFormat = "table",
) -> int:
    """Attach the columns of a file to the records.

    Reads CSV, TSV, JSONL (also .gz and .zst) and Parquet. The registry says how each column is read; an empty cell is
    null. Records and columns that the file does not give keep their values. All rows are attached, or none. A dry run
    that finds something wrong has exit status 1.
    """
    given, file = dataset_and_file(words, root)
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
            dry_run=dry_run,
        )
    _show_refusals(out, result.refusals)
    if out.for_people and not (result.rows or result.rows_missing or result.refused):
        out.say("note: the file has no rows")
    out.done(f"{found.name}: {_attached(result)}", result.to_dict())
    return 0 if result.ok else CHECK_FAILED


def _attached(result: AttachResult) -> str:
    rows, columns = counted(result.rows, "row"), ", ".join(result.columns)
    where = f"{result.namespace} ({columns})"
    if not result.dry_run:
        return f"attached {rows} to {where}{_left_out(result)}"
    new = f"{rows} for {where}, {result.rows_new} of them new{_left_out(result)}"
    return f"{new}, {result.refused} refused; nothing is changed yet"


def _left_out(result: AttachResult) -> str:
    """How many rows are of deleted records; how many were left out, and which ones they are."""
    deleted = f", {result.rows_deleted} of them to deleted records" if result.rows_deleted else ""
    if not result.rows_missing:
        return deleted
    more = ", ..." if result.rows_missing > len(result.missing) else ""
    return f"{deleted}, {result.rows_missing} without a record left out: {', '.join(result.missing)}{more}"


def _renamed(columns: Sequence[str] | None) -> Mapping[str, str] | None:
    """``["a", "b=c"]`` as what each column of the file is called in the registry."""
    return None if columns is None else _each_once(map(_pair, columns), "become")


def _each_once(pairs: Iterable[tuple[str, str]], what: str) -> Mapping[str, str]:
    """Pairs as a mapping, in which none may take the place of another."""
    found: dict[str, str] = {}
    for name, other in pairs:
        if name in found:
            raise UsageProblem(
                f"--columns: {name!r} is to {what} two columns, {found[name]!r} and {other!r}",
                mend="name each column once",
            )
        found[name] = other
    return found


def _pair(column: str) -> tuple[str, str]:
    """``a=b`` as a column of the file and what it is to be; ``a`` as one that keeps its name."""
    name, renamed, other = column.partition("=")
    if not name or (renamed and not other):
        raise UsageProblem(
            f"--columns: {column!r} lacks a name beside the sign =", mend="write NAME or NAME=COLUMN"
        )
    return name, other if renamed else name
