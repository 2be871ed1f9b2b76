"""Turn a packing into a design: pad it, screen it, and count everything again on the finished sequence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dnadesign.densegen.contract.batches import Position, attempt_id
from dnadesign.densegen.contract.config import DesignConfig, Plan, Promoter
from dnadesign.densegen.contract.design import (
    Checks,
    Design,
    Pad,
    PlacedPromoter,
    Placement,
    SolverFacts,
    TfCount,
)
from dnadesign.densegen.contract.parts import Library, Part, PartKind
from dnadesign.densegen.contract.sequences import gc_fraction, kmer_spans, reverse_complement, starts
from dnadesign.densegen.contract.solving import Solution
from dnadesign.densegen.contract.wording import counted
from dnadesign.densegen.operations.padding import Padded, paddings
from dnadesign.densegen.operations.spacers import SPACER


class Rejection(StrEnum):
    """Why a packing did not become a design."""

    FORBIDDEN_KMER = "forbidden_kmer"
    PAD_EXHAUSTED = "pad_exhausted"
    RECOUNT_MISMATCH = "recount_mismatch"
    DUPLICATE = "duplicate"
    IN_DATASET = "in_dataset"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A packing that was turned down, and the detail of it."""

    reason: Rejection
    detail: str = ""


def finish(
    solution: Solution, library: Library, config: DesignConfig, plan: Plan, *, now: datetime
) -> Design | Rejected:
    """The design that a packing becomes, or why it does not become one."""
    for kmer in config.final.forbid_kmers:
        if kmer_spans(solution.core, kmer):
            return Rejected(Rejection.FORBIDDEN_KMER, f"{kmer} in the packing")
    padded = _pad(solution, library, config, plan)
    if padded is None:
        return Rejected(Rejection.PAD_EXHAUSTED, f"{config.final.pad.max_tries} paddings tried")
    placed = tuple(
        _placement(library.parts[one.part], one.offset, reverse=one.reverse, pad_left=len(padded.left))
        for one in solution.placed
    )
    fault = _recount(padded.sequence, placed, plan)
    if fault:
        return Rejected(Rejection.RECOUNT_MISMATCH, fault)
    return _design(solution, library, config, plan, padded=padded, placed=placed, now=now)


def _pad(solution: Solution, library: Library, config: DesignConfig, plan: Plan) -> Padded | None:
    """The first padding that brings in no forbidden k-mer and no part of the library."""
    target = config.target
    length = target.length if target.mode == "pad" else len(solution.core)
    name = (config.run.seed, "pad", plan.name, library.index, solution.number)
    for padded in paddings(solution.core, length, config.final.pad, name=name):
        if any(kmer_spans(padded.sequence, kmer) for kmer in config.final.forbid_kmers):
            continue
        core = range(len(padded.left), len(padded.left) + len(padded.core))
        if not any(
            start not in core or start + len(part.sequence) > core.stop
            for part in library.parts
            for start, _ in _occurrences(padded.sequence, part.sequence)
        ):
            return padded
    return None


def _occurrences(sequence: str, part: str) -> list[tuple[int, str]]:
    """Start and orientation of every occurrence; a palindrome is one, forward."""
    reverse = reverse_complement(part)
    found = [(start, "fwd") for start in starts(sequence, part)]
    if reverse != part:
        found += [(start, "rev") for start in starts(sequence, reverse)]
    return sorted(found)


def _placement(
    part: Part, offset: int, *, reverse: bool, pad_left: int, role: str | None = None
) -> Placement:
    return Placement(
        tf=part.tf,
        tfbs=part.sequence,
        motif_id=part.motif_id,
        tfbs_id=part.tfbs_id,
        orientation="rev" if reverse else "fwd",
        offset=offset + pad_left,
        offset_raw=offset,
        length=len(part.sequence),
        end=offset + pad_left + len(part.sequence),
        pad_left=pad_left,
        site_id=part.site_id,
        source=part.source,
        part_kind=str(part.kind),
        role=role or part.role,
        constraint=part.constraint,
        score=part.score,
    )


def _recount(sequence: str, placed: tuple[Placement, ...], plan: Plan) -> str:
    """What does not hold on the finished sequence; empty when all does."""
    for one in placed:
        text = sequence[one.offset : one.end]
        if (text if one.orientation == "fwd" else reverse_complement(text)) != one.tfbs:
            return f"{one.tfbs} is not at {one.offset} ({one.orientation})"
    counts = {one.tf: one.count for one in tf_counts(placed)}
    for tf, least in plan.min_count.items():
        if counts.get(tf, 0) < least:
            return f"{counted(counts.get(tf, 0), 'site')} of {tf}, required {least}"
    for group in plan.groups:
        present = sum(member in counts for member in group.members)
        if present < group.min_required:
            return f"{counted(present, 'member')} of group {group.name}, required {group.min_required}"
    for promoter in plan.promoters:
        fault = _promoter_fault(promoter, placed)
        if fault:
            return fault
    return ""


