"""What README.md and docs/usr show is what happens: every block is run, every output compared."""

import subprocess
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.docs.__main__ import ROOT, RUN
from scripts.docs.pages import PageError, Step, blocks_not_run, read_page
from scripts.docs.running import Session, StepFailed, same
from scripts.docs.warm_usr import warm_usr


@pytest.fixture(scope="module")
def programs() -> Iterator[Path]:
    """A usr that starts at once; its socket needs a short path."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, warm_usr(Path(folder)) as ready:
        yield ready


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a path so short that a terminal shows it whole."""
    with tempfile.TemporaryDirectory(dir="/tmp") as path:
        yield Path(path)


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_a_reader_who_does_what_a_page_says_sees_what_it_shows(
    page: Path, folder: Path, programs: Path
) -> None:
    session = Session(folder, programs=None if page.parent == ROOT else programs)  # README: what is installed
    for step in read_page(page):
        seen = session.take(step)
        if step.output is not None:
            assert same(step.output, seen), f"{page.name}:{step.line}\n{seen}\ninstead of\n{step.output}"


def steps_of(tmp_path: Path, text: str) -> list[Step]:
    page = tmp_path / "page.md"
    page.write_text(textwrap.dedent(text))
    return read_page(page)


PAGE = """\
    A file:

    <!-- file: a/b.txt -->
    ```text
    hello
    ```

    ```sh
    cat a/b.txt
    export GREETING=hi
    ```

    shows

    ```text
    hello
    ```

    <!-- run
    echo unseen > c.txt
    -->
    ```python
    import pathlib
    n = len(pathlib.Path("c.txt").read_text())
    ```

    <!-- raises: KeyError -->
    ```python
    {}[n]
    ```

    ```text
    KeyError: 7
    ```

    <!-- exit: 3 -->
    ```sh
    echo "$GREETING"; exit 3
    ```

    <!-- not run: it would take the disk along -->
    ```sh
    rm -rf /
    ```
"""


def test_blocks_are_run_one_behind_the_other_with_what_those_before_left(tmp_path: Path) -> None:
    steps = steps_of(tmp_path, PAGE)
    (tmp_path / "reader").mkdir()
    session = Session(tmp_path / "reader")
    assert [step.kind for step in steps] == ["file", "sh", "sh", "python", "python", "sh"]
    assert [session.take(step) for step in steps] == ["", "hello\n", "", "", "KeyError: 7\n", "hi\n"]
    assert [step.output for step in steps] == [None, "hello\n", None, None, "KeyError: 7\n", None]


def test_a_block_that_goes_on_is_interrupted_when_what_it_waits_for_is_seen(tmp_path: Path) -> None:
    (step,) = steps_of(
        tmp_path, "<!-- interrupt: ready -->\n```sh\necho ready; sleep 60 | cat; echo later\n```\n"
    )
    assert Session(tmp_path).take(step) == "ready\n"


def test_only_what_would_run_the_tests_in_the_tests_is_not_run() -> None:
    """Each such block is made of targets of make that make knows how to make."""
    found = [(page.name, code) for page in RUN for _, code in blocks_not_run(page)]
    assert [page for page, _ in found] == ["README.md"]
    for _, code in found:
        for line in code.splitlines():
            program, target = line.split("#")[0].split()
            assert program == "make"
            subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize(
    "block", ["```sh\nexit 1\n```", "<!-- exit: 2 -->\n```sh\ntrue\n```", "```python\n1 / 0\n```"]
)
def test_a_block_that_ends_otherwise_than_its_page_says_is_found(tmp_path: Path, block: str) -> None:
    (step,) = steps_of(tmp_path, f"{block}\n")
    with pytest.raises(StepFailed, match="line "):
        Session(tmp_path).take(step)


@pytest.mark.parametrize(
    "text",
    [
        "```text\nnobody's output\n```",
        "<!-- outpt: x -->\n```text\n```",
        "<!-- file: x -->\n",
        "```sh\ntrue\n```\n```text\n```\n```text\ntwice\n```",
    ],
)
def test_a_page_that_cannot_be_understood_is_found(tmp_path: Path, text: str) -> None:
    with pytest.raises(PageError):
        steps_of(tmp_path, f"{text}\n")


@pytest.mark.parametrize(
    ("shown", "seen"),
    [
        ("made at 2026-11-22 21:02:02Z\n", "made at 2027-01-02 03:04:05Z\n"),
        ("size   2.9 kB\n", "size  12.1 kB\n"),
        ("a\n...\nz\n", "a\nb\nc\nz\n"),
        ("a\n...\nz\n", "a\nz\n"),
        ("rows=2 bytes=2911\n", "rows=2 bytes=3000\n"),
    ],
)
def test_times_and_sizes_may_differ(shown: str, seen: str) -> None:
    assert same(shown, seen)


@pytest.mark.parametrize(
    ("shown", "seen"),
    [
        ("rows=2\n", "rows=3\n"),
        ("a\n...\nz\n", "a\nb\n"),
        ("a\n", "a\nb\n"),
        ("1251c75091b8625e7e37287cc64780cff2c38297\n", "1f5b284a7a0530b5b959d432b85ffd2cbd3a7216\n"),
    ],
)
def test_numbers_ids_and_words_may_not(shown: str, seen: str) -> None:
    assert not same(shown, seen)
