"""Files stay small, and are named for what is in them."""

from pathlib import Path

from tests.architecture.source_tree import SOURCE

MOST_LINES = 420
SAYS_NOTHING = frozenset({"utils", "util", "helpers", "helper", "manager", "managers", "misc", "common"})


def too_long(path: Path) -> bool:
    return len(path.read_text(encoding="utf-8").splitlines()) > MOST_LINES


def says_nothing(path: Path) -> bool:
    return not SAYS_NOTHING.isdisjoint(part.removesuffix(".py").strip("_") for part in path.parts)


def test_no_source_file_is_too_long() -> None:
    files = sorted(SOURCE.rglob("*.py"))
    assert files
    assert [path for path in files if too_long(path)] == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [path for path in SOURCE.rglob("*") if says_nothing(path.relative_to(SOURCE))] == []


def test_a_file_that_is_too_long_is_found(tmp_path: Path) -> None:
    path = tmp_path / "long.py"
    path.write_text("x = 1\n" * MOST_LINES)
    assert not too_long(path)
    path.write_text("x = 1\n" * (MOST_LINES + 1))
    assert too_long(path)


def test_a_name_that_says_nothing_is_found() -> None:
    assert says_nothing(Path("dnadesign/usr/storage/utils.py"))
    assert says_nothing(Path("dnadesign/helpers/lock.py"))
    assert not says_nothing(Path("dnadesign/usr/storage/lock.py"))
