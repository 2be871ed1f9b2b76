"""Random padding that brings a packing to its target length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dnadesign.densegen.contract.config import PadSection
from dnadesign.densegen.contract.randomness import Stream
from dnadesign.densegen.contract.sequences import gc_fraction


@dataclass(frozen=True, slots=True)
class Padded:
    """A packing with padding left and right of it, and how many paddings were drawn to get there."""

    left: str
    core: str
    right: str
    tries: int

    @property
    def sequence(self) -> str:
        """The whole design."""
        return self.left + self.core + self.right

    @property
    def gc(self) -> float | None:
        """The GC share of the padding alone; None without padding."""
        padding = self.left + self.right
        return gc_fraction(padding) if padding else None


def paddings(core: str, length: int, spec: PadSection, *, name: tuple[int | str, ...]) -> Iterator[Padded]:
    """Paddings in a fixed random order that ``name`` decides, GC within range, at most ``max_tries`` drawn.

    Where no GC share in the range can be had with so few bases (such as 0.3-0.7 of a single base), the range is
    widened to the nearest shares that can.
    """
    missing = length - len(core)
    if missing <= 0:
        yield Padded("", core, "", 0)
        return
    stream = Stream(*name)
    low, high = _reachable(missing, spec.gc)
    for number in range(1, spec.max_tries + 1):
        bases = stream.dna(missing, gc=(low + high) / 2)
        left = {"3prime": 0, "5prime": missing, "both": stream.below(missing + 1)}[spec.end]
        if low <= gc_fraction(bases) <= high:
            yield Padded(bases[:left], core, bases[left:], number)


def _reachable(bases: int, gc: tuple[float, float]) -> tuple[float, float]:
    """The GC range, or where no whole number of bases falls into it, the nearest one below and above."""
    low, high = gc
    if any(low <= count / bases <= high for count in range(bases + 1)):
        return low, high
    below = max(count for count in range(bases + 1) if count / bases <= low)
    return below / bases, (below + 1) / bases
