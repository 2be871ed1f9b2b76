"""A Parquet file that the operating system does not let be read is not taken for a damaged one."""

import errno
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from dnadesign.usr import CorruptFileError, StorageError
from dnadesign.usr.storage import parquet
from dnadesign.usr.storage.filesystem import REAL, OpenFile, opened
from dnadesign.usr.storage.parquet import encode, read_columns, read_footer, reading
from dnadesign.usr.storage.parquet_footer import read_outline
from dnadesign.usr.testing.disk import os_error
from dnadesign.usr.testing.simulated import Fault, SimulatedFileSystem

TABLE = pa.table({"id": ["a", "b"]})
FILE = Path("/data/records.parquet")


class Refusing:
    """Arrow's way to open a file, as it is where the system does not say how large the file is."""

    def __init__(self, *_: str) -> None:
        raise OSError("error stat()ing file")


@pytest.mark.parametrize("read", [read_footer, read_outline])
@pytest.mark.parametrize("code", [errno.EIO, errno.EMFILE])
def test_an_error_of_the_disk_in_reading_a_footer_is_told_as_such(
    read: Callable[[OpenFile], object], code: int
) -> None:
    fs = SimulatedFileSystem(folders=["/data"])
    with opened(fs, FILE, "create") as file:
        file.write_at(0, encode(TABLE, {}))
    with opened(fs, FILE, "read") as file:
        fs.before = lambda _: Fault(os_error(code, FILE))
        with pytest.raises(StorageError, match=f"^{FILE}: cannot be read: ") as told:
            read(file)
        fs.before = None
        read(file)
    assert "backup" not in str(told.value)


@pytest.mark.parametrize("numbered", [True, False])
def test_an_error_of_the_disk_that_arrow_meets_is_told_as_such(
    numbered: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "records.parquet"
    path.write_bytes(encode(TABLE, {}))
    with opened(REAL, path, "read") as file:
        assert read_columns(file) == TABLE
        if numbered:
            monkeypatch.setattr(parquet, "descriptor_path", lambda _: f"/proc/self/fd/{file.fd}/gone")
        else:
            monkeypatch.setattr(pa, "OSFile", Refusing)
        with pytest.raises(StorageError, match=f"^{path}: cannot be read: "):
            read_columns(file)


def test_bytes_that_are_damaged_are_told_as_damage(tmp_path: Path) -> None:
    path = tmp_path / "records.parquet"
    data = bytearray(encode(TABLE, {}))
    data[10:20] = bytes(10)
    path.write_bytes(data)
    with opened(REAL, path, "read") as file, pytest.raises(CorruptFileError, match="backup"):
        read_columns(file)


@pytest.mark.parametrize("rows", [1, 9])
def test_a_small_file_that_was_changed_in_place_is_not_taken_for_the_one_that_was_opened(
    rows: int, tmp_path: Path
) -> None:
    path = tmp_path / "part.parquet"
    path.write_bytes(encode(pa.table({"id": ["a"] * 5}), {}))
    with opened(REAL, path, "read") as file:
        footer = read_footer(file)
        with reading(file, footer=footer) as parquet_file:
            assert parquet_file.read().num_rows == 5
        path.write_bytes(encode(pa.table({"id": ["a"] * rows}), {}))
        with pytest.raises(CorruptFileError, match="not the file any more"), reading(file, footer=footer):
            pass


def test_an_error_of_the_disk_in_reading_a_small_file_at_once_is_told_as_such() -> None:
    fs = SimulatedFileSystem(folders=["/data"])
    with opened(fs, FILE, "create") as file:
        file.write_at(0, encode(TABLE, {}))
    with opened(fs, FILE, "read") as file:
        footer = read_footer(file)
        fs.before = lambda _: Fault(os_error(errno.EIO, FILE))
        with pytest.raises(StorageError, match=f"^{FILE}: cannot be read: "), reading(file, footer=footer):
            pass
