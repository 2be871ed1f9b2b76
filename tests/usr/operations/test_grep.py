"""Searching: one row for each match, placed on the stored strand, in base order."""

import pyarrow as pa
import pytest

from dnadesign.usr import Dataset, SchemaError, ValidationError
from dnadesign.usr.contract.motifs import Strand
from tests.usr.conftest import add, scores

BOTH_AND_MINUS: tuple[Strand, ...] = ("both", "-")


def found(table: pa.Table) -> list[tuple]:
    return [tuple(row.values()) for row in table.to_pylist()]


def test_a_match_is_placed_on_the_stored_strand_and_read_on_its_own(dataset: Dataset) -> None:
    first, second = add(dataset, "ttGACAcc", "GGTGTCAA")
    both = dataset.grep("TTGACA", kind="iupac", strand="both")
    assert found(both) == [(first, "+", 0, 6, "ttGACA"), (second, "-", 2, 8, "TTGACA")]
    assert found(dataset.grep("TTGACA", kind="iupac")) == [(first, "+", 0, 6, "ttGACA")]
    assert found(dataset.grep("TTGACA", kind="iupac", strand="-")) == [(second, "-", 2, 8, "TTGACA")]
    assert found(dataset.grep("TTGACA", kind="literal", strand="both")) == [(second, "-", 2, 8, "TTGACA")]
    assert both.schema.types == [pa.string(), pa.string(), pa.int32(), pa.int32(), pa.string()]


def test_a_palindrome_is_found_on_both_strands_and_rows_stand_by_start(dataset: Dataset) -> None:
    (record,) = add(dataset, "GAATTCGAATTC")
    assert found(dataset.grep("GAATTC", kind="iupac", strand="both")) == [
        (record, "+", 0, 6, "GAATTC"), (record, "-", 0, 6, "GAATTC"),
        (record, "+", 6, 12, "GAATTC"), (record, "-", 6, 12, "GAATTC"),
    ]  # fmt: skip


def test_rna_has_its_own_complement(dataset: Dataset) -> None:
    ids = dataset.add_sequences(["AAGU"], bio_type="rna", alphabet="rna_4").ids
    assert found(dataset.grep("ACTT", kind="iupac", strand="-")) == [(ids[0], "-", 0, 4, "ACUU")]
    assert found(dataset.grep("AC+U", strand="-")) == [(ids[0], "-", 1, 4, "ACU")]


def test_proteins_are_searched_by_pattern_on_one_strand_only(dataset: Dataset) -> None:
    (dna,) = add(dataset, "CACGTG")
    (protein,) = dataset.add_sequences(["MCACK"], bio_type="protein", alphabet="protein_20").ids
    assert found(dataset.grep("CAC")) == [(dna, "+", 0, 3, "CAC"), (protein, "+", 1, 4, "CAC")]
    refused = f"(?s){protein} is a protein.*bio_type <> 'protein'"
    with pytest.raises(ValidationError, match=refused):
        dataset.grep("CAC", kind="iupac")
    for strand in BOTH_AND_MINUS:
        with pytest.raises(ValidationError, match=refused):
            dataset.grep("CAC", strand=strand)
    only = dataset.grep("CAC", kind="iupac", strand="both", where="bio_type <> 'protein'")
    assert {row[0] for row in found(only)} == {dna}


def test_columns_of_the_record_can_be_added_in_their_types(dataset: Dataset) -> None:
    ids = add(dataset, "ACAC", "GGGG", "AC")
    dataset.write_overlay_part("score", scores(ids[:1], [0.5]))
    table = dataset.grep("AC", columns=["score__x", "id", "length", "score__vec", "sequence"])
    assert table.column_names[5:] == ["score__x", "length", "score__vec", "sequence"]
    assert table.schema.field("score__vec").type == pa.list_(pa.float32(), 2)
    assert [(r["start"], r["score__x"], r["length"]) for r in table.to_pylist()] == [
        (0, 0.5, 4), (2, 0.5, 4), (0, None, 2),
    ]  # fmt: skip
    with pytest.raises(SchemaError, match="did you mean 'score__x'"):
        dataset.grep("AC", columns=["score__xx"])


def test_deleted_records_are_searched_on_request_and_a_limit_counts_matches(dataset: Dataset) -> None:
    ids = add(dataset, "AAAA", "AAA")
    dataset.tombstone(ids[0])
    assert dataset.grep("AA").num_rows == 2
    assert dataset.grep("AA", include_deleted=True).num_rows == 5
    assert [row[0] for row in found(dataset.grep("AA", include_deleted=True, limit=4))] == [
        *[ids[0]] * 3,
        ids[1],
    ]
    assert dataset.grep("AA", limit=0).num_rows == 0
    with pytest.raises(ValidationError, match="limit -1"):
        dataset.grep("AA", limit=-1)
    with pytest.raises(ValidationError, match=r"strand '\*'"):
        dataset.grep("AA", strand="*")  # type: ignore[arg-type]  # as users do


def test_no_match_is_a_table_without_rows(dataset: Dataset) -> None:
    add(dataset, "ACGT")
    table = dataset.grep("GGGGG", columns=["length"])
    assert (table.num_rows, table.column_names) == (0, ["id", "strand", "start", "end", "match", "length"])
