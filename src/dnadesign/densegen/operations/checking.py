"""Hold a config against the sites it names, before any work: what cannot be met, and what looks unwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dnadesign.densegen.contract.config import DesignConfig, Group, Plan, Promoter
from dnadesign.densegen.contract.parts import Part, PartKind, Pool
from dnadesign.densegen.contract.sequences import kmer_spans, strand_neutral
from dnadesign.densegen.contract.wording import counted
from dnadesign.densegen.operations.libraries import PlanPool, plan_pool

type Loc = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the config: where in it, what, and whether it stands in the way of a run."""

    loc: Loc
    message: str
    fatal: bool = True


def check_names(config: DesignConfig) -> list[Finding]:
    """What can be said without reading the inputs: repeated and unknown names, rules that exclude each other."""
    found = [
        *_repeated("inputs", [spec.name for spec in config.inputs]),
        *_repeated("plans", [plan.name for plan in config.plans]),
    ]
    known = {spec.name for spec in config.inputs}
    for number, plan in enumerate(config.plans):
        at: Loc = ("plans", number)
        for place, name in enumerate(plan.inputs):
            if name not in known:
                found.append(
                    Finding((*at, "inputs", place), f"there is no input {name!r}; known: {_list(known)}")
                )
        found.extend(_repeated((*at, "promoters"), [promoter.name for promoter in plan.promoters]))
        if config.solver.strategy == "greedy" and plan.constrained:
            found.append(
                Finding(
                    ("solver", "strategy"),
                    f"greedy cannot keep the rules of plan {plan.name!r} (groups, min_count, promoters, "
                    "side_biases); use iterate or diverse",
                )
            )
        found.extend(_positions(config, plan, at))
    if config.solver.strategy == "greedy" and config.target.mode == "exact":
        found.append(Finding(("target", "mode"), "greedy cannot pack to an exact length; use mode pad"))
    return found


def check_pools(config: DesignConfig, pools: dict[str, Pool]) -> list[Finding]:
    """What shows once the sites are known: members that are not there, requirements that do not fit.

    Plans with an input that has no pool are passed by.
    """
    found = check_members(config, pools)
    for number, plan in _readable(config, pools):
        at: Loc = ("plans", number)
        source = plan_pool(plan, pools)
        found.extend(_counts(config, plan, source, at))
        found.extend(_twins(config, plan, source, at))
        found.extend(_lengths(config, plan, source, at))
        found.extend(_kmers(config, plan, source, at))
        if "score_tracks" in config.output.npz and not source.motifs:
            message = f"score_tracks need matrices; plan {plan.name!r} has no input of kind pwm"
            found.append(Finding(("output", "npz"), message))
    return found


def check_members(config: DesignConfig, pools: dict[str, Pool]) -> list[Finding]:
    """The factors that plans name and that their inputs do not have."""
    found: list[Finding] = []
    for number, plan in _readable(config, pools):
        whole = plan_pool(plan.model_copy(update={"tfs": None}), pools)
        found.extend(_members(plan, whole, plan_pool(plan, pools), ("plans", number)))
    return found


def _readable(config: DesignConfig, pools: dict[str, Pool]) -> list[tuple[int, Plan]]:
    return [
        (number, plan)
        for number, plan in enumerate(config.plans)
        if all(name in pools for name in plan.inputs)
    ]


def _list(names: set[str] | list[str] | tuple[str, ...]) -> str:
    return ", ".join(sorted(names)) or "none"


def _repeated(at: str | Loc, names: list[str]) -> Iterator[Finding]:
    base = (at,) if isinstance(at, str) else at
    for place, name in enumerate(names):
        if name in names[:place]:
            yield Finding((*base, place, "name"), f"the name {name!r} is there twice")


def _positions(config: DesignConfig, plan: Plan, at: Loc) -> Iterator[Finding]:
    """Positions are of the finished design; only without padding on the left are they the packing's too."""
    shifting = config.target.mode == "pad" and config.final.pad.end != "3prime"
    for place, promoter in enumerate(plan.promoters):
        if shifting and promoter.positions != type(promoter.positions)():
            yield Finding(
                (*at, "promoters", place, "positions"),
                "positions need final.pad.end 3prime (or target.mode exact or max): padding on the left shifts them",
            )


def _members(plan: Plan, whole: PlanPool, source: PlanPool, at: Loc) -> Iterator[Finding]:
    available = list(source.sites)
    named: list[tuple[Loc, str]] = [(("tfs", i), tf) for i, tf in enumerate(plan.tfs or ())]
    for place, group in enumerate(plan.groups):
        named.extend((("groups", place, "members", i), member) for i, member in enumerate(group.members))
    named.extend((("min_count", tf), tf) for tf in plan.min_count)
    for side in ("left", "right"):
        members = getattr(plan.side_biases, side)
        named.extend((("side_biases", side, i), member) for i, member in enumerate(members))
    for loc, name in named:
        if name in available:
            continue
        why = (
            "has no sites in the plan's inputs" if name not in whole.sites else "is not among the plan's tfs"
        )
        yield Finding((*at, *loc), f"{name!r} {why}; there are: {_list(available)}")


