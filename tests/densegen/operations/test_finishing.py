"""From packing to design: padding, screening, and the recount on the finished sequence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.densegen.contract.design import Design
from dnadesign.densegen.contract.metadata import COLUMNS, design_row
from dnadesign.densegen.contract.parts import Library, Part, PartKind
from dnadesign.densegen.contract.sequences import kmer_spans
from dnadesign.densegen.contract.solving import Placed, Solution
from dnadesign.densegen.operations.finishing import Rejected, Rejection, finish
from tests.densegen.design_cases import assert_keeps_promises, config, other_strand, sigma70_spacers

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FIXED = (
    Part(tf=None, sequence="TTGACA", kind=PartKind.FIXED, role="upstream", constraint="sigma70"),
    Part(tf=None, sequence="TATAAT", kind=PartKind.FIXED, role="downstream", constraint="sigma70"),
)
SITES = (
    Part(tf="F0", sequence="CCGGTTAACG"),
    Part(tf="F1", sequence="GGGACCCT"),
    Part(tf="F2", sequence="CACACACG"),
)
LIBRARY = Library(plan="first", index=4, fixed=FIXED, sites=SITES)


def packed(*, core: str | None = None, placed: tuple[Placed, ...]) -> Solution:
    core = core or "TTGACA" + "CCGGTTAACG" + other_strand("GGGACCCT") + "TATAAT"
    return Solution(job=1, number=0, core=core, placed=placed, seconds=0.1)


GOOD = (Placed(0, 0), Placed(2, 6), Placed(3, 16, reverse=True), Placed(1, 24))


def good() -> Solution:
    return packed(placed=GOOD)


def made(solution: Solution, **changes: Any) -> Design | Rejected:
    of = config(**{"plans.0.promoters.0.spacer": [16, 18], **changes})
    return finish(solution, LIBRARY, of, of.plans[0], now=NOW)


@given(
    seed=st.integers(0, 2**40), end=st.sampled_from(["5prime", "3prime", "both"]), length=st.integers(30, 90)
)
def test_a_finished_design_keeps_the_promises_of_its_metadata(seed: int, end: str, length: int) -> None:
    design = made(good(), **{"run.seed": seed, "final.pad.end": end, "target.length": length})
    assert isinstance(design, Design)
    row = design_row(design, run_id="run", config_sha256="c")
    assert_keeps_promises(design.sequence, row["densegen__used_tfbs_detail"], length=length)
    assert 18 in sigma70_spacers(design.sequence)
    assert design.pad.left + design.pad.right == length - 30
    assert {"3prime": design.pad.left, "5prime": design.pad.right, "both": 0}[end] == 0
    (promoter,) = design.promoters
    assert design.sequence[promoter.upstream_offset :].startswith("TTGACA")
    assert design.sequence[promoter.downstream_offset :].startswith("TATAAT")
    assert promoter.spacer == promoter.downstream_offset - promoter.upstream_offset - 6


def test_a_row_has_no_column_that_is_not_registered() -> None:
    design = made(good())
    assert isinstance(design, Design)
    row = design_row(design, run_id="run", config_sha256="c")
    registered = {name for name, _ in COLUMNS}
    assert set(row) <= registered
    npz = {f"densegen__npz_{name}" for name in ("ref", "sha256", "bytes", "arrays")}
    assert registered - set(row) == npz


def test_padding_is_the_same_for_the_same_packing_and_brings_no_part_of_the_library_in() -> None:
    first, second = (made(good(), **{"target.length": 300}) for _ in range(2))
    assert isinstance(first, Design)
    assert first == second
    padding = first.sequence[30:]
    for part in LIBRARY.parts:
        assert part.sequence not in padding
        assert other_strand(part.sequence) not in padding


@pytest.mark.parametrize("low", [0.0, 0.5, 1.0])
def test_padding_keeps_to_its_gc_range(low: float) -> None:
    design = made(good(), **{"target.length": 60, "final.pad.gc": [low, low], "final.pad.max_tries": 5000})
    assert isinstance(design, Design)
    assert design.pad.gc == low


@given(seed=st.integers(0, 2**40))
def test_forbidden_kmers_never_stand_in_a_design_on_either_strand(seed: int) -> None:
    kmers = ["GAC", "RGATCY"]
    design = made(good(), **{"run.seed": seed, "target.length": 80, "final.forbid_kmers": kmers[1:]})
    assert isinstance(design, Design)
    assert not any(kmer_spans(design.sequence, kmer) for kmer in kmers[1:])
    refused = made(good(), **{"final.forbid_kmers": kmers})
    assert isinstance(refused, Rejected)
    assert refused.reason is Rejection.FORBIDDEN_KMER


def test_padding_that_cannot_pass_gives_the_packing_up() -> None:
    refused = made(
        good(), **{"target.length": 60, "final.pad.gc": [0.0, 0.0], "final.forbid_kmers": ["WWWWWWW"]}
    )
    assert isinstance(refused, Rejected)
    assert refused.reason is Rejection.PAD_EXHAUSTED


@pytest.mark.parametrize(
    "placed",
    [
        (Placed(0, 1), *GOOD[1:]),  # the upstream element is not where it is said to be
        (*GOOD[:2], Placed(3, 16), GOOD[3]),  # the strand is wrong
        (GOOD[0], *GOOD[2:]),  # a required factor is missing
        GOOD[:3],  # the promoter is not complete
    ],
)
def test_a_solver_that_promises_what_the_sequence_does_not_hold_is_not_believed(
    placed: tuple[Placed, ...],
) -> None:
    refused = made(packed(placed=placed))
    assert isinstance(refused, Rejected)
    assert refused.reason is Rejection.RECOUNT_MISMATCH


def test_a_spacer_outside_its_range_is_refused() -> None:
    refused = made(good(), **{"plans.0.promoters.0.spacer": [16, 17]})
    assert isinstance(refused, Rejected)
    assert "spacer" in refused.detail


def test_a_part_that_stands_there_unplaced_is_recorded_as_incidental() -> None:
    core = good().core + other_strand("CACACACG")
    design = made(packed(core=core, placed=GOOD))
    assert isinstance(design, Design)
    (extra,) = [one for one in design.used_tfbs_detail if one.role == "incidental"]
    assert (extra.tf, extra.orientation, extra.offset) == ("F2", "rev", 30)
    assert "F2" not in {one.tf for one in design.used_tf_counts}
    assert design.checks.incidental == 1
