"""Every error that usr raises on purpose says what the reader can do about it."""

import ast
import re

from dnadesign.usr.contract import errors
from tests.architecture.source_tree import Module, modules

ERRORS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.SequencesError)
}
EXEMPT = {"dnadesign.usr.testing"}  # a stand-in for a dataset, for tests
MIXED = re.compile(
    r"\(--[a-z]|\(attach takes |with \w+ \(usr "
)  # "pass x=True (--x)": two spellings in one text


def without_mend(module: Module) -> list[str]:
    """The calls that make an error of the tree without a mend, as ``module:line``."""
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and not any(word.arg in ("mend", None) for word in node.keywords):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ERRORS:
                found.append(f"{module.name}:{node.lineno}")
    return found


def test_every_error_that_is_raised_carries_a_mend() -> None:
    bare = [
        place
        for module in modules()
        if module.name.startswith("dnadesign.usr.") and not module.name.startswith(tuple(EXEMPT))
        for place in without_mend(module)
    ]
    assert bare == []


def test_an_error_without_a_mend_is_found() -> None:
    text = "def f():\n    raise SchemaError('x')\n    raise usr.ValidationError('x', mend='y')\n    raise OSError('z')\n"
    assert without_mend(Module("dnadesign.usr.x", text)) == ["dnadesign.usr.x:2"]


def mixed_spellings(module: Module) -> list[str]:
    """The texts that tell the command line's word in brackets behind Python's, as ``module:line``."""
    tree = module.tree
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    lines = {
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
        if MIXED.search(node.value)
    }
    return [f"{module.name}:{line}" for line in sorted(lines)]


def test_a_mend_is_not_told_in_both_spellings_at_once() -> None:
    mixed = [
        place
        for module in modules()
        if module.name.startswith("dnadesign.usr.") and ".cli" not in module.name
        for place in mixed_spellings(module)
    ]
    assert mixed == [], "use contract/mends.py: Mend(python, command) or spelled(template, (python, command))"


def test_a_mend_in_both_spellings_at_once_is_found() -> None:
    lines = [
        '"""Left alone (--here), for this is a docstring."""',
        'a = "pass x=True (--x) to do it"',
        'b = f"give {a} (attach takes columns={a})"',
        'c = "set it with set_state (usr state set)"',
        'd = spelled("pass {}", ("x=True", "--x"))',
    ]
    assert mixed_spellings(Module("dnadesign.usr.x", "\n".join(lines))) == [
        f"dnadesign.usr.x:{n}" for n in (2, 3, 4)
    ]
