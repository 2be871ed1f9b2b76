from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dnadesign.usr import operations
from dnadesign.usr.contract.lazily import modules_of


def test_a_module_is_loaded_when_it_is_first_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "lazy_package_for_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "one.py").write_text("VALUE = 7\n")
    (folder / "broken.py").write_text("import no_such_module_anywhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    load = modules_of("lazy_package_for_test")
    assert "lazy_package_for_test.one" not in sys.modules
    assert load("one").VALUE == 7
    with pytest.raises(AttributeError, match="has no attribute 'two'"):
        load("two")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        load("broken")


def test_a_verb_that_is_not_there_is_no_attribute() -> None:
    assert not hasattr(operations, "no_such_verb")
    assert operations.describe.__name__ == "dnadesign.usr.operations.describe"
