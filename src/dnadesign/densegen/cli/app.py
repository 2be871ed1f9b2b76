"""The ``dense`` command: designs from binding sites and a plan into a usr dataset."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from dnadesign._streams import end_output, is_unread, take_streams
from dnadesign._version import __version__
from dnadesign.densegen.cli.config_path import config_path
from dnadesign.densegen.cli.file_problems import file_error
from dnadesign.densegen.cli.output import Format
from dnadesign.densegen.contract.errors import ConfigError, DensegenError

app = typer.Typer(
    name="dense",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_INTERRUPTED = 130
_COMPLETION_VARIABLE = "_DENSE_COMPLETE"

Config = Annotated[
    Path | None, typer.Argument(help="The config file, or its folder.", metavar="CONFIG", show_default=False)
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="The config file, in another way.", metavar="FILE")
]
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
    take_streams()
    sys.exit(run_line(sys.argv[1:]))


def run_line(args: Sequence[str]) -> int:
    """Run a command line, given without the program's name; a user's mistake gets a message and a status."""
    try:
        status = _invoke(list(args))
        sys.stdout.flush()
    except DensegenError as error:
        end_output()
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    except TyperException as error:
        print(_usage_words(error), file=sys.stderr)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        end_output()
        print(f"interrupted; {_how_to_go_on(args)}", file=sys.stderr)
        return _INTERRUPTED
    except OSError as error:
        end_output()
        if is_unread(error):
            return 0
        refused = None if isinstance(error, BrokenPipeError) else file_error(error)  # one to a solver, say
        if refused is None:  # a fault of this program keeps its traceback
            raise
        print(f"error: {refused}", file=sys.stderr)
        return refused.exit_status
    return status if isinstance(status, int) else 0


def _invoke(args: list[str]) -> object:
    """Run the command; not by calling it, for that would turn an interrupt into a bare status."""
    command = get_command(app)
    if _COMPLETION_VARIABLE in os.environ:
        command.main(args, prog_name="dense")
    try:
        with command.make_context("dense", args) as context:
            return command.invoke(context)
    except typer.Exit as end:
        return end.exit_code


def _usage_words(error: TyperException) -> str:
    """What was wrong with what was typed; the help where nothing was."""
    context = getattr(error, "ctx", None)
    if context is not None and error.format_message() == context.get_help():
        return error.format_message()
    path = context.command_path if context is not None else "dense"
    return f"error: {error.format_message()}\nmend: see {path} --help"


def _how_to_go_on(args: Sequence[str]) -> str:
    """The command that does what the interrupted one has left."""
    if args[:1] != ["run"]:
        return f"to try again: {shlex.join(['dense', *args])}"
    words = ["dense", *(word for word in args if word not in {"--resume", "--fresh"}), "--resume"]
    return f"what is written stays; to go on: {shlex.join(words)}"


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

    raise typer.Exit(make_workspace(folder, sites=sites, tf_column=tf_column, site_column=site_column))


@app.command()
def run(
    config: Config = None,
    option: ConfigOption = None,
    *,
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

    raise typer.Exit(
        run_config(
            config_path(config, option, command="run"), resume=resume, fresh=fresh, shard=shard, run_id=run_id
        )
    )


@app.command()
def validate(
    config: Config = None,
    option: ConfigOption = None,
    *,
    probe: Annotated[bool, typer.Option("--probe", help="Also solve a few libraries of each plan.")] = False,
) -> None:
    """Check a config and its inputs.

    All faults at once, with file, line and column.

    Example: dense validate -c my-designs/config.yaml --probe
    """
    from dnadesign.densegen.cli.checking import validate_config  # heavy, see init

    raise typer.Exit(validate_config(config_path(config, option, command="validate"), probe=probe))


@app.command()
def plan(
    config: Config = None,
    option: ConfigOption = None,
    *,
    shard: ShardOption = "0/1",
    run_id: RunId = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show what a run would do, without solving.

    Example: dense plan -c my-designs/config.yaml
    """
    from dnadesign.densegen.cli.checking import show_plan  # heavy, see init

    raise typer.Exit(
        show_plan(config_path(config, option, command="plan"), shard=shard, run_id=run_id, form=form)
    )


@app.command()
def status(
    config: Config = None,
    option: ConfigOption = None,
    *,
    run_id: RunId = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show how far a run is.

    The exit status is 0 when its quotas are reached, else 1.

    Example: dense status -c my-designs/config.yaml
    """
    from dnadesign.densegen.cli.looking import show_status  # heavy, see init

    raise typer.Exit(show_status(config_path(config, option, command="status"), run_id=run_id, form=form))


@app.command()
def inspect(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="The config, and the beginning of a design's id.", metavar="[CONFIG] [ID]"),
    ] = None,
    option: ConfigOption = None,
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

    config, design = _config_and_design(words or [], option)
    raise typer.Exit(
        inspect_designs(config, design=design, plan=plan, count=count, picture=picture, run_id=run_id)
    )


def _config_and_design(words: list[str], option: Path | None) -> tuple[Path, str | None]:
    """Of the words of ``dense inspect``: the config, unless the option has it, and then a design."""
    first = None if option is not None or not words else Path(words[0])
    ids = words if first is None else words[1:]
    if len(ids) > 1:
        raise ConfigError("one design at a time", mend="dense inspect CONFIG ID, or -n COUNT for several")
    return config_path(first, option, command="inspect"), ids[0] if ids else None


@app.command()
def report(
    config: Config = None,
    option: ConfigOption = None,
    *,
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

    raise typer.Exit(write_report(config_path(config, option, command="report"), out=out, run_id=run_id))


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

    raise typer.Exit(print_schema(markdown=markdown))


if __name__ == "__main__":
    main()
