"""What to do about an error, in two spellings."""

import ast
import copy
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dnadesign import usr
from dnadesign.usr.contract.mends import Mend, all_on_command_line, spelled


def test_a_mend_has_both_spellings_and_keeps_them() -> None:
    mend = spelled("pass {} here", ("x=True", "--x"))
    assert (mend, mend.command) == ("pass x=True here", "pass --x here")
    again = copy.copy(mend)
    assert (again, again.command) == (mend, mend.command)


def test_a_report_is_spelled_for_the_command_line_however_deep_its_mends_lie() -> None:
    mend = Mend("x=True", "--x")
    report = {"rows": 1, "notes": (mend, "as it is"), "refusals": [{"mend": mend, "name": None}]}
    assert all_on_command_line(report) == {
        "rows": 1,
        "notes": ["--x", "as it is"],
        "refusals": [{"mend": "--x", "name": None}],
    }


PYTHON_ONLY = {"contract/actor.py", "contract/arguments.py", "operations/ingest.py", "storage/maintenance.py"}
"""Modules whose advice no command line asks for: what they refuse, it cannot say."""

OF_PYTHON = re.compile(
    r"""\b\w+=(?:['"{[]|\.\.\.|True|False|None)|\{\}=\.\.\.|\b\w+\(\w+=|\bwith [a-z_]+ \("""
)


def advice(node: ast.AST) -> Iterator[str]:
    """The texts below a node that are the same in both spellings; what is filled in is ``{}``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"spelled", "Mend"}:
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values)
    else:
        for inner in ast.iter_child_nodes(node):
            yield from advice(inner)


def advising(tree: ast.Module) -> Iterator[ast.AST]:
    """What is handed over as a mend, functions that make one, and the constants of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from (keyword.value for keyword in node.keywords if keyword.arg == "mend")
        elif isinstance(node, ast.FunctionDef) and "mend" in node.name:
            yield from node.body[ast.get_docstring(node) is not None :]
    yield from (node.value for node in tree.body if isinstance(node, ast.Assign))


SOURCE = Path(usr.__file__).parent
MODULES = [file.relative_to(SOURCE).as_posix() for file in sorted(SOURCE.rglob("*.py"))]


@pytest.mark.parametrize("folder", sorted({module.partition("/")[0] for module in MODULES}))
def test_advice_in_the_words_of_python_has_those_of_the_command_line_beside_it(folder: str) -> None:
    modules = [module for module in MODULES if module.partition("/")[0] == folder]
    found = {
        (module, text)
        for module in modules
        if module not in PYTHON_ONLY
        for node in advising(ast.parse((SOURCE / module).read_text()))
        for text in advice(node)
        if OF_PYTHON.search(text)
    }
    assert found - {("operations/_deleted.py", "on_conflict='ignore'")} == set()  # a pair of spellings itself
