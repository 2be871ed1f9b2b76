"""Time contestants side by side: alternating in one process, each repetition prepared and cleaned up off the clock."""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Unit = Literal["s", "B", "x"]


@dataclass(frozen=True, slots=True)
class Contestant:
    """Something to be timed again and again.

    Attributes:
        name: Who it is, in the table.
        run: One repetition, timed.
        before: What has to be there first, not timed.
        after: What is done with the result of ``run``, not timed.
        every: Takes part in every so many rounds only.
    """

    name: str
    run: Callable[[], Any]
    before: Callable[[], object] | None = None
    after: Callable[[Any], object] | None = None
    every: int = 1


@dataclass(frozen=True, slots=True)
class Rounds:
    """How often: ``most`` rounds, but after ``fewest`` no further one once ``seconds`` are used up.

    That is the rule for the long ones: a workload whose round takes seconds is repeated as often as fits into its
    time, and never fewer than ``fewest`` times. The table says how many there were.
    """

    most: int = 21
    fewest: int = 5
    seconds: float = 180.0


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured of one contestant: samples in seconds or bytes, in the order they were taken."""

    name: str
    samples: tuple[float, ...]
    unit: Unit = "s"

    @property
    def median(self) -> float:
        """The middle sample."""
        return statistics.median(self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        """The first and third quartile."""
        if len(self.samples) < 2:
            return self.samples[0], self.samples[0]
        low, _, high = statistics.quantiles(self.samples, n=4, method="inclusive")
        return low, high

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Figure:
        """What :meth:`to_dict` has made, read back."""
        return cls(found["name"], tuple(found["samples"]), found["unit"])

    def to_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        low, high = self.spread
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "quartiles": [low, high],
            "repetitions": len(self.samples),
            "samples": list(self.samples),
        }


@dataclass(frozen=True, slots=True)
class Against:
    """One contestant that ours is held against, and the ratio that is wanted at most (None: none was asked for)."""

    figure: Figure
    target: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table.

    Attributes:
        workload: What is done, with its size.
        ours: How usr did.
        reference: The floor, or what is done by hand.
        peers: The others.
        note: What a reader has to know to judge the line.
    """

    workload: str
    ours: Figure
    reference: Against
    peers: tuple[Against, ...] = field(default=())
    note: str = ""

    def ratio(self, against: Against) -> float:
        """Ours in multiples of theirs, medians."""
        return self.ours.median / against.figure.median

    @property
    def targets(self) -> list[tuple[Against, bool]]:
        """Everyone with a target, and whether it is met."""
        return [(a, self.ratio(a) <= a.target) for a in (self.reference, *self.peers) if a.target is not None]

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Line:
        """What :meth:`to_dict` has made, read back; ratios and verdicts are computed anew."""
        others = [(a["role"], Against(Figure.from_dict(a), a["target"])) for a in found["against"]]
        reference = next(a for role, a in others if role == "reference")
        peers = tuple(a for role, a in others if role == "peer")
        return cls(found["workload"], Figure.from_dict(found["ours"]), reference, peers, found["note"])

    def to_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        return {
            "workload": self.workload,
            "ours": self.ours.to_dict(),
            "against": [
                a.figure.to_dict()
                | {
                    "role": "reference" if a is self.reference else "peer",
                    "ratio": self.ratio(a),
                    "target": a.target,
                    "met": None if a.target is None else self.ratio(a) <= a.target,
                }
                for a in (self.reference, *self.peers)
            ],
            "note": self.note,
        }


def alternate(
    contestants: Sequence[Contestant], rounds: Rounds, *, warm_up: int = 1, flush: bool = True
) -> dict[str, Figure]:
    """Time all contestants, one after the other in each round; another one begins each round.

    Args:
        contestants: Who takes part.
        rounds: How often.
        warm_up: Rounds that do not count.
        flush: Whether all dirty pages are written out before each repetition, so that nobody's sync has to wait for
            what somebody else left unsynced.

    Returns:
        The figures by name.
    """
    samples: dict[str, list[float]] = {c.name: [] for c in contestants}
    began = time.perf_counter()
    for number in range(-warm_up, rounds.most):
        if number >= rounds.fewest and time.perf_counter() - began > rounds.seconds:
            break
        first = number % len(contestants)
        for contestant in (*contestants[first:], *contestants[:first]):
            if number < 0 or number % contestant.every == 0:
                seconds = _once(contestant, flush=flush)
                if number >= 0:
                    samples[contestant.name].append(seconds)
    return {name: Figure(name, tuple(taken)) for name, taken in samples.items()}


def _once(contestant: Contestant, *, flush: bool) -> float:
    if contestant.before is not None:
        contestant.before()
    gc.collect()
    gc.freeze()  # nobody's collector walks what others have in memory, such as the modules of all peers
    if flush:
        os.sync()
    start = time.perf_counter()
    result = contestant.run()
    seconds = time.perf_counter() - start
    gc.unfreeze()
    if contestant.after is not None:
        contestant.after(result)
    return seconds
