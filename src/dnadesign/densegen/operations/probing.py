"""Try the first library of each plan, to see what a run would be up against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from dnadesign.densegen.contract.config import DesignConfig
from dnadesign.densegen.contract.ports import Solvers
from dnadesign.densegen.contract.solving import JobEnd, Solution
from dnadesign.densegen.operations.finishing import Rejected, finish
from dnadesign.densegen.operations.libraries import PlanPool, sample_library
from dnadesign.densegen.operations.requests import solve_request

_LIBRARIES = 3


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of one library: ``result`` is design, or the reason why there is none."""

    plan: str
    library_index: int
    result: str
    detail: str
    seconds: float
    parts_placed: int

    @property
    def good(self) -> bool:
        """Whether a design came of it."""
        return self.result == "design"


def probe(config: DesignConfig, pools: dict[str, PlanPool], solvers: Solvers) -> Iterator[Probe]:
    """One solution each of the first libraries of each plan; nothing is written."""
    one = config.model_copy(
        update={"library": config.library.model_copy(update={"solutions_per_library": 1})}
    )
    job = 0
    for plan in one.plans:
        for index in range(_LIBRARIES):
            library = sample_library(
                pools[plan.name],
                one.library,
                seed=one.run.seed,
                index=index,
                double_strand=one.target.strands == "double",
            )
            job += 1
            solvers.submit(solve_request(library, one, plan, job=job))
            solution, end = _answer(solvers)
            if solution is None:
                yield Probe(plan.name, index, str(end.reason), end.detail, end.seconds, 0)
                continue
            made = finish(solution, library, one, plan, now=datetime.now(UTC))
            result, detail = ("design", "")
            if isinstance(made, Rejected):
                result, detail = str(made.reason), made.detail
            yield Probe(plan.name, index, result, detail, solution.seconds, len(solution.placed))


def _answer(solvers: Solvers) -> tuple[Solution | None, JobEnd]:
    solution: Solution | None = None
    while True:
        for message in solvers.messages(timeout=0.5):
            if isinstance(message, JobEnd):
                return solution, message
            solution = message
