"""The one door to dense-arrays 0.3: a request in, packings out, in the words of ``contract.solving``.

What it relies on is held by the contract tests: constraints are given before ``build_model``;
``solve_report`` tells optimal from infeasible from undecided; ``forbid`` makes room for the next packing; a node
number of ``n`` or more in ``offset_indices_in_order`` is a part on the reverse strand.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from dense_arrays import InfeasibleError, Optimizer
from dense_arrays.model import part_usage_weights
from dense_arrays.solver import SolverControls, SolveStatus

from dnadesign.densegen.contract.solving import EndReason, Hello, JobEnd, Placed, Solution, SolveRequest

_REASONS = {
    SolveStatus.UNPROVEN: EndReason.TIMEOUT,
    SolveStatus.UNKNOWN: EndReason.TIMEOUT,
    SolveStatus.BACKEND_ERROR: EndReason.BACKEND_ERROR,
    SolveStatus.INVALID_RESULT: EndReason.INVALID_RESULT,
}
_SEED_BITS = 2**31 - 1


def hello(backend: str) -> Hello:
    """Whether a backend runs here, found out by packing two parts with it."""
    try:
        optimizer = Optimizer(["AC", "CG"], 4)
        optimizer.build_model(backend)
        report = optimizer.solve_report()
    except (RuntimeError, ValueError) as error:
        return Hello(backend=backend, available=False, detail=str(error))
    identity = optimizer.solver_identity
    version = identity.version if identity else ""
    return Hello(
        backend=backend, available=report.status is SolveStatus.OPTIMAL, version=version, detail=report.detail
    )


def solve(request: SolveRequest) -> Iterator[Solution | JobEnd]:
    """Packings of one library, best first, and at the end the reason for it."""
    begun = time.monotonic()
    try:
        optimizer = _optimizer(request)
        if request.strategy == "greedy":
            yield from _greedy(request, optimizer)
            return
        optimizer.build_model(request.backend, _options(request), controls=_controls(request))
        for part in request.neutral:
            optimizer.set_motif_weight(request.place[part], 0.0)
    except ValueError as error:
        yield JobEnd(request.job, EndReason.REJECTED, 0, time.monotonic() - begun, str(error))
        return
    except RuntimeError as error:
        yield JobEnd(request.job, EndReason.BACKEND_ERROR, 0, time.monotonic() - begun, str(error))
        return
    yield from _enumerate(request, optimizer, begun)


def _optimizer(request: SolveRequest) -> Any:
    """An optimizer that knows the parts and every rule of the request."""
    place = request.place
    optimizer = Optimizer(
        [request.sequences[part] for part in request.seen],
        request.length,
        "double" if request.double_strand else "single",
        length_mode="exact" if request.exact else "maximum",
    )
    for promoter in request.promoters:
        optimizer.add_promoter_constraints(
            upstream=request.sequences[promoter.upstream],
            downstream=request.sequences[promoter.downstream],
            upstream_pos=promoter.upstream_position,
            downstream_pos=promoter.downstream_position,
            spacer_length=promoter.spacer,
        )
    for count in request.counts:
        optimizer.add_count_constraint([place[part] for part in count.indices], minimum=count.minimum)
    for coverage in request.coverage:
        groups = [[place[part] for part in group] for group in coverage.groups]
        optimizer.add_group_coverage(groups, minimum=coverage.minimum)
    if request.left or request.right:
        optimizer.add_side_biases(
            left=[request.sequences[index] for index in request.left],
            right=[request.sequences[index] for index in request.right],
        )
    return optimizer


def _options(request: SolveRequest) -> list[str] | None:
    """CP_SAT with one worker repeats itself; the run has its own processes for the other cores."""
    if request.backend != "CP_SAT":
        return None
    options = f"num_workers: 1 random_seed: {request.seed & _SEED_BITS}"
    if request.reproducible:
        options += f" max_deterministic_time: {request.time_limit_s:g}"
    return [options]


def _controls(request: SolveRequest) -> Any:
    return SolverControls(time_limit_seconds=None if request.reproducible else request.time_limit_s)


def _enumerate(request: SolveRequest, optimizer: Any, begun: float) -> Iterator[Solution | JobEnd]:
    usage = [0] * len(request.sequences)
    for number in range(request.max_solutions):
        report = optimizer.solve_report()
        seconds, begun = time.monotonic() - begun, time.monotonic()
        if report.solution is None:
            if report.status is SolveStatus.INFEASIBLE:
                reason = EndReason.EXHAUSTED if number else EndReason.INFEASIBLE
            else:
                reason = _REASONS[report.status]
            yield JobEnd(request.job, reason, number, seconds, report.detail)
            return
        yield _solution(request, report.solution, number, seconds, "optimal")
        if number + 1 == request.max_solutions:
            break
        optimizer.forbid(report.solution)
        if request.strategy == "diverse":
            usage = _reweigh(request, optimizer, report.solution, usage)
    yield JobEnd(request.job, EndReason.DONE, request.max_solutions)


def _reweigh(request: SolveRequest, optimizer: Any, solution: Any, usage: list[int]) -> list[int]:
    """Favour the parts used less than the mean so far, as dense-arrays' own ``solutions_diverse`` does."""
    pairs = zip(usage, solution.offsets_fwd, solution.offsets_rev, strict=True)
    updated = [used + (forward is not None or reverse is not None) for used, forward, reverse in pairs]
    for index, weight in enumerate(part_usage_weights(updated)):
        if request.seen[index] not in request.neutral:
            optimizer.set_motif_weight(index, weight)
    return updated


def _greedy(request: SolveRequest, optimizer: Any) -> Iterator[Solution | JobEnd]:
    begun = time.monotonic()
    try:
        packed = optimizer.approximate()
    except InfeasibleError as error:
        yield JobEnd(request.job, EndReason.INFEASIBLE, 0, time.monotonic() - begun, str(error))
        return
    yield _solution(request, packed, 0, time.monotonic() - begun, "greedy")
    yield JobEnd(request.job, EndReason.DONE, 1)


def _solution(request: SolveRequest, packed: Any, number: int, seconds: float, status: str) -> Solution:
    seen, parts = request.seen, len(request.sequences)
    placed = tuple(
        Placed(part=seen[node % parts], offset=offset, reverse=node >= parts)
        for offset, node in packed.offset_indices_in_order()
    )
    return Solution(request.job, number, packed.sequence, placed, seconds, status)
