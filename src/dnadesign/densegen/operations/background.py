"""Draw neutral stretches of DNA that hold none of the known sites."""

from __future__ import annotations

from dnadesign.densegen.contract.config import BackgroundInput
from dnadesign.densegen.contract.errors import InputError
from dnadesign.densegen.contract.parts import Part, PartKind
from dnadesign.densegen.contract.randomness import Stream
from dnadesign.densegen.contract.sequences import gc_fraction, reverse_complement

_TRIES_EACH = 1000


def draw_background(spec: BackgroundInput, *, seed: int, avoid: frozenset[str]) -> tuple[Part, ...]:
    """As many different stretches as asked for, each without a sequence to avoid on either strand.

    Raises:
        InputError: The wanted GC content and length do not give as many in a bounded number of tries.
    """
    stream = Stream(seed, "background", spec.name)
    banned = avoid | {reverse_complement(site) for site in avoid}
    shortest, longest = spec.length
    low, high = spec.gc
    drawn: dict[str, Part] = {}
    for _ in range(spec.count * _TRIES_EACH):
        sequence = stream.dna(shortest + stream.below(longest - shortest + 1), gc=(low + high) / 2)
        if not low <= gc_fraction(sequence) <= high or sequence in drawn:
            continue
        if any(site in sequence for site in banned):
            continue
        drawn[sequence] = Part(tf=spec.name, sequence=sequence, kind=PartKind.BACKGROUND, input=spec.name)
        if len(drawn) == spec.count:
            return tuple(drawn.values())
    raise InputError(
        f"input {spec.name!r}: only {len(drawn)} of {spec.count} background stretches of {shortest}-{longest} bases "
        f"with GC {low}-{high} could be drawn",
        mend="ask for fewer, longer ones, or a wider gc range",
    )
