"""Libraries of a plan that hold the same parts: what is proven of one is proven of all."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from dnadesign.densegen.contract.config import LibrarySection
from dnadesign.densegen.contract.parts import Library
from dnadesign.densegen.contract.solving import EndReason, JobEnd, Solution, SolveRequest
from dnadesign.densegen.operations.libraries import PlanPool

type Key = tuple[tuple[str, ...], ...]


def library_key(library: Library) -> Key:
    """The same for libraries of a plan with the same parts, in whatever order."""
    return tuple(
        sorted(
            (str(part.kind), part.tf or "", part.sequence, part.role, part.constraint or "")
            for part in library.parts
        )
    )


def only_one_library(source: PlanPool, spec: LibrarySection) -> bool:
    """Whether every library of a plan holds the same sites: all there are."""
    counts = [len(parts) for parts in source.sites.values()]
    capped = spec.max_per_tf is not None and max(counts, default=0) > spec.max_per_tf
    return sum(counts) <= spec.size and not capped


@dataclass(slots=True)
class Repeats:
    """Holds requests back while the same library is being solved for the first time.

    Once that one has a packing the others may go to the solvers; once it is proven to have none, so are they.
    """

    _first: dict[Key, SolveRequest] = field(default_factory=dict)
    _libraries: dict[Key, int] = field(default_factory=dict)
    _hopeful: set[Key] = field(default_factory=set)
    _infeasible: set[Key] = field(default_factory=set)
    _held: defaultdict[Key, list[SolveRequest]] = field(default_factory=lambda: defaultdict(list))

    def admit(self, key: Key, library: int, request: SolveRequest) -> bool:
        """Whether a request is to be solved now; if not, it is held, or proven to be in vain."""
        if key not in self._first:
            self._first[key], self._libraries[key] = request, library
            return True
        if key in self._hopeful:
            return True
        if key not in self._infeasible:
            self._held[key].append(request)
        return False

    def settle(self, key: Key, message: Solution | JobEnd) -> tuple[SolveRequest, ...]:
        """Take note of what came of a library; returns the requests whose fate that decides.

        They are to be solved now, or are in vain where the library ``is_infeasible``.
        """
        if key in self._hopeful or key in self._infeasible:
            return ()
        proven = isinstance(message, JobEnd) and message.reason is EndReason.INFEASIBLE
        (self._infeasible if proven else self._hopeful).add(key)
        return tuple(self._held.pop(key, ()))

    def is_infeasible(self, key: Key) -> bool:
        """Whether a library with these parts is proven to have no packing."""
        return key in self._infeasible

    def in_vain(self, key: Key, job: int) -> JobEnd:
        """The answer to a request for a library that is proven to have no packing."""
        detail = f"the same sites as in library {self._libraries[key]}, which was proven to have no packing"
        return JobEnd(job, EndReason.INFEASIBLE, 0, 0.0, detail)

    @property
    def first_infeasible(self) -> SolveRequest | None:
        """The first request that was proven to have no packing."""
        return next((self._first[key] for key in self._first if key in self._infeasible), None)
