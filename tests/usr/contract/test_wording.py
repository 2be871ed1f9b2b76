"""Counts are told in the right number."""

import ast

import pytest

from dnadesign.usr.contract.wording import counted, part_of
from tests.architecture.source_tree import Module, modules

UNITS = {
    "rows", "records", "columns", "files", "keys", "ids", "events", "parts", "cells", "items", "copies", "problems",
    "checks", "artifacts", "bytes", "lines", "duplicates", "overlays",
}  # fmt: skip


@pytest.mark.parametrize(("number", "told"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows")])
def test_one_is_told_in_the_singular(number: int, told: str) -> None:
    assert counted(number, "row") == told


def test_a_plural_can_be_given_and_the_verb_follows_the_part() -> None:
    assert (counted(1, "copy", "copies"), counted(2, "copy", "copies")) == ("1 copy", "2 copies")
    assert (part_of(1, 3, "key"), part_of(2, 3, "key")) == ("1 of 3 keys is", "2 of 3 keys are")


def plurals(module: Module) -> list[str]:
    """Where an f-string puts a number before a word in the plural, as ``module:line``."""
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.JoinedStr):
            for value, after in zip(node.values, node.values[1:], strict=False):
                text = after.value if isinstance(after, ast.Constant) else None
                word = (
                    text[1:].split(" ")[0].rstrip(",;:)") if isinstance(text, str) and text[:1] == " " else ""
                )
                spelled = isinstance(value, ast.FormattedValue) and value.format_spec is None
                if spelled and word in UNITS:
                    found.append(f"{module.name}:{node.lineno}: {word}")
    return found


def test_no_message_has_a_plural_that_does_not_look_at_the_number() -> None:
    ours = [
        module
        for module in modules()
        if module.name.startswith(("dnadesign.usr.cli", "dnadesign.usr.operations"))
    ]
    assert [place for module in ours for place in plurals(module)] == []


def test_a_plural_in_any_case_is_found() -> None:
    assert plurals(Module("m", 'x = f"wrote {n} rows to {path}"')) == ["m:1: rows"]
    assert plurals(Module("m", 'x = f"wrote {counted(n, unit)} to {path}, rows"')) == []
