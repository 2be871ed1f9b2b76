"""Draw binding sites from position weight matrices."""

from __future__ import annotations

from dnadesign.densegen.contract.config import PwmInput
from dnadesign.densegen.contract.errors import InputError
from dnadesign.densegen.contract.motifs import BASES, Motif
from dnadesign.densegen.contract.parts import Part
from dnadesign.densegen.contract.randomness import Stream
from dnadesign.densegen.contract.wording import counted

_TRIES_EACH = 200


def draw_sites(spec: PwmInput, motifs: tuple[Motif, ...], *, seed: int) -> tuple[Part, ...]:
    """As many different sites of each matrix as asked for, the consensus first, all within the wanted score.

    Raises:
        InputError: A matrix does not give as many in a bounded number of tries.
    """
    return tuple(part for motif in motifs for part in _of_one(spec, motif, seed=seed))


def _of_one(spec: PwmInput, motif: Motif, *, seed: int) -> list[Part]:
    stream = Stream(seed, "pwm", spec.name, motif.motif_id)
    best = motif.score(motif.consensus)
    least = spec.min_score_fraction * best
    drawn = {motif.consensus: best}
    for _ in range(spec.count * _TRIES_EACH):
        if len(drawn) >= spec.count:
            break
        sequence = "".join(BASES[stream.weighted(row)] for row in motif.rows)
        score = motif.score(sequence)
        if score >= least:
            drawn.setdefault(sequence, score)
    if len(drawn) < spec.count:
        raise InputError(
            f"input {spec.name!r}: only {len(drawn)} of {counted(spec.count, 'site')} with at least "
            f"{spec.min_score_fraction:g} of the best score could be drawn from matrix {motif.motif_id}",
            mend="ask for fewer, or lower min_score_fraction",
        )
    return [
        Part(
            tf=motif.tf,
            sequence=sequence,
            motif_id=motif.motif_id,
            source=f"{spec.format}:{motif.motif_id}",
            score=score,
            input=spec.name,
        )
        for sequence, score in drawn.items()
    ]
