"""Sites that are drawn instead of read: from matrices, and neutral background."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.densegen.adapters.inputs.motif_file import read_motifs
from dnadesign.densegen.contract.config import BackgroundInput, PwmInput
from dnadesign.densegen.contract.errors import InputError
from dnadesign.densegen.contract.motifs import Motif
from dnadesign.densegen.contract.sequences import gc_fraction
from dnadesign.densegen.operations.background import draw_background
from dnadesign.densegen.operations.pwm_sites import draw_sites
from tests.densegen.design_cases import other_strand

JASPAR = """\
>MA0001.1 CRP
A [ 8 0 1 5 ]
C [ 1 0 1 5 ]
G [ 1 0 8 5 ]
T [ 0 9 0 5 ]
>MA0002.1\tLexA
0 4
4 0
0 0
0 0
"""
MEME = """\
MEME version 4

ALPHABET= ACGT

strands: + -

Background letter frequencies
A 0.3 C 0.2 G 0.2 T 0.3

MOTIF crp CRP
letter-probability matrix: alength= 4 w= 3 nsites= 20 E= 0
 0.7 0.1 0.1 0.1
 0.0 0.0 0.0 1.0
 0.25 0.25 0.25 0.25
URL http://example.org

MOTIF other
letter-probability matrix: alength= 4 w= 2
 0.5 0.5 0.0 0.0
 0.1 0.2 0.3 0.4
"""


def spec(form: str, **changes: object) -> PwmInput:
    given_keys = {"name": "motifs", "kind": "pwm", "path": "m", "format": form, "count": 3}
    return PwmInput.model_validate({**given_keys, **changes})


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "motifs.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_jaspar_counts_become_probabilities(tmp_path: Path) -> None:
    crp, lexa = read_motifs(spec("jaspar"), written(tmp_path, JASPAR))
    assert (crp.motif_id, crp.tf, crp.rows[0]) == ("MA0001.1", "CRP", (0.8, 0.1, 0.1, 0.0))
    assert (lexa.tf, lexa.consensus) == ("LexA", "CA")


def test_meme_probabilities_come_with_their_background(tmp_path: Path) -> None:
    crp, other = read_motifs(spec("meme"), written(tmp_path, MEME))
    assert (crp.motif_id, crp.tf, len(crp.rows)) == ("crp", "CRP", 3)
    assert crp.background == (0.3, 0.2, 0.2, 0.3)
    assert (other.tf, len(other.rows)) == ("other", 2)


@pytest.mark.parametrize(
    ("form", "before", "after", "says"),
    [
        ("jaspar", "C [ 1 0 1 5 ]\n", "", "expected the row of C, found G"),
        ("jaspar", "0 4\n", "0 4 4\n", "one length"),
        ("jaspar", "A [ 8 0", "A [ x 0", ":2: expected numbers"),
        ("jaspar", "A [ 8 0", "A [ -8 0", "at least 0"),
        ("jaspar", "MA0002.1\tLexA", "X CRP", "'CRP' belongs to more than one"),
        ("jaspar", JASPAR, "", "no matrix"),
        ("meme", " 0.0 0.0 0.0 1.0\n", "", "expected 3 rows, found 2"),
        ("meme", "0.7 0.1", "0.9 0.1", ":12: probabilities sum to 1.2"),
        ("meme", "A 0.3 C 0.2", "C 0.2 A 0.3", "background as"),
    ],
)
def test_a_matrix_that_does_not_fit_is_refused(
    tmp_path: Path, form: str, before: str, after: str, says: str
) -> None:
    text = (JASPAR if form == "jaspar" else MEME).replace(before, after, 1)
    with pytest.raises(InputError, match=r".") as caught:
        read_motifs(spec(form), written(tmp_path, text))
    assert says in str(caught.value)


@given(seed=st.integers(0, 2**40))
def test_drawn_sites_are_different_score_enough_and_begin_with_the_consensus(seed: int) -> None:
    motifs = _motifs()
    sites = draw_sites(spec("jaspar", count=6, min_score_fraction=0.1), motifs[:1], seed=seed)
    best = motifs[0].score(motifs[0].consensus)
    assert len({one.sequence for one in sites}) == 6
    assert sites[0].sequence == motifs[0].consensus
    for one in sites:
        assert one.score == pytest.approx(motifs[0].score(one.sequence))
        assert motifs[0].score(one.sequence) >= 0.1 * best
        assert (one.tf, one.motif_id) == ("CRP", "MA0001.1")


def _motifs() -> tuple[Motif, ...]:
    with TemporaryDirectory() as folder:
        return read_motifs(spec("jaspar"), written(Path(folder), JASPAR))


def test_a_matrix_that_does_not_have_as_many_sites_is_refused() -> None:
    with pytest.raises(InputError, match="only 1 of 5"):
        draw_sites(spec("jaspar", count=5), _motifs()[1:], seed=1)


@given(seed=st.integers(0, 2**40), low=st.floats(0.2, 0.5))
def test_background_has_its_length_and_gc_and_none_of_the_known_sites(seed: int, low: float) -> None:
    known = frozenset({"ACG", "TTTT"})
    wanted = {"name": "bg", "kind": "background", "count": 4, "length": [12, 15], "gc": [low, low + 0.3]}
    parts = draw_background(BackgroundInput.model_validate(wanted), seed=seed, avoid=known)
    assert len({one.sequence for one in parts}) == 4
    for one in parts:
        assert 12 <= len(one.sequence) <= 15
        assert low <= gc_fraction(one.sequence) <= low + 0.3
        assert not any(site in one.sequence or other_strand(site) in one.sequence for site in known)
        assert (one.tf, one.kind) == ("bg", "background")


def test_background_that_cannot_be_drawn_is_refused() -> None:
    wanted = {"name": "bg", "kind": "background", "count": 3, "length": 1, "gc": [0.0, 1.0]}
    with pytest.raises(InputError, match="only"):
        draw_background(BackgroundInput.model_validate(wanted), seed=1, avoid=frozenset({"A"}))


def test_a_terabyte_of_motifs_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "motifs.txt"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a hole, which takes no room
    with pytest.raises(InputError, match=r"has more than [0-9,]+ characters"):
        read_motifs(spec("meme"), path)
