"""Whether what a file stores is what a registry says."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given

from dnadesign.usr.contract.errors import SchemaError
from dnadesign.usr.contract.registry import USR_STATE, Namespace, Registry, RegistryColumn
from dnadesign.usr.contract.registry_match import match_columns
from tests.usr.contract.registry_examples import registries

MOCK = Namespace(
    name="mock",
    columns=(
        RegistryColumn("mock__text", "string"),
        RegistryColumn("mock__vec", "fixed_size_list<float32>[8]"),
        RegistryColumn("mock__when", "timestamp[s, Europe/Berlin]"),
    ),
)
REGISTRY = Registry((USR_STATE, MOCK))


@given(found=registries)
def test_a_file_with_the_registered_types_matches(found: Registry) -> None:
    stored = {column.name: column.type for namespace in found for column in namespace.columns}
    assert match_columns(stored, found) == []


def test_a_file_may_lack_registered_columns() -> None:
    assert match_columns({}, REGISTRY) == []
    assert match_columns({"mock__text": pa.large_string()}, REGISTRY) == []


def test_a_column_that_is_not_registered_is_named() -> None:
    found = match_columns({"mock__more": pa.int8(), "other__x": pa.uuid()}, REGISTRY)
    assert [str(mismatch) for mismatch in found] == [
        "mock__more (int8) is not registered",
        "other__x (extension<arrow.uuid>) is not registered",
    ]
    assert found[0].to_dict() == {
        "column": "mock__more",
        "kind": "missing",
        "stored": "int8",
        "registered": None,
    }


def test_a_column_of_another_type_is_named_with_both() -> None:
    (mismatch,) = match_columns({"mock__text": pa.int8()}, REGISTRY)
    assert str(mismatch) == "mock__text is stored as int8, registered as string"
    assert mismatch.kind == "type_changed"


def test_the_name_of_a_column_must_fit_in_case_too() -> None:
    assert [m.kind for m in match_columns({"mock__TEXT": pa.string()}, REGISTRY)] == ["missing"]


@pytest.mark.parametrize(
    ("column", "kind", "with_arrow_schema", "without"),
    [
        ("mock__when", pa.timestamp("ms", "Europe/Berlin"), True, True),
        ("mock__when", pa.timestamp("ms", "UTC"), False, True),
        ("mock__when", pa.timestamp("us", "Europe/Berlin"), False, False),
        ("mock__vec", pa.list_(pa.field("element", pa.float32()), 8), True, True),
        ("mock__vec", pa.list_(pa.float32()), False, True),
        ("mock__vec", pa.list_(pa.float64()), False, False),
        ("mock__text", pa.dictionary(pa.int32(), pa.string()), True, True),
    ],
)
def test_what_parquet_forgets_is_forgiven(
    column: str, kind: pa.DataType, with_arrow_schema: bool, without: bool
) -> None:
    assert (match_columns({column: kind}, REGISTRY) == []) == with_arrow_schema
    assert (match_columns({column: kind}, REGISTRY, arrow_schema=False) == []) == without


def test_a_type_string_outside_the_grammar_is_refused() -> None:
    with pytest.raises(SchemaError):
        match_columns({"mock__text": "strin"}, REGISTRY)
