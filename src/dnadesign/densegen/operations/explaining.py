"""Why a library gives no design: relax one rule at a time, and see which is in the way.

Side biases are not among the rules: they only choose between packings that keep the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from dnadesign.densegen.contract.config import Plan
from dnadesign.densegen.contract.ports import Solvers
from dnadesign.densegen.contract.solving import JobEnd, Solution, SolveRequest

_MOST_SECONDS = 10.0

type Feasible = Callable[[SolveRequest], bool]


def answer(solvers: Solvers, request: SolveRequest) -> tuple[Solution | None, JobEnd]:
    """The last packing of one request, if there is any, and how it ended; waits for it."""
    solvers.submit(request)
    solution: Solution | None = None
    while True:
        for message in solvers.messages(timeout=0.5):
            if message.job != request.job:
                continue
            if isinstance(message, JobEnd):
                return solution, message
            solution = message


def explain(
    request: SolveRequest, plan: Plan, solvers: Solvers, next_job: Callable[[], int]
) -> tuple[str, ...]:
    """What would make an infeasible library feasible, each change alone; empty when no single one does.

    Args:
        request: What was asked, and proven to have no solution.
        plan: The plan whose rules it carries.
        solvers: Where to ask again; nothing else may be at work there.
        next_job: Gives a number that no other request has.
    """

    def feasible(changed: SolveRequest) -> bool:
        limit = min(changed.time_limit_s, _MOST_SECONDS)
        one = replace(changed, job=next_job(), max_solutions=1, time_limit_s=limit)
        return answer(solvers, one)[0] is not None

    return tuple(_mends(request, plan, feasible))


def _mends(request: SolveRequest, plan: Plan, feasible: Feasible) -> Iterator[str]:
    if request.exact and feasible(replace(request, exact=False)):
        yield "target.mode pad instead of exact"
    length = _length(replace(request, exact=False), feasible)
    if length is not None:
        yield f"target.length {length} instead of {request.length}"
    for number, promoter in enumerate(plan.promoters):
        rule = request.promoters[number]
        free = replace(rule, upstream_position=(None, None), downstream_position=(None, None))
        rules = list(request.promoters)
        rules[number] = free
        if free != rule and feasible(replace(request, promoters=tuple(rules))):
            yield f"no positions for promoter {promoter.name}"
        del rules[number]
        if feasible(replace(request, promoters=tuple(rules))):
            yield f"no promoter {promoter.name}"
    if len(plan.promoters) > 1 and feasible(replace(request, promoters=())):
        yield "no promoters"
    for number, group in enumerate(plan.groups):
        for least in range(group.min_required - 1, -1, -1):
            coverage = list(request.coverage)
            coverage[number] = replace(coverage[number], minimum=least)
            if feasible(replace(request, coverage=tuple(coverage))):
                one = f"min_required {least} instead of {group.min_required} for group {group.name}"
                yield one if least else f"no group {group.name}"
                break
    for number, (tf, count) in enumerate(plan.min_count.items()):
        for least in range(count - 1, -1, -1):
            counts = list(request.counts)
            counts[number] = replace(counts[number], minimum=least)
            if feasible(replace(request, counts=tuple(counts))):
                yield f"min_count {least} instead of {count} for {tf}" if least else f"no min_count for {tf}"
                break


def _length(request: SolveRequest, feasible: Feasible) -> int | None:
    """The least length that has a packing, if any length has one; what fits stays fitting in more room."""
    spacers = sum(rule.spacer[1] or rule.spacer[0] or 0 for rule in request.promoters)
    starts = sum(
        (rule.upstream_position[0] or 0) + (rule.downstream_position[0] or 0) for rule in request.promoters
    )
    low, high = request.length, request.length + sum(map(len, request.sequences)) + spacers + starts
    if not feasible(replace(request, length=high)):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if feasible(replace(request, length=middle)) else (middle, high)
    return high


def in_words(mends: tuple[str, ...]) -> str:
    """The changes as one line: what to change in the config."""
    if not mends:
        return "no single change of length, promoters, groups or min_count is enough; ask for less of several"
    return "feasible with " + ", or ".join(mends)
