"""Arrays about a design, against the plain definition of each number."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.densegen.contract.motifs import Motif
from dnadesign.densegen.operations.design_arrays import score_tracks
from tests.densegen.design_cases import other_strand

ROWS = ((0.7, 0.1, 0.1, 0.1), (0.0, 0.5, 0.5, 0.0), (0.1, 0.2, 0.3, 0.4))
MOTIF = Motif("m", "F", ROWS, (0.3, 0.2, 0.2, 0.3))


@given(sequence=st.text("ACGT", min_size=1, max_size=30))
def test_a_score_track_has_the_score_of_the_site_that_starts_there_on_each_strand(sequence: str) -> None:
    forward, reverse = score_tracks(sequence, [MOTIF])[0]
    for at in range(len(sequence)):
        window = sequence[at : at + 3]
        if len(window) < 3:
            assert math.isnan(forward[at])
            assert math.isnan(reverse[at])
            continue
        assert forward[at] == pytest.approx(MOTIF.score(window), abs=1e-4)
        assert reverse[at] == pytest.approx(MOTIF.score(other_strand(window)), abs=1e-4)
