"""Choose the sites that one solve is offered: library i of a plan is a pure function of (seed, plan, i)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dnadesign.densegen.contract.config import LibrarySection, Plan
from dnadesign.densegen.contract.motifs import Motif
from dnadesign.densegen.contract.parts import Library, Part, PartKind, Pool
from dnadesign.densegen.contract.randomness import Stream
from dnadesign.densegen.contract.sequences import strand_neutral


@dataclass(frozen=True, slots=True)
class PlanPool:
    """What a plan draws from: its sites by label, and the fixed elements that every library begins with.

    ``motifs`` are the matrices of those labels that have one.
    """

    plan: Plan
    sites: dict[str, tuple[Part, ...]]
    fixed: tuple[Part, ...]
    motifs: tuple[Motif, ...] = ()


def plan_pool(plan: Plan, pools: dict[str, Pool]) -> PlanPool:
    """The sites of a plan's inputs (only its ``tfs``, where given), and its promoters' elements."""
    merged: dict[tuple[str | None, str], Part] = {}
    for name in plan.inputs:
        for part in pools[name].parts:
            if plan.tfs is None or part.tf in plan.tfs:
                merged.setdefault((part.tf, part.sequence), part)
    sites = Pool(tuple(merged.values())).by_tf()
    motifs = {motif.tf: motif for name in plan.inputs for motif in pools[name].motifs if motif.tf in sites}
    return PlanPool(plan=plan, sites=sites, fixed=fixed_parts(plan), motifs=tuple(motifs.values()))


def fixed_parts(plan: Plan) -> tuple[Part, ...]:
    """Upstream and downstream element of each promoter, in this order."""
    return tuple(
        Part(tf=None, sequence=sequence, kind=PartKind.FIXED, role=role, constraint=promoter.name)
        for promoter in plan.promoters
        for role, sequence in (("upstream", promoter.upstream), ("downstream", promoter.downstream))
    )


def sample_library(
    source: PlanPool, spec: LibrarySection, *, seed: int, index: int, double_strand: bool
) -> Library:
    """Library number ``index``: what the plan requires first, then by the library's strategy up to its size."""
    stream = Stream(seed, "library", source.plan.name, index)
    picker = _Picker(
        source, spec, double_strand=double_strand, dealt=_dealer(source, spec, seed, index, stream)
    )
    for tf, count in _required(source.plan, source.sites, stream).items():
        for _ in range(count):
            picker.take_from(tf)
    if spec.strategy == "uniform":
        every = [part for parts in source.sites.values() for part in parts]
        for part in stream.shuffled(every):
            picker.take(part)
    else:
        turns = stream.shuffled(list(source.sites))
        while turns and not picker.full:
            least = min(turns, key=picker.count)
            if not picker.take_from(least):
                turns.remove(least)
    return Library(plan=source.plan.name, index=index, fixed=source.fixed, sites=tuple(picker.taken))


def _required(plan: Plan, sites: dict[str, tuple[Part, ...]], stream: Stream) -> dict[str, int]:
    """How many sites of which label the plan cannot do without in this library.

    Where a group leaves a choice, the members are drawn at random, so that all get their turn.
    """
    needed = dict(plan.min_count)
    for group in plan.groups:
        available = [member for member in group.members if member in sites]
        chosen = [member for member in available if member in needed]
        others = stream.shuffled([member for member in available if member not in needed])
        for member in others[: max(0, group.min_required - len(chosen))]:
            needed[member] = 1
    return needed


def _dealer(
    source: PlanPool, spec: LibrarySection, seed: int, index: int, stream: Stream
) -> dict[str, Iterator[Part]]:
    """For each label, its sites in the order in which this library takes them."""
    if spec.strategy == "coverage":
        share = -(-spec.size // max(1, len(source.sites)))
        return {
            tf: _from_decks(parts, first=index * share, name=(seed, "deck", source.plan.name, tf))
            for tf, parts in source.sites.items()
        }
    return {tf: iter(stream.shuffled(parts)) for tf, parts in source.sites.items()}


def _from_decks(parts: tuple[Part, ...], *, first: int, name: tuple[int | str, ...]) -> Iterator[Part]:
    """Sites dealt from shuffled decks laid end to end, from card ``first`` on, each site at most once."""
    seen: set[str] = set()
    for card in range(first, first + 2 * len(parts)):
        deck, place = divmod(card, len(parts))
        if place == 0 or card == first:
            order = Stream(*name, deck).shuffled(parts)
        if order[place].sequence not in seen:
            seen.add(order[place].sequence)
            yield order[place]


class _Picker:
    """Takes sites into a library as long as its rules allow."""

    def __init__(
        self, source: PlanPool, spec: LibrarySection, *, double_strand: bool, dealt: dict[str, Iterator[Part]]
    ) -> None:
        self.taken: list[Part] = []
        self._spec = spec
        self._double = double_strand
        self._dealt = dealt
        self._per_tf = dict.fromkeys(source.sites, 0)
        self._seen = {self._key(part) for part in source.fixed} if spec.unique_sequences else set()
        self._parts: set[tuple[str | None, str]] = set()

    @property
    def full(self) -> bool:
        return len(self.taken) >= self._spec.size

    def count(self, tf: str) -> int:
        """Sites of that label in the library so far."""
        return self._per_tf[tf]

    def take_from(self, tf: str) -> bool:
        """Take the next site of that label that the rules allow; False when there is none."""
        return any(self.take(part) for part in self._dealt[tf])

    def take(self, part: Part) -> bool:
        """Take a site if the rules allow."""
        tf = part.tf or ""
        cap = self._spec.max_per_tf
        if self.full or (cap is not None and self._per_tf[tf] >= cap) or (tf, part.sequence) in self._parts:
            return False
        if self._spec.unique_sequences and self._key(part) in self._seen:
            return False
        self.taken.append(part)
        self._per_tf[tf] += 1
        self._parts.add((tf, part.sequence))
        self._seen.add(self._key(part))
        return True

    def _key(self, part: Part) -> str:
        return strand_neutral(part.sequence) if self._double else part.sequence
