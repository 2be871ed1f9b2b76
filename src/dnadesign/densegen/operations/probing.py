"""Try the first library of each plan, to see what a run would be up against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

from dnadesign.densegen.contract.config import DesignConfig
from dnadesign.densegen.contract.ports import Solvers
from dnadesign.densegen.contract.solving import EndReason
from dnadesign.densegen.operations.explaining import answer, explain
from dnadesign.densegen.operations.finishing import Rejected, finish
from dnadesign.densegen.operations.libraries import PlanPool
from dnadesign.densegen.operations.requests import solve_request
from dnadesign.densegen.operations.spacers import offered_library

_LIBRARIES = 3


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of one library: ``result`` is design, or the reason why there is none.

    ``mends`` are the changes that would make a plan's first infeasible library feasible, each alone; None elsewhere.
    """

    plan: str
    library_index: int
    result: str
    detail: str
    seconds: float
    parts_placed: int
    mends: tuple[str, ...] | None = None

    @property
    def good(self) -> bool:
        """Whether a design came of it."""
        return self.result == "design"


def probe(config: DesignConfig, pools: dict[str, PlanPool], solvers: Solvers) -> Iterator[Probe]:
    """One solution each of the first libraries of each plan; nothing is written."""
    one = config.model_copy(
        update={"library": config.library.model_copy(update={"solutions_per_library": 1})}
    )
    jobs = count(1)
    for plan in one.plans:
        explained = False
        for index in range(_LIBRARIES):
            library = offered_library(pools[plan.name], one, index=index)
            request = solve_request(library, one, plan, job=next(jobs))
            solution, end = answer(solvers, request)
            if solution is None:
                first = end.reason is EndReason.INFEASIBLE and not explained
                mends = explain(request, plan, solvers, lambda: next(jobs)) if first else ()
                explained = explained or first
                yield Probe(
                    plan.name, index, str(end.reason), end.detail, end.seconds, 0, mends if first else None
                )
                continue
            made = finish(solution, library, one, plan, now=datetime.now(UTC))
            result, detail = ("design", "")
            if isinstance(made, Rejected):
                result, detail = str(made.reason), made.detail
            yield Probe(plan.name, index, result, detail, solution.seconds, len(solution.placed))
