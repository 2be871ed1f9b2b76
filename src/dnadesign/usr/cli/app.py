"""``usr``: the console script. Knows the names of all commands, and loads the one that is asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException
from typer.main import get_command, get_group

from dnadesign._streams import end_output, is_unread, take_streams
from dnadesign._version import __version__
from dnadesign.usr.cli.errors import INTERRUPTED, UsageProblem, is_told, tell
from dnadesign.usr.cli.plain_help import PlainGroup, examples
from dnadesign.usr.cli.session import Session, session_of
from dnadesign.usr.contract.errors import SequencesError

_PACKAGE = "dnadesign.usr.cli"
_COMPLETION_VARIABLE = "_USR_COMPLETE"


@dataclass(frozen=True, slots=True)
class Entry:
    """A command or group: the module it lives in, its one-line help, and the section it is listed in."""

    module: str
    help: str
    section: str = "Commands"
    is_group: bool = False


COMMANDS = {
    "ls": Entry("datasets", "List the datasets of a root."),
    "init": Entry("datasets", "Make a dataset."),
    "info": Entry("datasets", "Show what a dataset holds."),
    "schema": Entry("datasets", "Show the columns of a dataset and their types."),
    "head": Entry("records", "Show the first records, with what overlays add."),
    "get": Entry("records", "Show records by their ids."),
    "grep": Entry("search", "Find a pattern in the sequences."),
    "describe": Entry("search", "Summarise the columns."),
    "import": Entry("files", "Import the sequences of a file."),
    "attach": Entry("files", "Attach the columns of a file to the records."),
    "export": Entry("search", "Write records to a file."),
    "validate": Entry("checks", "Check a dataset against the format and its registry."),
    "materialize": Entry("base", "Write the values of overlays into the base table."),
    "snapshot": Entry("base", "Copy the base table, byte for byte."),
    "delete": Entry("records", "Delete records; they can be restored."),
    "restore": Entry("records", "Bring deleted records back."),
    "namespace": Entry("namespace", "Say which derived columns there are.", "Groups", is_group=True),
    "events": Entry("events", "Show what has happened to a dataset.", "Groups", is_group=True),
    "state": Entry("state", "Mark records: masked, quality, split, descent.", "Groups", is_group=True),
    "maintenance": Entry(
        "maintenance", "Rare operations that rewrite what is there.", "Groups", is_group=True
    ),
}


class CommandTable(PlainGroup):
    """The root of all commands; a command's module is imported when the command is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands, none of them imported."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name, its module imported now; None if there is none."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        group = get_group(import_module(f"{_PACKAGE}.{entry.module}").app)
        if not entry.is_group:
            return group.commands[cmd_name]
        group.name = cmd_name
        return group

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The names and one-line helps, none of the commands imported."""
        for section in dict.fromkeys(entry.section for entry in COMMANDS.values()):
            with formatter.section(section):
                formatter.write_dl(
                    [(name, entry.help) for name, entry in COMMANDS.items() if entry.section == section]
                )


app = typer.Typer(
    cls=CommandTable,
    name="usr",
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        print(f"usr {__version__}")
        raise typer.Exit


@app.callback(
    epilog=examples(
        "usr init lab/promoters --root data", "usr ls --root data", "usr head lab/promoters --root data"
    )
)
def _all_commands(
    ctx: typer.Context,
    root: Annotated[
        str | None,
        typer.Option("--root", metavar="DIR", help="The root's folder; may also follow the command."),
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Store biological sequences and typed metadata, safely, in plain Parquet files."""
    session_of(ctx).root = root


def main() -> int:
    """Run the command line of this process.

    Returns:
        The exit status: 0 ok, 1 a check failed, 2 usage, 3 refused by a rule, 4 not found, 5 locked or busy,
        130 interrupted.
    """
    take_streams()
    return run(sys.argv[1:])


def run(args: Sequence[str]) -> int:
    """Run a command line, given without the program's name; returns the exit status. A bug keeps its traceback."""
    session = Session()
    try:
        status = _run(list(args), session)
        sys.stdout.flush()
    except (SequencesError, UsageProblem) as error:
        return _tell(error, session)
    except TyperException as error:
        return _tell_usage(error, session)
    except (KeyboardInterrupt, typer.Abort):
        end_output()
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        end_output()
        if is_unread(error):
            return 0
        if not is_told(error):
            raise
        return _tell(error, session)
    return status


def _run(args: list[str], session: Session) -> int:
    command = get_command(app)
    if _COMPLETION_VARIABLE in os.environ:
        command.main(args, prog_name="usr")
    try:
        with command.make_context("usr", args, obj=session) as ctx:
            status = command.invoke(ctx)
    except typer.Exit as end:
        return end.exit_code
    return status if isinstance(status, int) else 0


def _tell(error: SequencesError | UsageProblem | OSError, session: Session) -> int:
    """Say what went wrong after what was shown, and in the command's format."""
    end_output()
    return tell(error, as_json=session.format in {"json", "jsonl"})


def _tell_usage(error: TyperException, session: Session) -> int:
    context = getattr(error, "ctx", None)
    if context is not None and error.format_message() == context.get_help():  # a group without a command
        print(error.format_message(), file=sys.stderr)
        return error.exit_code
    path = context.command_path if context is not None else "usr"
    message = error.format_message().replace("Value error, ", "")
    example = 'say why: --reason "why"; ' if message.startswith("Missing option '--reason'") else ""
    problem = UsageProblem(message, mend=f"{example}see {path} --help")
    _tell(problem, session)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
