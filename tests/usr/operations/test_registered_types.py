"""What is read has the registered types, also where the registry was changed after the rows were written."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from dnadesign.usr import Dataset, SchemaError, parse_type_str, register_namespace
from dnadesign.usr.contract.types import widens
from tests.usr.conftest import add

READS: dict[str, Callable[[Dataset], pa.Table]] = {
    "scan": lambda d: d.scan().read_all(),
    "head": lambda d: d.head(5),
    "get": lambda d: d.get(d.to_arrow(["id"]).column(0).to_pylist()),
    "to_arrow": lambda d: d.to_arrow(["m__x"]),
    "connect": lambda d: d.connect().sql("SELECT * FROM records").to_arrow_table(),
}


def stored_as(root: Path, kind: str, values: list, *, then: str, materialized: bool = False) -> Dataset:
    register_namespace(root, namespace="m", columns=f"m__x:{kind},m__y:int64")
    dataset = Dataset(root, "one").init()
    ids = add(dataset, "AC", "AG")
    table = pa.table({"id": list(ids), "m__x": pa.array(values, parse_type_str(kind)), "m__y": [1, 2]})
    dataset.write_overlay_part("m", table)
    if materialized:
        dataset.materialize(namespaces=["m"], overlays="archive", maintenance=True)
    register_namespace(root, namespace="m", columns=f"m__x:{then},m__y:int64", overwrite=True)
    return dataset


@pytest.mark.parametrize("materialized", [False, True])
@pytest.mark.parametrize(
    ("kind", "then", "values"),
    [
        ("int32", "int64", [-(2**31), None]),
        ("uint32", "int64", [2**32 - 1, 0]),
        ("float32", "float64", [0.5, None]),
    ],
)
def test_numbers_of_a_narrower_type_come_back_in_the_registered_one(
    tmp_path: Path, kind: str, then: str, values: list, materialized: bool
) -> None:
    dataset = stored_as(tmp_path, kind, values, then=then, materialized=materialized)
    for name in ("scan", "head", "get", "to_arrow"):
        found = READS[name](dataset).column("m__x")
        assert (found.type, found.to_pylist()) == (parse_type_str(then), values), name
    assert not dataset.check().ok  # it does not match the registry, and validation says so


@pytest.mark.parametrize("materialized", [False, True])
@pytest.mark.parametrize(
    ("kind", "then"),
    [("int64", "int32"), ("int32", "uint64"), ("int32", "float64"), ("int32", "string"), ("string", "int64"),
     ("float64", "float32"), ("timestamp[us]", "timestamp[us, UTC]"), ("list<int32>", "list<int64>")],
)  # fmt: skip
def test_other_types_are_refused_by_every_read_that_asks_for_them_and_by_no_other(
    tmp_path: Path, kind: str, then: str, materialized: bool
) -> None:
    dataset = stored_as(tmp_path, kind, [None, None], then=then, materialized=materialized)
    for name, read in READS.items():
        with pytest.raises(
            SchemaError, match=r"(part-.*|records)\.parquet: column 'm__x' is stored as"
        ) as caught:
            read(dataset)
        assert then in str(caught.value), name
        assert f"register it as it is stored ({kind})" in str(caught.value)
    assert dataset.to_arrow(["sequence", "m__y"]).column(1).to_pylist() == [1, 2]
    assert dataset.to_arrow(["m__y"], where="m__y > 1").num_rows == 1
    assert dataset.schema().field("m__x").type == parse_type_str(then)
    assert not dataset.check().ok


def test_a_type_widens_to_exactly_those_that_hold_all_of_its_values() -> None:
    integers = [getattr(pa, f"{u}int{bits}")() for u in ("", "u") for bits in (8, 16, 32, 64)]
    for narrow in integers:
        for wide in integers:
            ends = [(0, 2**k.bit_width - 1) if str(k).startswith("u") else (-(2 ** (k.bit_width - 1)), 2 ** (k.bit_width - 1) - 1) for k in (narrow, wide)]  # fmt: skip
            holds = ends[1][0] <= ends[0][0] and ends[0][1] <= ends[1][1]
            assert widens(narrow, wide) is (holds and narrow != wide), (narrow, wide)
    assert widens(pa.float16(), pa.float32())
    assert not widens(pa.int8(), pa.float64())
