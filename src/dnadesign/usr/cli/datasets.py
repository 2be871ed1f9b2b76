"""Commands about datasets as wholes: which there are, making one, what one holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dnadesign import usr
from dnadesign.usr.cli.cells import moment, size
from dnadesign.usr.cli.context import open_dataset, root_folder
from dnadesign.usr.cli.options import DataFormat, DatasetName, NewDataset, Root
from dnadesign.usr.cli.output import Output
from dnadesign.usr.cli.plain_help import PlainCommand, examples

if TYPE_CHECKING:
    from dnadesign.usr import DatasetInfo

app = typer.Typer(rich_markup_mode=None)

_LISTED = ("dataset", "rows", "deleted", "bytes", "overlays", "created_at", "problem")


@app.command(
    cls=PlainCommand, epilog=examples("usr ls --root data", "usr ls --format json | jq -r '.[].dataset'")
)
def ls(root: Root = None, format: DataFormat = "table") -> None:
    """List the datasets of a root.

    One that cannot be read is listed with its problem.
    """
    folder = root_folder(root)
    out = Output(format)
    rows = [_listed(folder, name) for name in usr.list_datasets(folder)]
    if out.for_people:
        has_problem, has_deleted = (any(row[name] for row in rows) for name in ("problem", "deleted"))
        columns = [
            "dataset",
            "rows",
            *(["deleted"] if has_deleted else []),
            "size",
            "overlays",
            "created_at",
            *(["problem"] if has_problem else []),
        ]
        out.records(map(_for_people, rows), columns=columns)
    else:
        out.records(rows, columns=_LISTED)
    if not rows:
        out.say(f"no datasets in {folder}; make one: usr init NAME")


def _listed(root: Path, name: str) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(_LISTED) | {"dataset": name, "overlays": []}
    try:
        info = usr.Dataset(root, name).info()
    except usr.SequencesError as error:
        return row | {"problem": error.message}
    return row | {
        "rows": info.rows,
        "deleted": info.deleted,
        "bytes": _size_of(info),
        "overlays": [overlay.namespace for overlay in info.overlays],
        "created_at": info.created_at,
    }


def _size_of(info: DatasetInfo) -> int:
    """Bytes of the base and its overlays."""
    return info.bytes + sum(overlay.bytes for overlay in info.overlays)


def _for_people(row: dict[str, Any]) -> dict[str, Any]:
    return row | {
        "size": None if row["bytes"] is None else size(row["bytes"]),
        "overlays": ", ".join(row["overlays"]) or None,
        "created_at": row["created_at"] and moment(row["created_at"]),
    }


@app.command(
    cls=PlainCommand, epilog=examples('usr init lab/promoters --root data --source "strain collection, 2026"')
)
def init(
    dataset: NewDataset,
    source: Annotated[
        str, typer.Option("--source", metavar="TEXT", help="Where its sequences come from.")
    ] = "",
    notes: Annotated[str, typer.Option("--notes", metavar="TEXT", help="What a reader should know.")] = "",
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Make a dataset.

    A root that is not there is made with it.
    """
    made = usr.Dataset(root_folder(root, may_be_new=True), dataset).init(source=source, notes=notes)
    Output(format).done(f"made {made.name} in {made.dir}", {"dataset": made.name, "path": str(made.dir)})


@app.command(cls=PlainCommand, epilog=examples("usr info lab/promoters"))
def info(dataset: DatasetName = None, root: Root = None, format: DataFormat = "table") -> None:
    """Show what a dataset holds.

    Rows, sizes, overlays and registry hashes, from footers and tombstones alone.
    """
    held = open_dataset(root, dataset).info()
    found = held.to_dict()
    out = Output(format)
    shown = {key: value for key, value in found.items() if key not in {"overlays", "bytes", "events_bytes"}}
    shown |= {"created_at": found["created_at"] and moment(found["created_at"])}
    shown |= {"size": size(_size_of(held)), "events": size(found["events_bytes"])}
    out.record(found, shown=shown)
    if out.for_people and found["overlays"]:
        out.text([""])
        overlays = [{**o, "size": size(o["bytes"]), "columns": len(o["columns"])} for o in found["overlays"]]
        out.records(overlays, columns=["namespace", "layout", "files", "rows", "size", "columns"])


@app.command(
    cls=PlainCommand, epilog=examples("usr schema lab/promoters", "usr schema lab/promoters --format csv")
)
def schema(dataset: DatasetName = None, root: Root = None, format: DataFormat = "table") -> None:
    """Show the columns of a dataset and their types.

    Those of overlays are included.
    """
    found = open_dataset(root, dataset).schema()
    rows = [
        {
            "column": field.name,
            "type": usr.arrow_type_str(field.type),
            "namespace": field.name.partition("__")[0] if "__" in field.name else None,
        }
        for field in found
    ]
    Output(format).records(rows, columns=["column", "type", "namespace"])
