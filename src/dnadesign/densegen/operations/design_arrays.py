"""Arrays about a design: which factor's sites cover which base, and how each matrix scores along it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dnadesign.densegen.contract.design import Design
from dnadesign.densegen.contract.motifs import BASES, Motif
from dnadesign.densegen.contract.sequences import reverse_complement
from dnadesign.densegen.operations.libraries import PlanPool

type Arrays = Mapping[str, npt.NDArray[Any]]


def design_arrays(design: Design, pools: Mapping[str, PlanPool], kinds: Sequence[str]) -> Arrays:
    """The arrays of a design, with the names of their rows.

    Returns:
        For ``occupancy``: ``occupancy`` int16[tf, L] and ``occupancy_tf`` text[tf]; for ``score_tracks``:
        ``score_tracks`` float32[tf, 2, L] and ``score_tracks_tf`` text[tf].
    """
    source = pools[design.plan]
    made: dict[str, npt.NDArray[Any]] = {}
    if "occupancy" in kinds:
        tfs = list(source.sites)
        made["occupancy"] = occupancy(design, tfs)
        made["occupancy_tf"] = np.array(tfs, dtype=np.str_)
    if "score_tracks" in kinds:
        made["score_tracks"] = score_tracks(design.sequence, source.motifs)
        made["score_tracks_tf"] = np.array([motif.tf for motif in source.motifs], dtype=np.str_)
    return made


def occupancy(design: Design, tfs: Sequence[str]) -> npt.NDArray[np.int16]:
    """int16[tf, L]: how many placed sites of a factor lie over a base, whichever strand they are on."""
    found = np.zeros((len(tfs), len(design.sequence)), dtype=np.int16)
    rows = {tf: row for row, tf in enumerate(tfs)}
    for one in design.used_tfbs_detail:
        if one.tf is not None and one.role == "site":
            found[rows[one.tf], one.offset : one.end] += 1
    return found


def score_tracks(sequence: str, motifs: Sequence[Motif]) -> npt.NDArray[np.float32]:
    """float32[tf, 2, L]: log-odds score in bits of a site that starts (leftmost base) here, forward and reverse.

    NaN where the matrix does not fit any more, -inf where it rules the site out.
    """
    length = len(sequence)
    found = np.full((len(motifs), 2, length), np.nan, dtype=np.float32)
    strands = [
        np.array([BASES.index(base) for base in text]) for text in (sequence, reverse_complement(sequence))
    ]
    for row, motif in enumerate(motifs):
        width = len(motif.rows)
        if width > length:
            continue
        with np.errstate(divide="ignore"):
            odds = np.log2(np.array(motif.rows) / np.array(motif.background))
        for strand, codes in enumerate(strands):
            windows = np.lib.stride_tricks.sliding_window_view(codes, width)
            scores = odds[np.arange(width), windows].sum(axis=1)
            found[row, strand, : length - width + 1] = scores if strand == 0 else scores[::-1]
    return found
