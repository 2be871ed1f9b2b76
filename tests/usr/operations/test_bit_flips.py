"""A bit that flips in the pages of a file is found by whoever reads them, and never handed out or written on as data."""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnadesign.usr import CorruptFileError, Dataset, register_namespace
from dnadesign.usr.contract.layout import RECORDS
from dnadesign.usr.storage.filesystem import REAL, opened
from dnadesign.usr.storage.page_checks import _page, _Window, check_pages
from dnadesign.usr.storage.parquet import read_footer
from dnadesign.usr.storage.version import PinnedFile
from tests.usr.operations.keyed_datasets import COLUMNS, IDS, SEQUENCES, values
from tests.usr.storage.cached_keys import eager

FLIPS = 6


def rewritten(dataset: Dataset, change: Callable[[Dataset], object]) -> object:
    """What a copy of the dataset has after a change that writes its files anew."""
    root = dataset.root.with_name("copy")
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(dataset.root, root)
    copy = Dataset(root, dataset.name)
    change(copy)
    return copy.to_arrow().to_pylist()


READS: dict[str, Callable[[Dataset], object]] = {
    "all": lambda d: d.to_arrow().to_pylist(),
    "a condition": lambda d: d.to_arrow(where="lab__x >= 0 OR length > 0").to_pylist(),
    "few rows of a condition": lambda d: d.to_arrow(where="lab__x = 1").to_pylist(),
    "a shard": lambda d: d.scan(shard=(0, 1)).read_all().to_pylist(),
    "the first": lambda d: d.head(12).to_pylist(),
    "some": lambda d: d.get(IDS).to_pylist(),
    "connected": lambda d: d.connect().sql("SELECT * FROM records").to_arrow_table().to_pylist(),
    "exported": lambda d: (d.export(d.root / "out.csv"), (d.root / "out.csv").read_bytes())[1],
    "materialized": lambda d: rewritten(d, lambda copy: copy.materialize(maintenance=True)),
    "compacted": lambda d: rewritten(d, lambda copy: copy.compact_overlay("lab", maintenance=True)),
}


def made(root: Path, *, cached: bool) -> Dataset:
    register_namespace(root, namespace="lab", columns=COLUMNS)
    dataset = Dataset(root, "set").init()
    if cached:
        eager(dataset)
    dataset.add_sequences(SEQUENCES, bio_type="dna", alphabet="dna_4")
    for start in (0, 6):
        dataset.write_overlay_part("lab", values(IDS[start : start + 6], start))
    return dataset


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("of_base", [True, False], ids=["of the base", "of a part"])
@pytest.mark.parametrize("cached", [True, False], ids=["keys cached", "no keys cached"])
def test_a_bit_that_flipped_is_found(name: str, of_base: bool, cached: bool, tmp_path: Path) -> None:
    dataset, random = made(tmp_path / "root", cached=cached), Random(3)
    path = dataset.dir / RECORDS if of_base else min((dataset.dir / "_derived/lab").iterdir())
    whole, there = path.read_bytes(), path.stat()
    with opened(REAL, path, "read") as file:
        pages = read_footer(file).data_end
    right = READS[name](Dataset(dataset.root, "set"))
    found = 0
    for _ in range(FLIPS):
        data = bytearray(whole)
        data[random.randrange(4, pages)] ^= 1 << random.randrange(8)
        path.write_bytes(data)
        os.utime(path, ns=(there.st_atime_ns, there.st_mtime_ns))  # nothing tells but the bytes
        try:
            given = READS[name](Dataset(dataset.root, "set"))
        except CorruptFileError as error:
            found += path.name in str(error)
        else:
            assert given == right
    assert found >= FLIPS // 3  # the others changed statistics in the header of a page, and nothing else


HEADERS = {"id": True, "lab__x": False}


def header_of(path: Path, column: str) -> range:
    """Where the header of the first data page of a column stands, in which its statistics are."""
    with opened(REAL, path, "read") as file:
        footer = read_footer(file)
        chunk = footer.metadata.row_group(0).column(footer.form.leaves[column][0])
        page = _page(_Window(file), chunk.data_page_offset, footer.data_end)
    return range(chunk.data_page_offset, chunk.data_page_offset + page.header_bytes)


