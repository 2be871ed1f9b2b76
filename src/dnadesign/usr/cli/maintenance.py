"""Commands that rewrite what is there; each says why."""

from __future__ import annotations

import typer

from dnadesign.usr.cli.context import open_dataset
from dnadesign.usr.cli.options import DataFormat, DatasetName, Reason, Root, examples
from dnadesign.usr.cli.output import Output

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Rare operations that rewrite what is there. Each needs a reason, which stands in the event log.",
    epilog=examples('usr maintenance registry-freeze lab/promoters --reason "before the March release"'),
)


@app.command(
    "registry-freeze",
    epilog=examples('usr maintenance registry-freeze lab/promoters --reason "before the March release"'),
)
def registry_freeze(
    reason: Reason, dataset: DatasetName = None, root: Root = None, format: DataFormat = "table"
) -> None:
    """Keep the root's registry of now in the dataset.

    Validation in mode frozen holds the files against it.
    """
    found = open_dataset(root, dataset)
    with found.maintenance(reason=reason):
        result = found.freeze_registry()
    Output(format).done(f"{found.name}: froze the registry {result.registry_hash}", result.to_dict())
