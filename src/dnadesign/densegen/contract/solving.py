"""What crosses the pipe between a run and its solver processes: one JSON object a line, each way."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class EndReason(StrEnum):
    """Why a solver stopped working on a library."""

    DONE = "done"  # as many solutions as were asked for
    EXHAUSTED = "exhausted"  # proved that there are no more
    INFEASIBLE = "infeasible"  # proved that there is none at all
    TIMEOUT = "timeout"  # the time limit passed; what the solver had by then is lost
    BACKEND_ERROR = "backend_error"
    INVALID_RESULT = "invalid_result"
    CRASHED = "crashed"  # the solver process died
    REJECTED = "rejected"  # the request itself does not make a model


@dataclass(frozen=True, slots=True)
class PromoterRule:
    """Two parts, by number, that must stand on the forward strand at a spacing; positions are of the core."""

    upstream: int
    downstream: int
    spacer: tuple[int | None, int | None] = (None, None)
    upstream_position: tuple[int | None, int | None] = (None, None)
    downstream_position: tuple[int | None, int | None] = (None, None)


@dataclass(frozen=True, slots=True)
class CountRule:
    """At least ``minimum`` of these parts, by number."""

    indices: tuple[int, ...]
    minimum: int


@dataclass(frozen=True, slots=True)
class CoverageRule:
    """Parts, by number, from at least ``minimum`` of these groups."""

    groups: tuple[tuple[int, ...], ...]
    minimum: int


@dataclass(frozen=True, slots=True)
class SolveRequest:
    """One library to pack; ``max_solutions`` packings are asked for, best first.

    ``order`` is the order in which the solver is to see the parts; without it, the one they have. Numbers of parts,
    in rules and in answers, are always of ``sequences``. Packings with ``neutral`` parts count as no better for them.
    """

    job: int
    sequences: tuple[str, ...]
    length: int
    order: tuple[int, ...] = ()
    exact: bool = False
    double_strand: bool = True
    backend: str = "CP_SAT"
    strategy: str = "iterate"
    time_limit_s: float = 30.0
    reproducible: bool = False
    seed: int = 0
    max_solutions: int = 1
    promoters: tuple[PromoterRule, ...] = ()
    counts: tuple[CountRule, ...] = ()
    coverage: tuple[CoverageRule, ...] = ()
    left: tuple[int, ...] = ()
    right: tuple[int, ...] = ()
    neutral: tuple[int, ...] = ()

    def to_json(self) -> str:
        """The request on one line."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str | bytes) -> SolveRequest:
        """Read what ``to_json`` wrote."""
        raw: dict[str, Any] = json.loads(line)
        raw["sequences"] = tuple(raw["sequences"])
        raw["promoters"] = tuple(
            PromoterRule(
                upstream=rule["upstream"],
                downstream=rule["downstream"],
                spacer=tuple(rule["spacer"]),
                upstream_position=tuple(rule["upstream_position"]),
                downstream_position=tuple(rule["downstream_position"]),
            )
            for rule in raw["promoters"]
        )
        raw["counts"] = tuple(CountRule(tuple(rule["indices"]), rule["minimum"]) for rule in raw["counts"])
        raw["coverage"] = tuple(
            CoverageRule(tuple(tuple(group) for group in rule["groups"]), rule["minimum"])
            for rule in raw["coverage"]
        )
        for name in ("order", "left", "right", "neutral"):
            raw[name] = tuple(raw[name])
        return cls(**raw)

    @property
    def seen(self) -> tuple[int, ...]:
        """The numbers of the parts in the order in which the solver sees them."""
        return self.order or tuple(range(len(self.sequences)))

    @property
    def place(self) -> dict[int, int]:
        """Where in that order each part stands."""
        return {part: place for place, part in enumerate(self.seen)}


@dataclass(frozen=True, slots=True)
class Placed:
    """Part number ``part`` starts at ``offset`` (0-based, in the core) on the forward or reverse strand."""

    part: int
    offset: int
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Solution:
    """One packing: the core sequence and where each part stands in it."""

    job: int
    number: int
    core: str
    placed: tuple[Placed, ...]
    seconds: float
    status: str = "optimal"


@dataclass(frozen=True, slots=True)
class JobEnd:
    """A solver has finished with a library; ``solutions`` came before this."""

    job: int
    reason: EndReason
    solutions: int
    seconds: float = 0.0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Hello:
    """What a solver process says first: whether its backend runs here, and which version it is."""

    backend: str
    available: bool
    version: str = ""
    detail: str = ""


type SolverMessage = Solution | JobEnd | Hello

_KINDS: dict[str, type[Solution] | type[JobEnd] | type[Hello]] = {
    "solution": Solution,
    "end": JobEnd,
    "hello": Hello,
}


def message_to_json(message: SolverMessage) -> str:
    """A message of a solver process on one line."""
    kind = next(name for name, cls in _KINDS.items() if isinstance(message, cls))
    return json.dumps({"kind": kind, **asdict(message)}, separators=(",", ":"))


def message_from_json(line: str | bytes) -> SolverMessage:
    """Read what ``message_to_json`` wrote.

    Raises:
        ValueError: The line is not such a message.
    """
    raw: dict[str, Any] = json.loads(line)
    kind = raw.pop("kind")
    if kind == "solution":
        raw["placed"] = tuple(Placed(**placed) for placed in raw["placed"])
        return Solution(**raw)
    if kind == "end":
        raw["reason"] = EndReason(raw["reason"])
        return JobEnd(**raw)
    if kind == "hello":
        return Hello(**raw)
    raise ValueError(f"not a message of a solver process: kind {kind!r}")
