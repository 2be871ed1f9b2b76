"""What is tracked in git names no machine, no package host and no unsafe shortcut."""

import re
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOT, tracked_files

# Each pattern is put together, so that this file does not hold what it looks for.
MACHINE_PATH = re.compile(r"(?<![\w.:<>{}()~$/*-])/" + r"(?:work|home|root|Users|workspace)(?:/|\b(?![-\w]))")
PACKAGE_HOST = re.compile("|".join(["pypi" + r"\.org", "python" + "hosted", "anaconda" + r"\.(?:org|com)"]))
INDEX_OPTION = re.compile(
    "|".join(["index" + "[-_]url", "find" + "[-_]links", "trusted" + "-host"]), re.IGNORECASE
)
UNSAFE = re.compile("|".join(["allow_pickle" + r"\s*=\s*True", "shell" + r"\s*=\s*True"]))
UNSAFE_IMPORT = re.compile(
    r"^\s*(?:import|from)\s+(?:" + "|".join(["pickle", "shelve", "marshal", "dill"]) + r")\b", re.M
)
NOT_RUN = re.compile(
    "|".join([r"mark\." + "skip", r"mark\." + "xfail", r"pytest\." + "skip", "import" + "orskip"])
)

# `make lock` is where the compiler is told to leave hosts out of the requirements.
MAY_NAME_OPTIONS = {ROOT / "Makefile"}


def found_in(paths: list[Path], pattern: re.Pattern[str]) -> list[str]:
    """Where the pattern stands, as path:line; files that are not text have none."""
    places = []
    for path in paths:
        text = path.read_bytes().decode("utf-8", errors="ignore")
        places += [
            f"{path}:{text.count(chr(10), 0, hit.start()) + 1}: {hit[0]}" for hit in pattern.finditer(text)
        ]
    return places


def test_git_tracks_the_files_that_make_the_project() -> None:
    tracked = {path.relative_to(ROOT).as_posix() for path in tracked_files()}
    assert {"pyproject.toml", "Makefile", "LICENSE", "README.md", "CHANGELOG.md", ".ci/run"} <= tracked
    assert {"requirements/dev.txt", "requirements/runtime.txt", ".python-version"} <= tracked


def test_no_tracked_file_names_a_place_on_somebodys_machine() -> None:
    assert found_in(tracked_files(), MACHINE_PATH) == []


def test_no_tracked_file_names_a_package_host() -> None:
    assert found_in(tracked_files(), PACKAGE_HOST) == []


def test_no_tracked_file_says_where_packages_come_from() -> None:
    assert found_in([path for path in tracked_files() if path not in MAY_NAME_OPTIONS], INDEX_OPTION) == []
    told = found_in(sorted(MAY_NAME_OPTIONS), INDEX_OPTION)
    assert len(told) == (ROOT / "Makefile").read_text().count("--no-emit-")


def test_no_python_file_unpickles_or_starts_a_shell() -> None:
    python = [path for path in tracked_files() if path.suffix == ".py"]
    assert found_in(python, UNSAFE) == []
    assert found_in(python, UNSAFE_IMPORT) == []


def test_no_test_is_left_out() -> None:
    tests = [path for path in tracked_files() if path.is_relative_to(ROOT / "tests") and path.suffix == ".py"]
    assert tests
    # What needs strace is left out where there is none, and the last lines of the run say so.
    assert [found for found in found_in(tests, NOT_RUN) if "tests/faults/strace.py" not in found] == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (MACHINE_PATH, "see /" + "home/me/data"),
        (MACHINE_PATH, '"/' + 'work"'),
        (MACHINE_PATH, "cd /" + "root"),
        (PACKAGE_HOST, "https://" + "pypi" + ".org/simple"),
        (INDEX_OPTION, "--extra-" + "index" + "-url x"),
        (UNSAFE, "np.load(path, allow_pickle" + "=True)"),
        (UNSAFE, "run(x, shell" + " = True)"),
        (UNSAFE_IMPORT, "x = 1\n    import " + "pickle"),
        (NOT_RUN, "@pytest.mark." + "skip"),
    ],
)
def test_what_must_not_be_there_is_found(tmp_path: Path, pattern: re.Pattern[str], text: str) -> None:
    path = tmp_path / "file.py"
    path.write_text(f"# first line\n{text}\n")
    assert found_in([path], pattern)


@pytest.mark.parametrize(
    "text", ["<root>/" + "root", "a/work/b", "read/work", "tmp_path / 'root'", "http://x/home"]
)
def test_a_path_that_is_nobodys_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file.md"
    path.write_text(text)
    assert found_in([path], MACHINE_PATH) == []
