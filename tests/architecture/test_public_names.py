"""Importing usr is cheap, and what a package offers by name is there."""

import importlib
import json
import subprocess
import sys

from tests.architecture.source_tree import modules

HEAVY = ["duckdb", "numpy", "pandas", "pyarrow", "pydantic", "rich", "ruamel", "typer", "yaml"]
OFFERING = [module.name for module in modules() if module.is_package and "__all__" in module.text]


def loaded_by(statement: str) -> set[str]:
    """The top-level names of all modules that a fresh interpreter has loaded after the statement."""
    code = f"{statement}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return {name.partition(".")[0] for name in json.loads(shown)}


def test_importing_usr_loads_nothing_heavy() -> None:
    loaded = loaded_by("import dnadesign.usr")
    assert "dnadesign" in loaded
    assert loaded.isdisjoint(HEAVY), loaded.intersection(HEAVY)


def test_a_heavy_import_would_be_found() -> None:
    assert "yaml" in loaded_by("import yaml")


def test_every_name_that_a_package_offers_resolves_and_is_listed_once() -> None:
    for package in OFFERING:
        offered = importlib.import_module(package)
        names = list(offered.__all__)
        assert len(set(names)) == len(names), package
        assert [name for name in names if not hasattr(offered, name)] == [], package
        assert set(names) <= set(dir(offered)), package