@pytest.mark.parametrize("column", HEADERS)
@pytest.mark.parametrize("name", ["a shard", "few rows of a condition"])
def test_no_row_is_left_out_because_of_damaged_statistics(column: str, name: str, tmp_path: Path) -> None:
    dataset = made(tmp_path / "root", cached=False)
    path = dataset.dir / RECORDS if HEADERS[column] else min((dataset.dir / "_derived/lab").iterdir())
    whole, right = path.read_bytes(), READS[name](Dataset(dataset.root, "set"))
    for place in header_of(path, column)[::4]:
        data = bytearray(whole)
        data[place] ^= 0x40  # a digit becomes less than any, and a number far from what it was
        path.write_bytes(data)
        try:
            given = READS[name](Dataset(dataset.root, "set"))
        except CorruptFileError as error:
            assert path.name in str(error)
        else:
            assert given == right


@pytest.mark.parametrize(
    "options", [{}, {"data_page_version": "2.0"}, {"compression": "none"}, {"data_page_size": 64}], ids=str
)
@pytest.mark.parametrize("dictionary", [True, False])
def test_pages_of_any_kind_are_checked(options: dict[str, str], dictionary: bool, tmp_path: Path) -> None:
    path, random = tmp_path / "pages.parquet", Random(5)
    table = pa.table({"a": [f"value {n % 7}" for n in range(500)], "b": [[n, None] for n in range(500)]})
    pq.write_table(
        table, path, write_page_checksum=True, use_dictionary=dictionary, row_group_size=200, **options
    )
    whole = path.read_bytes()
    with opened(REAL, path, "read") as file:
        footer = read_footer(file)
        check_pages(PinnedFile("pages", file), ["a", "b"])
    found = 0
    for _ in range(200):
        data = bytearray(whole)
        data[random.randrange(4, footer.data_end)] ^= 1 << random.randrange(8)
        path.write_bytes(data)
        try:
            with opened(REAL, path, "read") as file:
                check_pages(PinnedFile("pages", file), ["a", "b"])
        except CorruptFileError:
            found += 1
        else:  # a bit of a header: of its statistics, or told by whoever reads it
            with contextlib.suppress(OSError, pa.ArrowInvalid):
                assert pq.read_table(path, page_checksum_verification=True).equals(table)
    assert found > 70


def test_a_file_without_checksums_is_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "older.parquet"
    pq.write_table(pa.table({"a": range(10)}), path)
    with opened(REAL, path, "read") as file:
        check_pages(PinnedFile("older", file), ["a"])


@pytest.mark.parametrize("name", ["id", "bio_type", "sequence", "alphabet", "length", "source", "created_at"])
def test_a_namespace_that_is_named_like_a_column_of_the_base_leaves_that_as_it_is(
    name: str, tmp_path: Path
) -> None:
    register_namespace(tmp_path, namespace=name, columns=f"{name}__v:int64")
    dataset = Dataset(tmp_path, "set").init()
    dataset.add_sequences(SEQUENCES, bio_type="dna", alphabet="dna_4", source="lab")
    base = dataset.to_arrow()
    dataset.write_overlay_part(name, pa.table({"id": IDS[:3], f"{name}__v": [1, 2, 3]}))
    for _ in range(2):
        table = dataset.to_arrow()
        assert table.drop_columns([f"{name}__v"]).equals(base)
        assert table.column(f"{name}__v").to_pylist()[:4] == [1, 2, 3, None]
        assert dataset.get(IDS[:2]).equals(table.slice(0, 2))
        assert dataset.head(5).equals(table.slice(0, 5))
        assert dataset.grep(SEQUENCES[1]).num_rows == 1
        assert dataset.to_arrow(where="source = 'lab'").num_rows == len(IDS)
        dataset.materialize(maintenance=True)
    assert dataset.check().ok
