"""The ``dense`` command: designs from binding sites and a plan into a usr dataset."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from dnadesign._version import __version__
from dnadesign.densegen.cli.output import Format
from dnadesign.densegen.contract.errors import DensegenError

app = typer.Typer(
    name="dense",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_INTERRUPTED = 130

Config = Annotated[Path, typer.Option("--config", "-c", help="The config file.", metavar="FILE")]
ShardOption = Annotated[str, typer.Option("--shard", help="Part I of N (0-based) of the run.", metavar="I/N")]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print.")]
RunId = Annotated[str | None, typer.Option("--run-id", help="Use this run id instead of the config's.")]


def _show_version(value: bool) -> None:
    if value:
        print(f"dense {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Design DNA densely packed with binding sites, and write it into a usr dataset."""


def main() -> None:
    """Entry point of the console script."""
    app()


def _guarded(work: Callable[[], int]) -> None:
    """Run a command; a user's mistake gets a message and a status, not a traceback."""
    try:
        status = work()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough; without this the interpreter complains at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except DensegenError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(error.exit_status) from None
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None
    raise typer.Exit(status)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder to make; must be empty or new.", metavar="DIR")],
    sites: Annotated[
        Path | None,
        typer.Option("--sites", help="Your own sites: CSV (or .tsv), one site a row.", metavar="FILE"),
    ] = None,
    tf_column: Annotated[
        str | None, typer.Option("--tf-column", help="Its column with the factor.", metavar="NAME")
    ] = None,
    site_column: Annotated[
        str | None, typer.Option("--site-column", help="Its column with the site.", metavar="NAME")
    ] = None,
) -> None:
    """Make a workspace with a commented config.

    With it come binding sites of Escherichia coli to try it with, or your own.

    Example: dense init my-designs --sites sites.csv
    """
    # What each command needs is imported when it runs: --help stays quick without solver, Arrow and DuckDB.
    from dnadesign.densegen.cli.workspace import make_workspace

    _guarded(lambda: make_workspace(folder, sites=sites, tf_column=tf_column, site_column=site_column))


@app.command()
def run(
    config: Config,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the run stands, or begin it.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin from nothing; the run id must have no designs.")
    ] = False,
    shard: ShardOption = "0/1",
    run_id: RunId = None,
) -> None:
    """Make the designs that the config asks for.

    Example: dense run -c my-designs/config.yaml
    """
    from dnadesign.densegen.cli.run import run_config  # heavy: pydantic, Arrow, usr

    _guarded(lambda: run_config(config, resume=resume, fresh=fresh, shard=shard, run_id=run_id))


@app.command()
def validate(
    config: Config,
    probe: Annotated[bool, typer.Option("--probe", help="Also solve a few libraries of each plan.")] = False,
) -> None:
    """Check a config and its inputs.

    All faults at once, with file, line and column.

    Example: dense validate -c my-designs/config.yaml --probe
    """
    from dnadesign.densegen.cli.checking import validate_config  # heavy, see init

    _guarded(lambda: validate_config(config, probe=probe))


@app.command()
def plan(
    config: Config, shard: ShardOption = "0/1", run_id: RunId = None, form: FormatOption = Format.TABLE
) -> None:
    """Show what a run would do, without solving.

    Example: dense plan -c my-designs/config.yaml
    """
    from dnadesign.densegen.cli.checking import show_plan  # heavy, see init

    _guarded(lambda: show_plan(config, shard=shard, run_id=run_id, form=form))


@app.command()
def status(config: Config, run_id: RunId = None, form: FormatOption = Format.TABLE) -> None:
    """Show how far a run is.

    The exit status is 0 when its quotas are reached, else 1.

    Example: dense status -c my-designs/config.yaml
    """
    from dnadesign.densegen.cli.looking import show_status  # heavy, see init

    _guarded(lambda: show_status(config, run_id=run_id, form=form))


@app.command()
def inspect(
    config: Config,
    design: Annotated[str | None, typer.Argument(help="Beginning of a design's id.", metavar="[ID]")] = None,
    *,
    plan: Annotated[str | None, typer.Option("--plan", help="Only designs of this plan.")] = None,
    count: Annotated[int, typer.Option("-n", help="How many to show.", min=1)] = 3,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", help="Also draw the first one to this .svg, .png or .pdf file."),
    ] = None,
    run_id: RunId = None,
) -> None:
    """Draw designs with their sites on both strands.

    Example: dense inspect -c my-designs/config.yaml -n 1
    """
    from dnadesign.densegen.cli.looking import inspect_designs  # heavy, see init

    _guarded(
        lambda: inspect_designs(config, design=design, plan=plan, count=count, picture=picture, run_id=run_id)
    )


@app.command()
def report(
    config: Config,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The file to write; report.html in the run's folder if not given."),
    ] = None,
    run_id: RunId = None,
) -> None:
    """Write one HTML file about a run.

    Quotas, attempts, site usage, histograms, logos, diversity.

    Example: dense report -c my-designs/config.yaml -o report.html
    """
    from dnadesign.densegen.cli.reporting import write_report  # heavy, see init

    _guarded(lambda: write_report(config, out=out, run_id=run_id))


@app.command()
def schema(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the reference made from it instead.")
    ] = False,
) -> None:
    """Print the JSON schema of the config, for editors.

    Example: dense schema > densegen.schema.json
    """
    from dnadesign.densegen.cli.checking import print_schema  # heavy, see init

    _guarded(lambda: print_schema(markdown=markdown))


if __name__ == "__main__":
    main()
