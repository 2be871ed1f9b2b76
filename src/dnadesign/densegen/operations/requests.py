"""The solve request of a library: which parts, and which of the plan's rules by part number."""

from __future__ import annotations

from dnadesign.densegen.contract.config import DesignConfig, Interval, Plan
from dnadesign.densegen.contract.parts import Library
from dnadesign.densegen.contract.randomness import Stream
from dnadesign.densegen.contract.solving import CountRule, CoverageRule, PromoterRule, SolveRequest
from dnadesign.densegen.operations.spacers import SPACER


def solve_request(library: Library, config: DesignConfig, plan: Plan, *, job: int) -> SolveRequest:
    """What the solver is asked for a library.

    The same library of the same config gives the same request, whichever job number it has.
    """
    parts = library.parts
    by_tf: dict[str, list[int]] = {}
    for index, part in enumerate(parts):
        if part.tf is not None:
            by_tf.setdefault(part.tf, []).append(index)
    return SolveRequest(
        job=job,
        sequences=tuple(part.sequence for part in parts),
        length=config.target.length,
        order=_order(library, Stream(config.run.seed, "order", plan.name, library.index)),
        exact=config.target.mode == "exact",
        double_strand=config.target.strands == "double",
        backend=config.solver.backend,
        strategy=config.solver.strategy,
        time_limit_s=config.solver.time_limit_s,
        reproducible=config.solver.reproducible,
        seed=Stream(config.run.seed, "solver", plan.name, library.index).below(2**31 - 1),
        max_solutions=config.library.solutions_per_library,
        promoters=_promoters(plan),
        counts=tuple(CountRule(tuple(by_tf.get(tf, ())), least) for tf, least in plan.min_count.items()),
        coverage=tuple(
            CoverageRule(tuple(tuple(by_tf[tf]) for tf in group.members if tf in by_tf), group.min_required)
            for group in plan.groups
        ),
        left=tuple(index for tf in plan.side_biases.left for index in by_tf.get(tf, ())),
        right=tuple(index for tf in plan.side_biases.right for index in by_tf.get(tf, ())),
        neutral=tuple(index for index, part in enumerate(parts) if part.role == SPACER),
    )


def _order(library: Library, stream: Stream) -> tuple[int, ...]:
    """A random order of the parts, equal sequences kept in theirs.

    Often several packings are equally good, and of those the solver comes first to the one that begins with the
    parts it saw first: with fixed elements in front, nearly every design would begin with its promoter. Of equal
    sequences the fixed element must be seen first, for rules name a part by its sequence there.
    """
    numbers: dict[str, list[int]] = {}
    for number, part in enumerate(library.parts):
        numbers.setdefault(part.sequence, []).append(number)
    return tuple(number for same in stream.shuffled(list(numbers.values())) for number in same)


def _promoters(plan: Plan) -> tuple[PromoterRule, ...]:
    """Promoter number k has parts 2k and 2k + 1: elements stand first in a library."""
    return tuple(
        PromoterRule(
            upstream=2 * number,
            downstream=2 * number + 1,
            spacer=_bounds(promoter.spacer),
            upstream_position=_bounds(promoter.positions.upstream),
            downstream_position=_bounds(promoter.positions.downstream),
        )
        for number, promoter in enumerate(plan.promoters)
    )


def _bounds(interval: Interval) -> tuple[int | None, int | None]:
    low, high = interval
    return low, high
