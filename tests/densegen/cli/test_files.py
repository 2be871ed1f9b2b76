"""A file that the operating system refuses ends every command with one line about it and one about what to do."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dnadesign.densegen.adapters.outputs import run_folder
from dnadesign.densegen.cli.app import run_line
from dnadesign.densegen.cli.file_problems import file_error
from dnadesign.densegen.contract.config import DesignConfig
from dnadesign.densegen.operations.spacers import offered_library
from dnadesign.densegen.project import renamed
from tests.densegen.design_cases import config as made_config
from tests.densegen.design_cases import pools, write_workspace


def told(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """What the command said of its failure: error and mend, and nothing on standard output."""
    printed = capsys.readouterr()
    first, second = printed.err.splitlines()
    assert not printed.out
    assert first.startswith("error: ")
    assert second.startswith("mend: ")
    return first, second


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a run of a few designs."""
    config = write_workspace(tmp_path_factory.mktemp("ready"))
    assert run_line(["run", "-c", str(config)]) == 0
    return config


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.ENOENT, errno.ENOTDIR])
@pytest.mark.parametrize("command", ["run", "status"])
def test_what_the_system_says_of_any_file_is_told_with_its_path_and_a_mend(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    number: int,
) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(self))

    config = write_workspace(tmp_path)
    if command == "run":
        monkeypatch.setattr(Path, "mkdir", refuse)
    else:
        monkeypatch.setattr(run_folder.RunFolder, "at_work", lambda one: refuse(one.path))
    assert run_line([command, "-c", str(config)]) == 1
    first, _ = told(capsys)
    assert str(tmp_path / "runs") in first


