"""The arguments and options that commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from dnadesign.usr.cli.context import dataset_names, namespace_names
from dnadesign.usr.cli.session import Format, session_of


def _root(ctx: typer.Context, value: str | None) -> str | None:
    """The root given with the command, or else before it."""
    return value or session_of(ctx).root


def _format(ctx: typer.Context, value: Format) -> Format:
    session_of(ctx).format = value
    return value


def _complete_dataset(ctx: typer.Context) -> list[str]:
    return dataset_names(ctx.params.get("root") or session_of(ctx).root)


def _complete_dataset_or_file(ctx: typer.Context, incomplete: str) -> list[str]:
    """Datasets, and files: a shell asks the program for both where either may stand."""
    folder, _, _ = incomplete.rpartition("/")
    try:
        files = [f"{path.name}/" if path.is_dir() else path.name for path in Path(folder or ".").iterdir()]
    except OSError:
        files = []
    return [*_complete_dataset(ctx), *(f"{folder}/{name}" if folder else name for name in files)]


def _complete_namespace(ctx: typer.Context) -> list[str]:
    return namespace_names(ctx.params.get("root") or session_of(ctx).root)


def split_names(values: Sequence[str] | None) -> list[str] | None:
    """The names in a repeatable option whose values may be lists with commas; None if it is not given."""
    names = [name.strip() for value in values or () for name in value.split(",") if name.strip()]
    return names or None


Root = Annotated[
    str | None,
    typer.Option(
        "--root", metavar="DIR", callback=_root,
        help="The root's folder. Else USR_ROOT, else the root that the current folder is in.",
    ),
]  # fmt: skip

_DATASET: dict[str, Any] = {
    "help": "Its id, or the path of its folder. May be left out inside the folder.",
    "autocompletion": _complete_dataset,
}
DatasetName = Annotated[str | None, typer.Argument(metavar="[DATASET]", **_DATASET)]

NewDataset = Annotated[str, typer.Argument(metavar="DATASET", help="Its id: name or group/name.")]

NamespaceName = Annotated[
    str, typer.Argument(metavar="NAMESPACE", help="Its name.", autocompletion=_complete_namespace)
]

Namespace = Annotated[
    str,
    typer.Option("--namespace", metavar="NAME", help="Which namespace.", autocompletion=_complete_namespace),
]

DataFormat = Annotated[
    Format, typer.Option("--format", "-f", callback=_format, help="How data is written to stdout.")
]

Columns = Annotated[
    list[str] | None,
    typer.Option("--columns", "-c", metavar="A,B", help="Only these columns, in this order."),
]

DatasetAndFile = Annotated[
    list[str],
    typer.Argument(
        metavar="[DATASET] FILE",
        help="The dataset (may be left out inside its folder), and the file to read.",
        autocompletion=_complete_dataset_or_file,
    ),
]

DatasetAndTarget = Annotated[
    list[str],
    typer.Argument(
        metavar="[DATASET] FILE",
        help="The dataset (may be left out inside its folder), and the file to write; - for the standard output.",
        autocompletion=_complete_dataset_or_file,
    ),
]

DatasetAndPattern = Annotated[
    list[str],
    typer.Argument(
        metavar="[DATASET] PATTERN",
        help="The dataset (may be left out inside its folder), and what to look for.",
        autocompletion=_complete_dataset,
    ),
]

Where = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="CONDITION",
        help='Only records that fulfil this condition in SQL, such as "length > 60".',
    ),
]

DatasetAndIds = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[DATASET] ID...",
        help="The dataset (may be left out inside its folder), and the ids of the records, or their first six or more "
        "digits.",
        autocompletion=_complete_dataset,
    ),
]

IdsFrom = Annotated[
    Path | None,
    typer.Option(
        "--ids-from",
        metavar="FILE",
        help="Take ids from a file too: one a line, or a CSV with a column id; - is stdin.",
    ),
]

DatasetAndOther = Annotated[
    list[str],
    typer.Argument(
        metavar="[DATASET] OTHER",
        help="The dataset (may be left out inside its folder), and the one whose records it takes in.",
        autocompletion=_complete_dataset,
    ),
]

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]

AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Leave out ids that no record has, instead of refusing all.")
]

FileFormat = Annotated[
    str | None, typer.Option("--file-format", metavar="NAME", help="The file's, if its ending does not tell.")
]

FileColumns = Annotated[
    list[str] | None,
    typer.Option("--columns", "-c", metavar="A,B=C", help="Only these; B=C takes the file's B as column C."),
]

IncludeDeleted = Annotated[bool, typer.Option("--include-deleted", help="Also records that are deleted.")]

AllColumns = Annotated[
    bool,
    typer.Option(
        "--all-columns", help="In a table, show also those of deletions and state that have no values."
    ),
]

Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the event log.", show_default=False)
]
