"""A condition is one whole expression about one record, and what is wrong with it is told in our words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dnadesign.usr import Dataset, SchemaError, SequencesError, ValidationError
from tests.usr.conftest import add, scores

READERS: dict[str, Callable[[Dataset, str, Path], Any]] = {
    "scan": lambda d, where, _: d.scan(where=where),
    "to_arrow": lambda d, where, _: d.to_arrow(where=where),
    "describe": lambda d, where, _: d.describe(where=where),
    "grep": lambda d, where, _: d.grep("A", where=where),
    "export": lambda d, where, folder: d.export(folder / "out.csv", where=where),
}


@pytest.fixture
def filled(dataset: Dataset) -> Dataset:
    ids = add(dataset, "ACGT", "CCCC", "GGGTT")
    dataset.write_overlay_part("score", scores(ids[:2], [1.0, 2.0]))
    return dataset


@pytest.mark.parametrize("reader", READERS)
def test_a_mistyped_column_is_told_with_the_one_that_is_meant(
    reader: str, filled: Dataset, tmp_path: Path
) -> None:
    for mistyped, meant in (
        ("lenght > 3", "length"),
        ("score_x > 3", "score__x"),
        ('"Sequenz" = 1', "sequence"),
    ):
        with pytest.raises(SchemaError, match="has no column") as raised:
            READERS[reader](filled, mistyped, tmp_path)
        assert raised.value.mend == f"did you mean {meant!r}?"
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("condition", ["quite_other = 1", "base.length > 3"])
def test_a_name_that_is_like_none_is_told_with_those_there_are(condition: str, filled: Dataset) -> None:
    with pytest.raises(SchemaError, match="has no column") as raised:
        filled.scan(where=condition)
    assert "it has id, bio_type, sequence" in (raised.value.mend or "")


def test_a_column_that_is_registered_and_not_stored_is_told_as_that(filled: Dataset) -> None:
    with pytest.raises(SchemaError, match="column 'score__x' is registered, and stored in none"):
        filled.scan(where="score__x > 1", include_overlays=False)


@pytest.mark.parametrize("reader", READERS)
def test_no_reader_takes_a_condition_that_is_not_balanced(
    reader: str, filled: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(ValidationError, match="is not one whole condition"):
        READERS[reader](filled, "true) or (true", tmp_path)


@pytest.mark.parametrize(
    "condition",
    ["true) or (true", "true) AS x, (true", "true)) OR ((true", "true; SELECT 1", "length > 3;", "true FROM b",
     "true LIMIT 1", "true ORDER BY 1", "true UNION SELECT 1", "true, false", "SELECT true", "FROM b", "true AS x",
     "true /*", "'a", '"length', "length >", "-- nothing", "DISTINCT true"],
)  # fmt: skip
def test_what_is_not_one_whole_expression_is_refused(condition: str, filled: Dataset) -> None:
    with pytest.raises(ValidationError, match="is not one whole condition") as raised:
        filled.scan(where=condition)
    assert "one expression" in (raised.value.mend or "")


@pytest.mark.parametrize(
    "condition",
    [
        "*",
        "COLUMNS(*) IS NOT NULL",
        "COLUMNS('sequence|source') = 'x'",
        "unnest([true, false])",
        "row_number() OVER (ORDER BY id) < 3",
    ],
)
def test_what_stands_for_several_values_is_refused(condition: str, filled: Dataset) -> None:
    with pytest.raises(ValidationError, match=r"stands for several|looks at several"):
        filled.scan(["id", "sequence"], where=condition)


QUERIES = {
    "a scalar": "length = (SELECT 4)",
    "a membership": "length IN (SELECT * FROM range(5))",
    "an existence": "EXISTS (FROM read_csv('{file}'))",
    "any": "length = ANY (SELECT 4)",
    "all of a list": "length >= ALL ([4, 5])",
    "an array": "list_contains(ARRAY(SELECT 4), length)",
    "in a function": "list_contains(list_transform([1], lambda x: (SELECT 4)), length)",
    "in a choice": "CASE WHEN length > 1 THEN (SELECT content = 'x' FROM read_text('{file}')) END",
    "a table": "id IN (SELECT x FROM y)",
    "capitals": "length in (sElEcT 4)",
}


@pytest.mark.parametrize("condition", QUERIES.values(), ids=QUERIES)
def test_a_query_in_a_condition_is_refused(condition: str, filled: Dataset, tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    file.write_text("x\n")
    with pytest.raises(ValidationError, match="has a query of its own") as raised:
        filled.to_arrow(where=condition.format(file=file))
    assert "IN (4, 5)" in (raised.value.mend or "")


@pytest.mark.parametrize("reader", READERS)
def test_no_reader_takes_a_condition_with_a_query_in_it(reader: str, filled: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="has a query of its own"):
        READERS[reader](filled, QUERIES["a membership"], tmp_path)


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("length > 4", 1),
        ("LENGTH > 4 -- the long ones", 1),
        ("(length > 4) OR (score__x = 1)", 2),
        ("length IN (4, 5)", 3),
        ("list_contains([4], length)", 2),
        ("sequence = 'true) or (true' OR sequence = ';'", 0),
        ("source = '(SELECT 1)' OR NOT false", 3),
        ("score__n IS NULL", 3),
    ],
)
def test_an_expression_may_be_anything_that_is_whole(condition: str, found: int, filled: Dataset) -> None:
    assert filled.to_arrow(["id"], where=condition).num_rows == found


@pytest.mark.parametrize(
    "condition",
    ["sequence > 3", "nope(length)", "count(*) > 1", "id = ?", "length = DATE '2020-02-02'",
     "created_at > 'yesterday'", "error('x')", "NOT " * 800 + "true", "NOT " * 5000 + "true"],
)  # fmt: skip
def test_whatever_else_is_wrong_comes_with_a_mend_and_without_the_name_of_a_class(
    condition: str, filled: Dataset
) -> None:
    with pytest.raises(SequencesError, match="where") as raised:
        filled.to_arrow(where=condition)
    assert raised.value.mend
    assert "Error:" not in raised.value.message