def test_an_error_of_the_system_that_is_no_files_keeps_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object) -> None:
        raise OSError(errno.EBADF, "a bug")

    monkeypatch.setattr(run_folder.RunFolder, "at_work", break_down)
    with pytest.raises(OSError, match="a bug"):
        run_line(["status", "-c", str(write_workspace(tmp_path))])
    assert file_error(OSError("without a number")) is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["inspect", "-n", "1", "--picture"], "picture.svg"),
        (["report", "-o"], "report.html"),
    ],
    ids=["picture", "report"],
)
def test_an_output_that_cannot_be_is_refused_before_anything_is_printed(
    ready: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    command, *options = words
    folder = tmp_path / f"folder-{says}"
    folder.mkdir()
    for target in (tmp_path / "nodir" / says, folder):
        assert run_line([command, "-c", str(ready), *options, str(target)]) == 1
        first, mend = told(capsys)
        assert str(target) in first
        assert "nodir" not in str(target) or mend == f"mend: make the folder first: mkdir -p {target.parent}"
    assert not (tmp_path / "nodir").exists()


@pytest.mark.parametrize(
    ("words", "name"),
    [(["report", "-o"], "report.html"), (["inspect", "--picture"], "p.svg")],
    ids=["report", "picture"],
)
def test_a_named_pipe_gets_the_output_and_stays_a_pipe(
    ready: Path, tmp_path: Path, words: list[str], name: str
) -> None:
    command, option = words
    pipe = tmp_path / name
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        assert run_line([command, "-c", str(ready), option, str(pipe)]) == 0
        came, _ = reader.communicate(timeout=60)
    assert came.rstrip().endswith((b"</html>", b"</svg>"))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert pipe.is_fifo()


def test_a_report_goes_into_a_device_that_stays_one_and_says_when_it_is_full(
    ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_line(["report", "-c", str(ready), "-o", "/dev/null"]) == 0
    assert Path("/dev/null").is_char_device()
    capsys.readouterr()
    assert run_line(["report", "-c", str(ready), "-o", "/dev/full"]) == 1
    assert told(capsys)[0] == "error: /dev/full: No space left on device"
    assert Path("/dev/full").is_char_device()


def test_a_report_to_the_standard_output_is_written_behind_what_stands_there(
    ready: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page"
    page.write_text("before\n")
    code = "from dnadesign.densegen.cli.app import main; main()"
    with page.open("a") as out:
        command = [sys.executable, "-c", code, "report", "-c", str(ready), "-o", "/dev/stdout"]
        subprocess.run(command, stdout=out, check=True)
    assert page.read_text().startswith("before\n<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


def test_a_report_that_is_a_link_is_written_where_it_points_to(ready: Path, tmp_path: Path) -> None:
    (tmp_path / "link.html").symlink_to(tmp_path / "report.html")
    for _ in range(2):
        assert run_line(["report", "-c", str(ready), "-o", str(tmp_path / "link.html")]) == 0
        assert (tmp_path / "link.html").is_symlink()
        assert (tmp_path / "report.html").is_file()


def test_a_pictures_ending_is_looked_at_before_anything_is_printed(
    ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_line(["inspect", "-c", str(ready), "--picture", "p.txt"]) == 3
    assert told(capsys)[1] == "mend: --picture p.svg"


def test_the_dot_as_the_reports_name_is_a_folder(ready: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_line(["report", "-c", str(ready), "-o", "."]) == 1
    assert "Is a directory" in told(capsys)[0]


def test_a_report_finds_its_folder_again_where_the_runs_were_cleared(ready: Path, tmp_path: Path) -> None:
    shutil.copytree(ready.parent, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "runs")
    assert run_line(["report", "-c", str(tmp_path / "copy" / ready.name)]) == 0
    assert list((tmp_path / "copy" / "runs").rglob("report.html"))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("sites.csv.gz", gzip.compress(b"tf,site\nA,ACGT\n", mtime=0), "compressed with gzip"),
        ("sites.csv", b"PK\x03\x04\x14\x00\xff", "spreadsheet"),
        ("sites.csv", b"tf,site\nA\xff,ACGT\n", "not text in UTF-8"),
        ("sites.csv", b"PAR1\x15\xff", "is a Parquet file"),
        ("sites.csv", b"ARROW1\xff", "is an Arrow or Feather file"),
        ("sites.csv", "tf,site\n".encode("utf-16"), "is text in UTF-16"),
        ("sites.csv", b"", "is empty"),
        ("sites.csv", b"\xef\xbb\xbf", "is empty"),
    ],
    ids=["gzip", "zip", "latin", "parquet", "arrow", "utf-16", "empty", "only a mark"],
)
def test_a_table_that_is_none_is_told_what_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert run_line(["init", str(tmp_path / "new"), "--sites", str(tmp_path / name)]) == 2
    assert says in told(capsys)[0]


def test_another_run_is_suggested_under_a_name_that_is_free(
    ready: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ready.parent, tmp_path / "copy")
    config = tmp_path / "copy" / ready.name
    (tmp_path / "copy" / "runs" / "run-2").mkdir()
    assert run_line(["run", "-c", str(config), "--resume", "--shard", "0/2"]) == 3
    first, mend = told(capsys)
    assert "is split into 1 shard, not 2" in first
    assert f"dense run -c {config} --fresh --run-id run-3 " in mend


def test_where_no_design_has_that_id_some_that_are_there_are_named(
    ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_line(["inspect", "-c", str(ready), "zzzz"]) == 4
    _, mend = told(capsys)
    shown = mend.split("begin with ")[1].rstrip(")").split(", ")
    assert run_line(["inspect", "-c", str(ready), shown[0]]) == 0
    assert f"dense inspect -c {ready} --run-id run " in mend


def test_a_new_run_id_alone_draws_the_same_libraries_and_one_on_the_command_line_draws_others() -> None:
    def first_library(made: DesignConfig) -> tuple[str, ...]:
        source = pools(made)["second"]
        return tuple(part.sequence for part in offered_library(source, made, index=0).sites)

    mine = made_config()
    assert first_library(made_config(**{"run.id": "copy"})) == first_library(mine)
    assert first_library(renamed(mine, "copy")) != first_library(mine)