def _counts(config: DesignConfig, plan: Plan, source: PlanPool, at: Loc) -> Iterator[Finding]:
    spec = config.library
    for tf, least in plan.min_count.items():
        have = len(source.sites.get(tf, ()))
        most = have if spec.max_per_tf is None else min(have, spec.max_per_tf)
        if have and least > most:
            cap = "" if most == have else f" and library.max_per_tf allows {most}"
            yield Finding(
                (*at, "min_count", tf), f"{counted(least, 'site')} of {tf} required, the pool has {have}{cap}"
            )
    needed = sum(plan.min_count.values()) + sum(_extra_members(group, plan) for group in plan.groups)
    if needed > spec.size:
        yield Finding(
            (*at, "name"),
            f"plan {plan.name!r} requires {counted(needed, 'site')}, but a library has {spec.size} (library.size)",
        )
    sites = sum(len(parts) for parts in source.sites.values())
    if sites <= spec.size:
        yield Finding(
            (*at, "name"),
            f"plan {plan.name!r} has {counted(sites, 'site')} and libraries take {spec.size}: every library offers the same; "
            "give it more sites, a smaller library.size, or more library.solutions_per_library",
            fatal=False,
        )


def _twins(config: DesignConfig, plan: Plan, source: PlanPool, at: Loc) -> Iterator[Finding]:
    """Sites that no library offers together, where too few others are left to fill it."""
    if not config.library.unique_sequences:
        return
    first: dict[str, Part] = {}
    pairs: list[tuple[Part, Part]] = []
    for part in (*source.fixed, *(part for parts in source.sites.values() for part in parts)):
        sequence = part.sequence
        key = strand_neutral(sequence) if config.target.strands == "double" else sequence
        if key in first:
            pairs.append((first[key], part))
        first.setdefault(key, part)
    left = len({key for key, part in first.items() if part.kind is not PartKind.FIXED})
    if not pairs or left >= config.library.size:
        return
    one, other = pairs[0]
    how = (
        "are the same sequence" if one.sequence == other.sequence else "are reverse complements of each other"
    )
    more = f", and so in {len(pairs) - 1} more" if len(pairs) > 1 else ""
    yield Finding(
        (*at, "name"),
        f"libraries of plan {plan.name!r} hold {left} and not {config.library.size} sites (library.size): "
        f"{_titled(one)} and {_titled(other)} {how}{more}, and library.unique_sequences offers only one of them",
        fatal=False,
    )


def _titled(part: Part) -> str:
    return f"{part.tf or part.constraint} {part.sequence}"


def _extra_members(group: Group, plan: Plan) -> int:
    return max(0, group.min_required - sum(member in plan.min_count for member in group.members))


def _lengths(config: DesignConfig, plan: Plan, source: PlanPool, at: Loc) -> Iterator[Finding]:
    length = config.target.length
    every = [part for parts in source.sites.values() for part in parts]
    long = [part for part in every if len(part.sequence) > length]
    if long:
        yield Finding(
            ("target", "length"),
            f"{counted(len(long), 'site')} of plan {plan.name!r} longer than a design of {length} bases, the first is "
            f"{long[0].tf} {long[0].sequence} ({len(long[0].sequence)})",
        )
    for place, promoter in enumerate(plan.promoters):
        span = _span(promoter)
        if span > length:
            yield Finding(
                (*at, "promoters", place),
                f"promoter {promoter.name} takes at least {counted(span, 'base')}, a design has {length}",
            )
    bases = required_bases(plan, source)
    if bases > length:
        yield Finding(
            (*at, "name"),
            f"plan {plan.name!r} requires at least {counted(bases, 'base')} of sites and promoters in designs of {length}; it "
            "works only where they overlap",
            fatal=False,
        )


def _span(promoter: Promoter) -> int:
    """The fewest bases from the first of the upstream to the last of the downstream element."""
    return len(promoter.upstream) + (promoter.spacer[0] or 0) + len(promoter.downstream)


def required_bases(plan: Plan, source: PlanPool) -> int:
    """Bases of the shortest required sites and of all fixed elements, laid end to end."""
    shortest = {tf: sorted(len(part.sequence) for part in parts) for tf, parts in source.sites.items()}
    total = sum(len(part.sequence) for part in source.fixed)
    total += sum(sum(shortest.get(tf, [])[:least]) for tf, least in plan.min_count.items())
    for group in plan.groups:
        members = [shortest[tf][0] for tf in group.members if tf in shortest and tf not in plan.min_count]
        total += sum(sorted(members)[: _extra_members(group, plan)])
    return total


def _kmers(config: DesignConfig, plan: Plan, source: PlanPool, at: Loc) -> Iterator[Finding]:
    for place, kmer in enumerate(config.final.forbid_kmers):

        def holds(part: Part, kmer: str = kmer) -> bool:
            return bool(kmer_spans(part.sequence, kmer))

        for number, promoter in enumerate(plan.promoters):
            elements = (promoter.upstream, promoter.downstream)
            if any(kmer_spans(element, kmer) for element in elements):
                yield Finding(
                    (*at, "promoters", number),
                    f"promoter {promoter.name} holds {kmer}, which final.forbid_kmers forbids",
                )
        for tf, parts in source.sites.items():
            if all(holds(part) for part in parts):
                fatal = tf in plan.min_count
                yield Finding(
                    ("final", "forbid_kmers", place),
                    f"every site of {tf} in plan {plan.name!r} holds {kmer}",
                    fatal=fatal,
                )
