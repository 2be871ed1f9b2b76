"""Importing usr is cheap, and its public face is what type checkers, readers and programs see alike."""

import ast
import importlib
import inspect
import json
import subprocess
import sys

import pytest

from dnadesign.usr import Dataset
from tests.architecture.source_tree import Module, modules

HEAVY = ["duckdb", "httpx2", "numpy", "pandas", "pyarrow", "pydantic", "rich", "ruamel", "typer", "yaml"]
MODULES = {module.name: module for module in modules()}

# What users build on: these names stay, or CHANGELOG.md says what to do instead.
PROMISED = {
    *(
        "Actor",
        "AddSequencesResult",
        "BatchRecord",
        "Dataset",
        "Event",
        "EventFollower",
        "LogLine",
        "LogPosition",
    ),
    *(
        "OverlayPartResult",
        "RegistryColumn",
        "TransactionResult",
        "arrow_type_str",
        "compute_id",
        "list_datasets",
    ),
    *("load_registry", "normalize_sequence", "parse_columns_spec", "parse_type_str", "register_namespace"),
    *("registry_hash", "use_actor", "validate_alphabet", "validate_bio_type"),
    *("AlphabetError", "BatchConflict", "CommitOutcomeUnknown", "ConcurrentChangeError", "CorruptFileError"),
    *("DatasetNotFound", "DuplicateIDError", "DuplicateKeyError", "EventLogError", "LockTimeout"),
    *("MaintenanceRequired", "MissingKeyError", "NamespaceError", "OverlayLayoutError", "RegistryError"),
    *("SchemaError", "SequencesError", "UnsupportedFilesystem", "ValidationError"),
}


def loaded_by(statement: str) -> set[str]:
    """The top-level names of all modules that a fresh interpreter has loaded after the statement."""
    code = f"{statement}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return {name.partition(".")[0] for name in json.loads(shown)}


def declared(module: Module) -> dict[str, str]:
    """What a package imports for type checkers only: public name -> the module it lives in."""
    guarded = [
        node
        for block in module.tree.body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
    ]
    return {
        alias.asname or alias.name: node.module or ""
        for node in guarded
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_importing_usr_loads_nothing_heavy() -> None:
    loaded = loaded_by("import dnadesign.usr")
    assert "dnadesign" in loaded
    assert loaded.isdisjoint(HEAVY), loaded.intersection(HEAVY)


def test_a_heavy_import_would_be_found() -> None:
    assert "yaml" in loaded_by("import yaml")


def test_usr_offers_what_it_promises_and_each_name_once() -> None:
    offered = importlib.import_module("dnadesign.usr").__all__
    assert set(offered) >= PROMISED, PROMISED - set(offered)
    assert len(set(offered)) == len(offered)


def test_a_type_checker_and_a_program_see_the_same_names_of_usr_from_the_same_modules() -> None:
    usr = importlib.import_module("dnadesign.usr")
    static = declared(MODULES["dnadesign.usr"])
    assert set(static) == set(usr.__all__)
    for name, home in static.items():
        assert getattr(usr, name) is getattr(importlib.import_module(home), name), name


def test_every_package_with_public_names_has_and_lists_each_of_them() -> None:
    packages = [name for name, module in MODULES.items() if module.is_package and "__all__" in module.text]
    assert "dnadesign.usr" in packages
    for package in packages:
        offered = importlib.import_module(package)
        assert [name for name in offered.__all__ if not hasattr(offered, name)] == [], package
        assert set(offered.__all__) <= set(dir(offered)), package


def test_every_error_of_usr_is_public_and_one_of_its_tree() -> None:
    usr = importlib.import_module("dnadesign.usr")
    errors = importlib.import_module("dnadesign.usr.contract.errors")
    raised = {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type)
        and issubclass(value, BaseException)
        and value.__module__ == errors.__name__
    }
    assert [name for name in raised if name not in usr.__all__] == []
    assert [name for name, value in raised.items() if not issubclass(value, errors.SequencesError)] == []


def test_a_name_that_only_a_type_checker_sees_is_found() -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from a.b import C as D, E\nfrom f import G\n"
    assert declared(Module("a", text)) == {"D": "a.b", "E": "a.b"}


@pytest.mark.parametrize(
    ("method", "positional"),
    [
        ("scan", ["columns", "include_overlays", "include_deleted", "batch_size", "where", "shard"]),
        ("validate", ["registry_mode"]),
        ("transaction", ["batch_id", "actor"]),
        ("write_overlay_part", ["namespace", "data"]),
        ("compact_overlay", ["namespace"]),
        ("add_sequences", ["rows"]),
        ("log_event", ["action"]),
        ("batch", ["batch_id"]),
        ("head", ["n"]),
        ("get", ["ids"]),
    ],
)
def test_what_the_format_gives_by_position_can_be_given_so(method: str, positional: list[str]) -> None:
    parameters = list(inspect.signature(getattr(Dataset, method)).parameters.values())[1:]
    assert [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD] == positional
