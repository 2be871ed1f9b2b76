"""Commands about namespaces: which derived columns a root has, and registering more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from dnadesign import usr
from dnadesign.usr.cli.context import open_dataset, root_folder
from dnadesign.usr.cli.options import (
    DataFormat,
    DatasetName,
    IncludeDeleted,
    NamespaceName,
    Root,
    split_names,
)
from dnadesign.usr.cli.output import Output
from dnadesign.usr.cli.plain_help import PlainCommand, PlainGroup, examples
from dnadesign.usr.contract.layout import REGISTRY_FILE
from dnadesign.usr.contract.names import STATE_NAMESPACE, TOMBSTONE_NAMESPACE
from dnadesign.usr.contract.wording import counted

if TYPE_CHECKING:
    from dnadesign.usr import RegistryDiff

_OWN = {TOMBSTONE_NAMESPACE, STATE_NAMESPACE}

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Say which derived columns there are.",
    cls=PlainGroup,
    epilog=examples("usr namespace list --root data"),
)


@app.command("list", cls=PlainCommand, epilog=examples("usr namespace list --root data"))
def list_(root: Root = None, format: DataFormat = "table") -> None:
    """List the registered namespaces."""
    rows = [
        {
            "namespace": namespace.name,
            "columns": len(namespace.columns),
            "owner": namespace.owner,
            "description": namespace.description,
        }
        for namespace in usr.load_registry(root_folder(root))
    ]
    Output(format).records(rows, columns=["namespace", "columns", "owner", "description"])


@app.command(cls=PlainCommand, epilog=examples("usr namespace show densegen --root data"))
def show(namespace: NamespaceName, root: Root = None, format: DataFormat = "table") -> None:
    """Show a namespace, its columns and their types."""
    found = usr.load_registry(root_folder(root)).namespace(namespace)
    columns = [{"column": column.name, "type": column.type} for column in found.columns]
    out = Output(format)
    about = {"namespace": found.name, "owner": found.owner, "description": found.description}
    if format == "json":
        out.record({**about, "columns": columns})
        return
    if out.for_people:
        out.record(about)
        out.text([""])
    out.records(columns, columns=["column", "type"])


@app.command(
    cls=PlainCommand,
    epilog=examples(
        "usr namespace register scores --columns 'scores__gc:float64,scores__hits:list<string>' --owner me"
    ),
)
def register(
    namespace: Annotated[str, typer.Argument(metavar="NAMESPACE", help="Its name, such as my_scores.")],
    *,
    columns: Annotated[
        str,
        typer.Option(
            "--columns", metavar="SPEC", help="NAMESPACE__FIELD:TYPE, several with commas between; quote it."
        ),
    ],
    owner: Annotated[str | None, typer.Option("--owner", metavar="TEXT", help="Who keeps it.")] = None,
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="What it is for.")
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Replace what is registered; says first which overlays that breaks."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would change and which overlays that breaks.")
    ] = False,
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Register a namespace and its columns.

    Registering the same again changes nothing.

    Types are bool, int8 to int64, uint8 to uint64, float16 to float64, string, binary, date32, timestamp[us, UTC],
    and list<...>, fixed_size_list<...>[N], struct<name:type,...> of them.
    """
    folder = root_folder(root, may_be_new=True)
    out = Output(format)
    if dry_run:
        _show_diff(out, usr.preview_registration(folder, namespace=namespace, columns=columns))
        return
    if overwrite and (folder / REGISTRY_FILE).is_file():
        for line in _broken(usr.preview_registration(folder, namespace=namespace, columns=columns)):
            out.say(line)
    result = usr.register_namespace(
        folder,
        namespace=namespace,
        columns=columns,
        owner=owner,
        description=description,
        overwrite=overwrite,
    )
    if result.changed:
        changes = "".join(f"\n  {change}" for change in result.diff)
        message = f"registered {namespace} in {folder}:{changes}"
    else:
        message = f"{namespace} is registered like that already; nothing changed"
    out.done(message, result.to_dict())


@app.command(
    cls=PlainCommand,
    epilog=examples(
        "usr namespace diff lab/promoters", "usr namespace diff lab/promoters --from 65db787e01d6 --to frozen"
    ),
)
def diff(
    dataset: DatasetName = None,
    *,
    before: Annotated[
        str,
        typer.Option(
            "--from", metavar="WHICH", help="frozen, current, or a snapshot's hash (8 digits will do)."
        ),
    ] = "frozen",
    after: Annotated[str, typer.Option("--to", metavar="WHICH", help="Likewise.")] = "current",
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Show what changed between two registries of a dataset.

    With each change, which overlays it breaks: those whose files matched before and do not match after.
    """
    found = open_dataset(root, dataset)
    _show_diff(Output(format), usr.diff_registry(found.root, dataset=found.name, before=before, after=after))


@app.command(
    cls=PlainCommand,
    epilog=examples(
        "usr namespace coverage lab/promoters",
        "usr namespace coverage lab/promoters --namespaces scores --limit 5",
        "usr namespace coverage lab/promoters --namespaces scores --limit 1000 --format json | jq -r '.[0].missing_ids[]'",
    ),
)
def coverage(
    dataset: DatasetName = None,
    *,
    namespaces: Annotated[
        list[str] | None, typer.Option("--namespaces", metavar="A,B", help="Only these.")
    ] = None,
    limit: Annotated[
        int,
        typer.Option(
            "--limit", "-n", min=0, metavar="N", help="Name so many of the records without a row, of each."
        ),
    ] = 0,
    include_deleted: IncludeDeleted = False,
    root: Root = None,
    format: DataFormat = "table",
) -> None:
    """Count the records without a row in each namespace.

    A record that a materialized base has values of counts as one with a row.
    """
    found = open_dataset(root, dataset)
    names = split_names(namespaces)
    if names is None:
        registered = {namespace.name for namespace in usr.load_registry(found.root)}
        names = sorted((registered | {overlay.namespace for overlay in found.list_overlays()}) - _OWN)
    rows = [found.coverage(name, limit=limit, include_deleted=include_deleted).to_dict() for name in names]
    columns = ["namespace", "rows", "covered", "missing", *(["missing_ids"] if limit else [])]
    out = Output(format)
    out.records(rows, columns=columns)
    if not rows:
        out.say(
            f"no namespace is registered in {found.root}; make one: usr namespace register NAMESPACE --columns SPEC"
        )


def _show_diff(out: Output, diff: RegistryDiff) -> None:
    if out.format == "json":
        out.record(diff.to_dict())
        return
    rows = [change.to_dict() for change in diff.changes]
    if rows or not out.for_people:
        out.records(rows, columns=["kind", "namespace", "column", "before", "after"])
    else:
        out.say("no difference")
    for line in _broken(diff):
        out.say(line)


def _broken(diff: RegistryDiff) -> Iterator[str]:
    """What a change breaks, a line an overlay."""
    for overlay in diff.broken:
        files = counted(overlay.files, "file")
        columns = ", ".join(mismatch.column for mismatch in overlay.columns)
        yield f"breaks {overlay.dataset}, namespace {overlay.namespace}: {files} with {columns}"
    for dataset, reason in diff.unread:
        yield f"cannot tell about {dataset}: {reason}"
