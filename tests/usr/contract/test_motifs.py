"""Motifs: IUPAC codes against a naive matcher, the other strand, and patterns that are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.usr import ValidationError
from dnadesign.usr.contract.motifs import IUPAC, MotifKind, compile_motif, find_matches, reverse_complement

COMPLEMENT = {"dna": dict(zip("ACGTNacgtn", "TGCANtgcan", strict=True)),
              "rna": dict(zip("ACGUNacgun", "UGCANugcan", strict=True))}  # fmt: skip

sequences = st.sampled_from(["dna", "rna"]).flatmap(
    lambda kind: st.tuples(st.just(kind), st.text(alphabet=list(COMPLEMENT[kind]), min_size=1, max_size=30))
)
motifs = st.text(alphabet=[*IUPAC, *(code.lower() for code in IUPAC)], min_size=1, max_size=4)


def fits(code: str, symbol: str) -> bool:
    """Whether a code of a motif stands for a symbol, case not counting."""
    symbol = symbol.upper().replace("U", "T")
    return code.upper() == "N" if symbol == "N" else symbol in IUPAC[code.upper()]


@given(found=sequences, motif=motifs)
def test_iupac_codes_match_exactly_where_each_stands_for_the_symbol_below_it(
    found: tuple[str, str], motif: str
) -> None:
    _, sequence = found
    size = len(motif)
    naive = [
        (start, start + size)
        for start in range(len(sequence) - size + 1)
        if all(fits(code, symbol) for code, symbol in zip(motif, sequence[start:], strict=False))
    ]
    assert list(find_matches(compile_motif(motif, "iupac"), sequence)) == naive


@given(found=sequences)
def test_the_other_strand_is_the_complement_read_backwards_and_twice_is_once(found: tuple[str, str]) -> None:
    kind, sequence = found
    other = reverse_complement(sequence, kind)
    assert other == "".join(COMPLEMENT[kind][symbol] for symbol in reversed(sequence))
    assert reverse_complement(other, kind) == sequence


def test_a_protein_has_no_other_strand() -> None:
    with pytest.raises(ValidationError, match="a protein has no minus strand"):
        reverse_complement("MKV", "protein")


def test_matches_may_overlap() -> None:
    assert list(find_matches(compile_motif("AA", "literal"), "AAAA")) == [(0, 2), (1, 3), (2, 4)]
    assert list(find_matches(compile_motif("A+", "regex"), "AAC")) == [(0, 2), (1, 2)]
    assert list(find_matches(compile_motif("^A", "regex"), "AAC")) == [(0, 1)]


def test_case_counts_unless_told_otherwise_or_for_iupac_codes() -> None:
    assert not list(find_matches(compile_motif("acg", "literal"), "ACG"))
    assert list(find_matches(compile_motif("acg", "literal", ignore_case=True), "ACG"))
    assert list(find_matches(compile_motif("RYg", "iupac"), "acGacg")) == [(0, 3), (3, 6)]
    assert list(find_matches(compile_motif("RYg", "iupac", ignore_case=False), "acGACg")) == [(3, 6)]


@pytest.mark.parametrize(
    ("pattern", "kind", "says"),
    [
        ("AC(", "regex", "no regular expression"),
        ("A*", "regex", "matches the empty sequence"),
        ("", "literal", "matches the empty sequence"),
        ("ACZ", "iupac", "'Z' at position 3 is no IUPAC code"),
        ("AC", "glob", "kind 'glob'"),
    ],
)
def test_a_pattern_that_is_none_is_a_typed_error(pattern: str, kind: MotifKind, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        compile_motif(pattern, kind)


def test_symbols_of_a_literal_mean_themselves() -> None:
    assert not list(find_matches(compile_motif("A.C", "literal"), "AGC"))