def _promoter_fault(promoter: Promoter, placed: tuple[Placement, ...]) -> str:
    found = placed_promoter(promoter.name, placed)
    if found is None:
        return f"promoter {promoter.name} is not complete on the forward strand"
    for what, value, (low, high) in (
        ("spacer", found.spacer, promoter.spacer),
        ("upstream position", found.upstream_offset, promoter.positions.upstream),
        ("downstream position", found.downstream_offset, promoter.positions.downstream),
    ):
        if (low is not None and value < low) or (high is not None and value > high):
            return f"{what} of promoter {promoter.name} is {value}, allowed {low} to {high}"
    return ""


def placed_promoter(name: str, placed: tuple[Placement, ...]) -> PlacedPromoter | None:
    """A promoter's elements among the placements; None unless both stand on the forward strand."""
    ends = {one.role: one for one in placed if one.constraint == name and one.orientation == "fwd"}
    if not {"upstream", "downstream"} <= set(ends):
        return None
    upstream, downstream = ends["upstream"], ends["downstream"]
    return PlacedPromoter(name, upstream.offset, downstream.offset, downstream.offset - upstream.end)


def tf_counts(placed: tuple[Placement, ...]) -> tuple[TfCount, ...]:
    """Placed sites by label, fixed elements left out, labels sorted."""
    labels = [one.tf for one in placed if one.part_kind != PartKind.FIXED and one.tf is not None]
    return tuple(TfCount(tf, labels.count(tf)) for tf in sorted(set(labels)))


def required_regulators(plan: Plan) -> tuple[str, ...]:
    """The labels that every design of a plan holds, sorted."""
    whole = [set(group.members) for group in plan.groups if group.min_required == len(group.members)]
    return tuple(sorted(set(plan.min_count).union(*whole)))


def _incidental(
    sequence: str, library: Library, placed: tuple[Placement, ...], pad_left: int
) -> tuple[Placement, ...]:
    """Parts of the library that stand in the sequence without having been placed there."""
    known = {(one.tfbs, one.offset, one.orientation) for one in placed}
    palindromes = {(one.tfbs, one.offset) for one in placed if reverse_complement(one.tfbs) == one.tfbs}
    found = []
    for part in {part.sequence: part for part in reversed(library.parts)}.values():
        for start, orientation in _occurrences(sequence, part.sequence):
            if (part.sequence, start, orientation) in known or (part.sequence, start) in palindromes:
                continue
            reverse = orientation == "rev"
            found.append(
                _placement(part, start - pad_left, reverse=reverse, pad_left=pad_left, role="incidental")
            )
    return tuple(found)


def _design(
    solution: Solution,
    library: Library,
    config: DesignConfig,
    plan: Plan,
    *,
    padded: Padded,
    placed: tuple[Placement, ...],
    now: datetime,
) -> Design:
    sequence = padded.sequence
    incidental = _incidental(sequence, library, placed, len(padded.left))
    found = [placed_promoter(promoter.name, placed) for promoter in plan.promoters]
    promoters = tuple(promoter for promoter in found if promoter is not None)
    position = Position(library.index, solution.number)
    return Design(
        sequence=sequence,
        plan=plan.name,
        created_at=now,
        library_sha256=library.sha256,
        attempt_id=attempt_id(position, solutions_per_library=config.library.solutions_per_library),
        library_index=library.index,
        library_size=len(library.sites),
        target_length=config.target.length,
        inputs=plan.inputs,
        required_regulators=required_regulators(plan),
        used_tfbs_detail=tuple(sorted(placed + incidental, key=lambda one: (one.offset, one.end))),
        used_tf_counts=tf_counts(placed),
        promoters=promoters,
        pad=Pad(len(padded.left), len(padded.right), padded.gc, padded.tries),
        solver=SolverFacts(solution.status, solution.number, len(placed), solution.seconds),
        checks=Checks(
            placements=len(placed),
            incidental=len(incidental),
            groups_met=len(plan.groups),
            min_counts_met=len(plan.min_count),
            promoters_met=len(promoters),
            forbidden_kmers=0,
        ),
        compression_ratio=sum(one.length for one in placed if one.role != SPACER) / config.target.length,
        gc_total=gc_fraction(sequence),
        gc_core=gc_fraction(solution.core),
    )
