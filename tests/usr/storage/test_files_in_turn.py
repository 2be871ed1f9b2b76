"""Files that are open in turn: few at once, and none closed while somebody reads it."""

import os
import threading
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnadesign.usr import StorageError
from dnadesign.usr.storage.files_in_turn import FileInTurn, FilesInTurn
from dnadesign.usr.storage.filesystem import REAL, OpenFile
from dnadesign.usr.storage.parquet import read_footer, reading

FILES = 40


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    found = [tmp_path / f"{number}" for number in range(FILES)]
    for number, path in enumerate(found):
        path.write_bytes(b"%d" % number)
    return found


def test_only_so_many_are_open_and_each_reads_as_itself(paths: list[Path]) -> None:
    with FilesInTurn(REAL) as turns:
        turns.most = 3
        files = [turns.file(path) for path in paths]
        random = Random(1)
        for _ in range(200):
            number = random.randrange(FILES)
            assert files[number].read_at(0, 9) == b"%d" % number
            assert len(turns._open) <= 3
        assert len(turns._open) == 3


def read_by_descriptor(file: OpenFile, times: int, wrong: list[bytes], expected: bytes) -> None:
    assert isinstance(file, FileInTurn)
    for _ in range(times):
        with file.in_use():
            fd = file.fd
            os.sched_yield()
            found = os.pread(fd, 9, 0)
        if found != expected:
            wrong.append(found)


def test_a_file_in_use_is_not_closed_under_whoever_reads_it(paths: list[Path]) -> None:
    wrong: list[bytes] = []
    with FilesInTurn(REAL) as turns:
        turns.most = 1
        threads = [
            threading.Thread(target=read_by_descriptor, args=(turns.file(path), 300, wrong, b"%d" % number))
            for number, path in enumerate(paths[:6])
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        turns.opened(paths[-1])
        assert len(turns._open) <= 6
        for path in paths[:6]:
            turns.opened(path)
        assert len(turns._open) == 1


def test_a_file_that_is_not_there_is_told_when_it_is_read(tmp_path: Path) -> None:
    with FilesInTurn(REAL) as turns:
        file = turns.file(tmp_path / "none")
        with pytest.raises(StorageError, match=r"none: cannot be read: No such file"):
            read_footer(file)


@pytest.mark.parametrize("look", ["read_at", "stat"])
def test_no_file_is_closed_between_being_looked_up_and_being_read(
    look: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"{number}.parquet" for number in range(6)]
    for number, path in enumerate(paths):
        pq.write_table(pa.table({"n": [number] * (number + 1)}), path)
    with FilesInTurn(REAL) as turns:
        turns.most = 2
        files = [turns.file(path) for path in paths]
        footers = [read_footer(file) for file in files]
        opened, begun = turns.opened, list[None]()

        def others() -> None:
            for file, footer in zip(files[1:], footers[1:], strict=True):
                read_footer(file)
                with reading(file, footer=footer) as parquet:
                    parquet.read()

        def slowly(path: Path) -> OpenFile:
            found = opened(path)
            if not begun:
                begun.append(None)
                thread = threading.Thread(target=others)
                thread.start()
                thread.join()
            return found

        monkeypatch.setattr(turns, "opened", slowly)
        if look == "stat":
            assert files[0].stat().size == footers[0].size
        else:
            with reading(files[0], footer=footers[0]) as parquet:
                assert parquet.read().column("n").to_pylist() == [0]
        assert begun
