"""The requirements are pinned, hashed for every platform, and agree with one another."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOT

COMPILED = sorted((ROOT / "requirements").glob("*.txt"))
PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)==([^\s;\\]+)(?: ; [^\\]+?)? \\$")


def pins(text: str) -> dict[str, tuple[str, int]]:
    """Name -> version and number of hashes; a line that is neither pin, hash nor comment is an error."""
    found: dict[str, tuple[str, int]] = {}
    name = ""
    for line in text.splitlines():
        if pin := PIN.match(line):
            name = pin[1]
            found[name] = (pin[2], 0)
        elif re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?", line):
            found[name] = (found[name][0], found[name][1] + 1)
        elif not re.match(r"\s*#", line):
            raise ValueError(f"not a pinned, hashed requirement: {line!r}")
    return found


@pytest.mark.parametrize("path", COMPILED, ids=lambda path: path.stem)
def test_every_requirement_is_pinned_and_hashed(path: Path) -> None:
    found = pins(path.read_text())
    assert found
    assert [name for name, (_version, hashes) in found.items() if not hashes] == []


def test_a_package_with_compiled_code_is_hashed_for_more_than_this_platform() -> None:
    found = pins((ROOT / "requirements/dev.txt").read_text())
    for name in ("numpy", "pyarrow", "duckdb", "ortools", "polars-runtime-32"):
        assert found[name][1] >= 5, name


def test_what_is_tested_is_what_is_pinned_for_users() -> None:
    tested = pins((ROOT / "requirements/dev.txt").read_text())
    for name, (version, _hashes) in pins((ROOT / "requirements/runtime.txt").read_text()).items():
        assert tested[name][0] == version, name


def test_every_declared_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = project["project"]["dependencies"] + project["build-system"]["requires"]
    for extra in ("formats", "notify", "plot"):
        declared += project["project"]["optional-dependencies"][extra]
    found = pins((ROOT / "requirements/dev.txt").read_text())
    for requirement in declared:
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        assert name is not None
        assert re.sub(r"[._]+", "-", name[0].lower()) in found, requirement


@pytest.mark.parametrize(
    "text", ["numpy>=2\n", "numpy==2.5.5\n", "--hash\n", "-e .\n", "--no-binary :all:\n"]
)
def test_a_line_that_pins_nothing_is_found(text: str) -> None:
    with pytest.raises(ValueError, match="not a pinned"):
        pins(text)
