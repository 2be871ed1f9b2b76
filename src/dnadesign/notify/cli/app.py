"""``notify``: the console script. Groups are loaded when they are used."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException
from typer.main import get_command

from dnadesign._streams import end_output, is_unread, take_streams
from dnadesign._version import __version__
from dnadesign.notify.cli.options import examples
from dnadesign.notify.contract.errors import NotifyError
from dnadesign.notify.contract.file_problems import file_problem
from dnadesign.notify.contract.secrets import Redactor

_MODULES = "dnadesign.notify.cli."
_COMMANDS = {
    "send": ("send", "Send one message, from a script or by hand."),
    "usr-events": ("usr_events", "Follow the event log of a dataset and deliver what matters."),
    "spool": ("spool", "Look after messages that could not be delivered."),
    "profile": ("profile", "Make, show and check profiles: where to send, and what."),
}


class _LazyGroup(TyperGroup):
    """Knows the names and one-line helps of all commands, and imports only the one that is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands, none of them imported."""
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name, its module imported now."""
        if cmd_name not in _COMMANDS:
            return None
        module, _ = _COMMANDS[cmd_name]
        command = get_command(importlib.import_module(_MODULES + module).app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The names and one-line helps, none of the commands imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_text) for name, (_, help_text) in _COMMANDS.items()])


app = typer.Typer(
    cls=_LazyGroup,
    name="notify",
    help="Tell people and machines what happened to a run: chat, mail, webhooks.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        print(f"notify {__version__}")
        raise typer.Exit


@app.callback(
    epilog=examples(
        "notify profile init lab --dataset demo/lexA --root runs/data",
        "notify profile doctor lab --send-test",
        "notify usr-events watch --profile lab --follow",
        "notify send --url-env SLACK_HOOK --status success --tool align",
    )
)
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Tell people and machines what happened to a run: chat, mail, webhooks."""


def main() -> None:
    """The console script."""
    take_streams()
    sys.exit(run(sys.argv[1:]))


def run(args: Sequence[str]) -> int:
    """Run one command line, and say how it ended: 0 ok, 1 failed, 2 usage, 3 refused, 4 not found, 5 busy, 130 interrupted."""
    try:
        status = _invoke(list(args))
        sys.stdout.flush()
        return status
    except NotifyError as error:
        _complain(f"error: {error}")
        return error.exit_status
    except TyperException as error:
        _complain(_usage_words(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        end_output()
        return 130
    except Exception as error:  # noqa: BLE001 - a bug keeps its traceback, without the secrets that it may hold
        end_output()
        if isinstance(error, OSError) and is_unread(error):
            return 0
        told = file_problem(error) if isinstance(error, OSError) else None
        _complain(f"error: {told}" if told else traceback.format_exc())
        return 1


def _invoke(args: list[str]) -> int:
    """Run the command; not by calling it, for that would take a reader that has gone for a failure."""
    try:
        with get_command(app).make_context("notify", args) as context:
            status = context.command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    return status if isinstance(status, int) else 0


def _usage_words(error: TyperException) -> str:
    """What was wrong with what was typed; the help of a group that was given no command."""
    context = getattr(error, "ctx", None)
    if context is not None and error.format_message() == context.get_help():
        return error.format_message()
    path = context.command_path if context is not None else "notify"
    return f"error: {error.format_message()}\nmend: see {path} --help"


def _complain(text: str) -> None:
    end_output()
    # What was typed may be a webhook address in the wrong place.
    print(Redactor().text(text).rstrip(), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
