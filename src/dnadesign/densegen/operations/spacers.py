"""Neutral bases for the spacer of a promoter, where the sites of a library cannot fill it.

A packing has no free bases: each part begins where the one before it ends, or overlaps it as far as it can. So what
stands between the two elements of a promoter must be as long as its spacer, to the base. A library whose sites do not
add up to that could give no design, however long; it is offered a stretch of neutral bases that fits.
"""

from __future__ import annotations

from dataclasses import replace

from dnadesign.densegen.contract.config import DesignConfig, Promoter
from dnadesign.densegen.contract.parts import Library, Part, PartKind, parts_sha256
from dnadesign.densegen.contract.randomness import Stream
from dnadesign.densegen.contract.sequences import gc_fraction, kmer_spans, reverse_complement, starts
from dnadesign.densegen.operations.checking import required_bases
from dnadesign.densegen.operations.libraries import PlanPool, sample_library

SPACER = "spacer"
_MOST_STEPS = 20_000
_TRIES = 1000


def offered_library(source: PlanPool, config: DesignConfig, *, index: int) -> Library:
    """Library number ``index`` of a plan as a solver gets it: its sites, and the neutral spacers they need."""
    library = sample_library(
        source,
        config.library,
        seed=config.run.seed,
        index=index,
        double_strand=config.target.strands == "double",
    )
    room = config.target.length - required_bases(source.plan, source)
    stretches = [
        Part(tf=None, sequence=stretch, kind=PartKind.FIXED, role=SPACER, constraint=promoter.name)
        for promoter in source.plan.promoters
        if not fillable(promoter, library, double_strand=config.target.strands == "double")
        and (stretch := _stretch(promoter, library, config, room=room)) is not None
    ]
    return replace(library, fixed=library.fixed + tuple(stretches))


def fillable(promoter: Promoter, library: Library, *, double_strand: bool) -> bool:
    """Whether parts of a library can stand between a promoter's elements so that its spacer comes out right.

    A search that takes too long ends with yes: then the solver has the last word.
    """
    low, high = promoter.spacer
    chain = _Chain(
        (promoter.upstream, promoter.downstream),
        [part.sequence for part in library.parts if part.constraint != promoter.name],
        spacer=(-len(promoter.upstream) if low is None else low, high),
        double_strand=double_strand,
    )
    return chain.closes(promoter.upstream, 0, frozenset())


class _Chain:
    """A search for parts in a row that lead from one element of a promoter to the other."""

    def __init__(
        self,
        elements: tuple[str, str],
        parts: list[str],
        *,
        spacer: tuple[int, int | None],
        double_strand: bool,
    ) -> None:
        self._up, self._down = elements
        self._links = [
            (number, text)
            for number, part in enumerate(parts)
            for text in ({part, reverse_complement(part)} if double_strand else {part})
        ]
        low, high = spacer
        self._low = low + len(self._up)
        self._high = sum(map(len, parts)) + len(self._up) if high is None else high + len(self._up)
        self._steps = 0

    def closes(self, last: str, at: int, used: frozenset[int]) -> bool:
        """Whether the chain, whose last part starts at ``at``, can be brought to its end."""
        self._steps += 1
        if self._steps > _MOST_STEPS or self._low <= at + shift(last, self._down) <= self._high:
            return True
        for number, text in self._links:
            start = at + shift(last, text)
            if number not in used and start <= self._high and self.closes(text, start, used | {number}):
                return True
        return False


def shift(first: str, second: str) -> int:
    """How far behind the start of one part the next one starts: it overlaps as far as it can, and never ends sooner."""
    return next(
        at for at in range(max(0, len(first) - len(second)), len(first) + 1) if second.startswith(first[at:])
    )


def _stretch(promoter: Promoter, library: Library, config: DesignConfig, *, room: int) -> str | None:
    """Bases that fill a spacer and bring in no part of the library and no forbidden sequence; None if none is found.

    The same sites get the same stretch, so that equal libraries stay equal.
    """
    low, high = promoter.spacer
    shortest = max(1, low or 0)
    longest = max(shortest, min(shortest if high is None else high, room))
    sites = parts_sha256(tuple(sorted(library.sites, key=lambda part: (part.tf or "", part.sequence))))
    stream = Stream(config.run.seed, SPACER, library.plan, promoter.name, sites)
    least, most = config.final.pad.gc
    up, down = promoter.upstream, promoter.downstream
    for _ in range(_TRIES):
        length = shortest + stream.below(longest - shortest + 1)
        stretch = stream.dna(length, gc=(least + most) / 2)
        whole = up + stretch + down
        joined = shift(up, stretch) == len(up) and shift(stretch, down) == length
        if (
            joined
            and least <= gc_fraction(stretch) <= most
            and not _holds_more(whole, promoter, library, config)
        ):
            return stretch
    return None


def _holds_more(whole: str, promoter: Promoter, library: Library, config: DesignConfig) -> bool:
    """Whether a filled promoter holds a part besides its own elements, or a forbidden sequence."""
    own = {(promoter.upstream, 0), (promoter.downstream, len(whole) - len(promoter.downstream))}
    known = {text for part in library.parts for text in (part.sequence, reverse_complement(part.sequence))}
    if any((text, at) not in own for text in known for at in starts(whole, text)):
        return True
    return any(kmer_spans(whole, kmer) for kmer in config.final.forbid_kmers)
