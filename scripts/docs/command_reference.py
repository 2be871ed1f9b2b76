"""The page of all usr commands, made from the help that they print."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from dnadesign.usr.cli.app import COMMANDS, app

_WIDTH = 100
_HEAD = """\
# The `usr` command line

*Made by `make docs` from the commands themselves: what is here is what `--help` says.*

`--root` or `USR_ROOT` names the root; inside a root's folder neither is needed, and inside a dataset's folder the dataset
may be left out. Data goes to stdout, messages and progress to stderr. `--format json`, `jsonl` and `csv` are for programs;
an error is then one line of JSON on stderr: `{"error": {"code": ..., "message": ..., "mend": ..., "exit_status": ...}}`.
A table is cut to the width of a terminal; into a pipe or a file all columns go. `NO_COLOR` turns colours off.
`usr --install-completion` makes the shell complete commands, datasets and namespaces.

| exit status | meaning |
|---|---|
| 0 | ok |
| 1 | a check failed, or something is damaged |
| 2 | the command line cannot be meant |
| 3 | refused by a rule |
| 4 | not found |
| 5 | locked or busy: try again |
| 130 | interrupted |
"""


def command_reference() -> str:
    """The page's text."""
    root = get_command(app)
    context = root.make_context("usr", ["ls"], resilient_parsing=True)
    context.terminal_width = _WIDTH
    return "\n".join([_HEAD, *_described(root, context, "usr")]).rstrip() + "\n"


def command_paths() -> list[str]:
    """Every command, such as ``usr events tail``."""
    return [
        line.removeprefix("## ") for line in command_reference().splitlines() if line.startswith("## usr ")
    ]


def _described(root: Any, context: Any, path: str) -> Iterator[str]:
    for name in COMMANDS:
        command = root.get_command(context, name)
        below = command.make_context(name, [], parent=context, resilient_parsing=True)
        if not hasattr(command, "list_commands"):
            yield _section(f"{path} {name}", command.get_help(below))
            continue
        for inner in command.list_commands(below):
            leaf = command.get_command(below, inner)
            inside = leaf.make_context(inner, [], parent=below, resilient_parsing=True)
            yield _section(f"{path} {name} {inner}", leaf.get_help(inside))


def _section(title: str, text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return f"## {title}\n\n```text\n{lines}\n```\n"
