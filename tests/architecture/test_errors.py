"""Every error that usr raises on purpose says what the reader can do about it."""

import ast

from dnadesign.usr.contract import errors
from tests.architecture.source_tree import Module, modules

ERRORS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.SequencesError)
}
EXEMPT = {"dnadesign.usr.testing"}  # a stand-in for a dataset, for tests


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
