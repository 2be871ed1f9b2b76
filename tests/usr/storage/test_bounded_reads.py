"""A file that should be small is refused when it is not, and what may be long is copied in pieces."""

import hashlib
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dnadesign.usr import CorruptFileError, Dataset, ValidationError
from dnadesign.usr.contract.layout import EVENTS, INTENT, TORN
from dnadesign.usr.formats.tables import read_pieces
from dnadesign.usr.storage.filesystem import REAL, opened
from dnadesign.usr.storage.intent import Intent, read_intent
from dnadesign.usr.storage.journal import recover
from dnadesign.usr.storage.parquet import encode, read_footer

MIB = 1 << 20


@contextmanager
def at_most(peak: int) -> Iterator[None]:
    """Check how much memory Python takes at once."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < peak
    finally:
        tracemalloc.stop()


def test_an_intent_longer_than_any_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    path = tmp_path / INTENT
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a hole, which takes no room
    with at_most(MIB), pytest.raises(CorruptFileError, match="longer than 1,000 bytes") as told:
        read_intent(REAL, tmp_path, longest=1000)
    assert told.value.mend


def test_an_intent_that_could_not_be_read_back_is_not_written() -> None:
    intent = Intent("0" * 32, 0, b"{}\n" * 100)
    longest = len(intent.to_bytes()) - 66
    assert intent.to_bytes(longest=longest)
    with pytest.raises(ValidationError, match="more than") as told:
        intent.to_bytes(longest=longest - 1)
    assert "several transactions" in (told.value.mend or "")


def test_an_intent_as_long_as_may_be_is_read_back(tmp_path: Path) -> None:
    intent = Intent("0" * 32, 0, b"{}\n" * 100)
    (tmp_path / INTENT).parent.mkdir()
    (tmp_path / INTENT).write_bytes(intent.to_bytes())
    assert read_intent(REAL, tmp_path, longest=len(intent.to_bytes()) - 66) == intent


def footer_of(path: Path) -> Any:
    with opened(REAL, path, "read") as file:
        return read_footer(file)


def table_of(path: Path) -> Any:
    return list(read_pieces(path))


@pytest.mark.parametrize("read", [footer_of, table_of])
def test_a_parquet_file_whose_footer_claims_two_gigabytes_is_refused_before_room_is_made(
    tmp_path: Path, read: Callable[[Path], Any]
) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(encode(pa.table({"id": ["a"]}), {}))
    read(path)
    with path.open("r+b") as file:
        file.truncate(3 << 30)
        file.seek((3 << 30) - 8)
        file.write(struct.pack("<I", 2 << 30) + b"PAR1")
    with at_most(MIB), pytest.raises(CorruptFileError, match="its footer claims 2,147,483,648 bytes") as told:
        read(path)
    assert told.value.mend
    path.unlink()


def test_a_long_torn_tail_is_saved_and_cut_off_in_pieces(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path, "x").init()
    log = dataset.dir / EVENTS
    whole, tail = log.read_bytes(), b"half an event" * (2 * MIB)
    with log.open("ab") as file:
        file.write(tail)
    with at_most(12 * MIB):
        assert f"cut {len(tail)} bytes" in recover(REAL, dataset.dir, warn=False)[0].replace(",", "")
    assert log.read_bytes() == whole
    (saved,) = (dataset.dir / TORN).iterdir()
    assert saved.name == f"events-at-{len(whole)}-{hashlib.sha256(tail).hexdigest()[:16]}"
    assert saved.read_bytes() == tail
