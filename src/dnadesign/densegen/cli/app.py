"""The ``dense`` command: designs from binding sites and a plan into a usr dataset."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from dnadesign.densegen.contract.errors import DensegenError

app = typer.Typer(
    name="dense",
    help="Design DNA densely packed with binding sites, and write it into a usr dataset.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
_INTERRUPTED = 130

Config = Annotated[Path, typer.Option("--config", "-c", help="The config file.", metavar="FILE")]
RunId = Annotated[str | None, typer.Option("--run-id", help="Use this run id instead of the config's.")]


def main() -> None:
    """Entry point of the console script."""
    app()


def _guarded(work: Callable[[], int]) -> None:
    """Run a command; a user's mistake gets a message and a status, not a traceback."""
    try:
        status = work()
    except DensegenError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(error.exit_status) from None
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None
    raise typer.Exit(status)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder to make; must be empty or new.", metavar="DIR")],
) -> None:
    """Make a workspace: a commented config and real E. coli sites to try it with.

    Example: dense init my-designs
    """
    # What each command needs is imported when it runs: --help stays quick without solver, Arrow and DuckDB.
    from dnadesign.densegen.cli.workspace import make_workspace

    _guarded(lambda: make_workspace(folder))


@app.command()
def run(
    config: Config,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the run stands, or begin it.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin from nothing; the run id must have no designs.")
    ] = False,
    shard: Annotated[
        str, typer.Option("--shard", help="Do part I of N (0-based) of the run.", metavar="I/N")
    ] = "0/1",
    run_id: RunId = None,
) -> None:
    """Make the designs that the config asks for.

    Example: dense run -c my-designs/config.yaml
    """
    from dnadesign.densegen.cli.run import run_config  # heavy: pydantic, Arrow, usr

    _guarded(lambda: run_config(config, resume=resume, fresh=fresh, shard=shard, run_id=run_id))


if __name__ == "__main__":
    main()
