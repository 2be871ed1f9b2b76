"""Namespaces as values: what can be registered, and how two registries differ."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.usr.contract.errors import NamespaceError, RegistryError, SchemaError, ValidationError
from dnadesign.usr.contract.registry import (
    USR_STATE,
    Namespace,
    Registry,
    RegistryColumn,
    diff_namespaces,
    diff_registries,
    is_compatible,
    parse_columns_spec,
)
from dnadesign.usr.contract.registry_match import match_columns
from dnadesign.usr.contract.types import parse_type_str
from tests.usr.contract.registry_examples import namespaces, registries


def mock(*columns: tuple[str, str], owner: str | None = None, description: str | None = None) -> Namespace:
    found = tuple(RegistryColumn(*column) for column in columns)
    return Namespace(name="mock", columns=found, owner=owner, description=description)


def root(*columns: tuple[str, str]) -> Registry:
    return Registry((USR_STATE, mock(*columns)))


def test_a_column_keeps_its_type_in_canonical_spelling() -> None:
    assert RegistryColumn("a__x", " timestamp[ us,UTC ] ").type == "timestamp[us, UTC]"
    assert RegistryColumn("a__x", "list< int8 >") == RegistryColumn("a__x", "list<int8>")


@pytest.mark.parametrize(
    "name", ["x", "a_x", "__x", "a__", "A__x", "a__x y", "a__é", "1__x", "a__1x", "a-b__c", "", 3, None]
)
def test_a_column_name_outside_the_grammar_is_refused(name: str) -> None:
    with pytest.raises(NamespaceError):
        RegistryColumn(name, "int8")


@pytest.mark.parametrize("kind", ["", "int", "list<>", 3, None])
def test_a_column_type_outside_the_grammar_is_refused(kind: str) -> None:
    with pytest.raises(SchemaError):
        RegistryColumn("a__x", kind)


@pytest.mark.parametrize("name", ["usr", "A", "a__b", "a_", "_a", "1a", "", "a b", "é"])
def test_a_namespace_outside_the_grammar_or_reserved_is_refused(name: str) -> None:
    with pytest.raises(NamespaceError):
        Namespace(name=name, columns=(RegistryColumn("a__x", "int8"),))


def test_a_namespace_needs_columns() -> None:
    with pytest.raises(RegistryError, match="no columns"):
        mock()


def test_a_column_of_another_namespace_is_refused() -> None:
    with pytest.raises(NamespaceError, match="not of namespace 'mock'"):
        mock(("other__x", "int8"))


@pytest.mark.parametrize(
    ("second", "told"),
    [("mock__x", "has column 'mock__x' twice"), ("mock__X", "case does not tell columns apart")],
)
def test_columns_that_differ_by_case_alone_are_refused(second: str, told: str) -> None:
    with pytest.raises(RegistryError, match=told):
        mock(("mock__x", "int8"), (second, "int8"))


@pytest.mark.parametrize("note", [3, b"a", ["a"], "\ud800"])
def test_an_owner_that_is_no_text_is_refused(note: str) -> None:
    with pytest.raises(RegistryError, match="owner of namespace 'mock'"):
        mock(("mock__x", "int8"), owner=note)


def test_an_empty_owner_or_description_is_none_at_all() -> None:
    assert mock(("mock__x", "int8"), owner="", description="") == mock(("mock__x", "int8"))


def test_a_registry_needs_the_state_namespace() -> None:
    with pytest.raises(RegistryError, match="'usr_state' is missing"):
        Registry((mock(("mock__x", "int8")),))


@pytest.mark.parametrize(
    "columns",
    [
        USR_STATE.columns[1:],
        (*USR_STATE.columns, RegistryColumn("usr_state__more", "bool")),
        (RegistryColumn("usr_state__masked", "int8"), *USR_STATE.columns[1:]),
        (RegistryColumn("usr_state__Masked", "bool"), *USR_STATE.columns[1:]),
    ],
)
def test_the_state_namespace_has_exactly_its_columns(columns: tuple[RegistryColumn, ...]) -> None:
    with pytest.raises(RegistryError, match="exactly"):
        Registry((Namespace(name="usr_state", columns=columns),))


def test_the_state_namespace_may_have_its_columns_in_any_order() -> None:
    swapped = Namespace(name="usr_state", columns=USR_STATE.columns[::-1])
    assert Registry((swapped,)).get("usr_state") == swapped


def test_a_namespace_is_there_once() -> None:
    with pytest.raises(RegistryError, match="'mock' is there twice"):
        Registry((USR_STATE, mock(("mock__x", "int8")), mock(("mock__y", "int8"))))


def test_an_unknown_namespace_is_refused_with_the_likely_one() -> None:
    with pytest.raises(NamespaceError) as caught:
        root(("mock__x", "int8")).namespace("mok")
    assert "did you mean 'mock'?" in str(caught.value)
    with pytest.raises(NamespaceError, match="usr namespace register zebra"):
        root(("mock__x", "int8")).namespace("zebra")


@given(found=registries)
def test_the_order_of_namespaces_does_not_count(found: Registry) -> None:
    assert Registry(found.namespaces[::-1]) == found
    assert Registry(found.namespaces[::-1]).normal_form() == found.normal_form()


@given(found=registries)
def test_every_registered_column_is_found_by_name(found: Registry) -> None:
    for namespace in found:
        for column in namespace.columns:
            assert found.column_type(column.name) == column.type
    assert found.column_type("nobody__x") is None
    assert found.column_type("id") is None


def test_the_normal_form_has_null_for_what_is_not_said() -> None:
    assert mock(("mock__x", "int8")).normal_form() == {
        "owner": None,
        "description": None,
        "columns": [{"name": "mock__x", "type": "int8"}],
    }


def test_a_column_spec_is_split_at_top_level_only() -> None:
    spec = "a__x:list<struct<a:int64,b:string>>, a__y : string,a__t:timestamp[us,UTC]"
    assert parse_columns_spec(spec, namespace="a") == [
        RegistryColumn("a__x", "list<struct<a:int64,b:string>>"),
        RegistryColumn("a__y", "string"),
        RegistryColumn("a__t", "timestamp[us, UTC]"),
    ]


@given(namespace=namespaces())
def test_a_spec_of_any_contract_gives_its_columns(namespace: Namespace) -> None:
    spec = ",".join(f"{column.name}:{column.type}" for column in namespace.columns)
    assert parse_columns_spec(spec, namespace=namespace.name) == list(namespace.columns)


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("", SchemaError),
        (",", SchemaError),
        ("a__x:int8,", SchemaError),
        ("a__x", SchemaError),
        ("a__x:", SchemaError),
        ("a__x:int8;a__y:int8", SchemaError),
        ("a__x:int8 a__y:int8", SchemaError),
        ("a__x:list<int8,a__y:int8", SchemaError),
        ("a__x:int9", SchemaError),
        (None, SchemaError),
        ("b__x:int8", NamespaceError),
        ("A__x:int8", NamespaceError),
        ("a__:int8", NamespaceError),
        ("a__x:int8,a__X:int8", RegistryError),
    ],
)
def test_a_bad_spec_is_refused(spec: str, kind: type[ValidationError]) -> None:
    with pytest.raises(kind):
        parse_columns_spec(spec, namespace="a")


def test_a_short_column_name_is_refused_with_its_full_name() -> None:
    with pytest.raises(NamespaceError) as caught:
        parse_columns_spec("x:int8", namespace="a")
    assert caught.value.mend == "write its full name: a__x"


@given(spec=st.text(max_size=40), namespace=st.text(max_size=5) | st.just("a"))
def test_any_spec_is_either_columns_or_a_typed_error(spec: str, namespace: str) -> None:
    with contextlib.suppress(ValidationError):
        assert parse_columns_spec(spec, namespace=namespace)


@given(found=registries)
def test_a_registry_does_not_differ_from_itself(found: Registry) -> None:
    assert diff_registries(found, found) == ()
    assert is_compatible(found, found)


def test_a_diff_names_every_column_that_changed() -> None:
    before = Registry((USR_STATE, mock(("mock__a", "int8"), ("mock__b", "string"), owner="me")))
    after = Registry(
        (USR_STATE, mock(("mock__c", "bool"), ("mock__a", "int16"), owner="you", description="new"))
    )
    assert [str(change) for change in diff_registries(before, after)] == [
        "~ mock owner: me -> you",
        "~ mock description: None -> new",
        "~ mock__a int8 -> int16",
        "- mock__b string",
        "+ mock__c bool",
    ]


def test_a_diff_shows_whole_namespaces_and_order() -> None:
    x, y = ("mock__x", "int8"), ("mock__y", "int8")
    assert [str(change) for change in diff_namespaces(None, mock(x))] == [
        "+ mock 1 column",
        "+ mock__x int8",
    ]
    assert [str(change) for change in diff_namespaces(mock(x), None)] == [
        "- mock 1 column",
        "- mock__x int8",
    ]
    (swapped,) = diff_namespaces(mock(x, y), mock(y, x))
    assert str(swapped) == "~ mock order: mock__x, mock__y -> mock__y, mock__x"
    assert swapped.to_dict()["kind"] == "order_changed"
    assert diff_namespaces(None, None) == ()


@given(before=registries, after=registries)
def test_registries_differ_exactly_if_their_diff_has_something(before: Registry, after: Registry) -> None:
    assert (diff_registries(before, after) == ()) == (before == after)


@given(before=registries, after=registries)
def test_what_matches_before_a_compatible_change_matches_after_it(before: Registry, after: Registry) -> None:
    stored = {column.name: parse_type_str(column.type) for space in before for column in space.columns}
    assert match_columns(stored, before) == []
    if is_compatible(before, after):
        assert match_columns(stored, after) == []


@given(before=registries, added=namespaces("added"))
def test_a_namespace_more_changes_nothing_for_files_written_before(
    before: Registry, added: Namespace
) -> None:
    grown = before.with_namespace(added)
    assert is_compatible(before, grown)
    assert not is_compatible(grown, before)


def test_a_grown_contract_is_compatible_and_a_shrunk_one_is_not() -> None:
    small, large = root(("mock__x", "int8")), root(("mock__x", "int8"), ("mock__y", "string"))
    assert is_compatible(small, large)
    assert not is_compatible(large, small)
    assert is_compatible(Registry((USR_STATE,)), small)
    assert not is_compatible(small, Registry((USR_STATE,)))


def test_a_wider_offset_is_a_change_that_files_do_not_mind() -> None:
    before, after = root(("mock__x", "list<string>")), root(("mock__x", "large_list<large_string>"))
    assert diff_registries(before, after) != ()
    assert is_compatible(before, after)
