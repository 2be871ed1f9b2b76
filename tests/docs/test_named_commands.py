"""A command that a message or a mend names works as typed: it exists, and so do the options named with it."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from typer.main import get_command

from dnadesign.densegen.cli.app import app as dense_app
from dnadesign.notify.cli.app import app as notify_app
from dnadesign.usr.cli.app import app as usr_app
from tests.architecture.source_tree import Module, modules

APPS = {"usr": usr_app, "dense": dense_app, "notify": notify_app}
GAP = "\N{OBJECT REPLACEMENT CHARACTER}"  # what a value fills in

# In quotes, in parentheses, behind a colon or at the beginning: elsewhere it is the name of the tool in a sentence.
_NAMED = re.compile(rf"(?:^|(?<=['\"`(])|(?<=: )|(?<=\|\| ))(usr|dense|notify) ([a-z{GAP}][^'\"`;)\n|]*)")
_OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


@dataclass(frozen=True, slots=True)
class Named:
    """A command line as a text names it."""

    place: str
    tool: str
    words: tuple[str, ...]
    text: str


def texts(module: Module) -> Iterator[tuple[int, str]]:
    """The texts of a module that are no docstrings, with what is filled in as a gap."""
    tree = module.tree
    parts: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            parts.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            parts |= {id(part) for part in node.values}
        if isinstance(node, ast.keyword) and node.arg == "tool":
            parts.add(id(node.value))  # who holds a lock
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.lineno, node.value


def named_in(module: Module) -> list[Named]:
    """The command lines that a module's texts name."""
    return [
        Named(f"{module.name}:{line}", found[1], tuple(found[2].split()), found[0])
        for line, text in texts(module)
        for found in _NAMED.finditer(text)
    ]


def fault_of(named: Named) -> str | None:
    """What is wrong with a command line that a text names; None if nothing is."""
    command: Any = get_command(APPS[named.tool])
    context = command.make_context(named.tool, [], resilient_parsing=True)
    words = list(named.words)
    while hasattr(command, "list_commands"):
        if not words or words[0].startswith(GAP):
            return None  # which one is filled in
        found = command.get_command(context, words[0].rstrip(".,:"))
        if found is None:
            return f"no command {words[0]!r}"
        command = found
        context = command.make_context(words.pop(0), [], parent=context, resilient_parsing=True)
    rest = " ".join(words)
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {
        "--help",
        "-h",
    }
    given = set(_OPTION.findall(rest))
    if given - known:
        return f"no option {', '.join(sorted(given - known))}"
    needed = [param for param in command.params if param.required and param.param_type_name == "option"]
    lacking = [param.opts[0] for param in needed if not given & set(param.opts)]
    return f"lacks {', '.join(lacking)}" if lacking and GAP not in rest.split() else None


ALL = [named for module in modules() for named in named_in(module)]


def test_commands_are_found_in_the_sources() -> None:
    assert len(ALL) > 60
    assert {named.tool for named in ALL} == set(APPS)


@pytest.mark.parametrize("tool", APPS)
def test_every_command_that_a_message_names_works_as_typed(tool: str) -> None:
    faults = [(named.place, named.text, fault_of(named)) for named in ALL if named.tool == tool]
    assert [fault for fault in faults if fault[2]] == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("'usr maintenance recover' settles it", None),
        ("'usr maintenance recovr' settles it", "no command 'recovr'"),
        ("make it ids: usr maintenance overlay-compact --namespace NAME --reason TEXT", None),
        ("make it ids (usr maintenance overlay-compact --namespace NAME)", "lacks --reason"),
        ("usr head --row 3", "no option --row"),
        ("usr keeps sequences", "no command 'keeps'"),
        ("made with usr and read again", None),
    ],
)
def test_a_wrong_command_is_told(text: str, fault: str | None) -> None:
    found = named_in(Module("m", f"x = {text!r}"))
    assert [fault_of(named) for named in found] == ([] if "made with" in text else [fault])
