"""What a run would do, without solving: pools, libraries, requirements, what is left of each quota."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dnadesign.densegen.contract.batches import Shard
from dnadesign.densegen.contract.config import DesignConfig, Plan
from dnadesign.densegen.contract.ports import StoredDesign
from dnadesign.densegen.operations.libraries import PlanPool
from dnadesign.densegen.operations.spacers import offered_library


@dataclass(frozen=True, slots=True)
class PlanPreview:
    """A plan as it would run; ``first_library`` is (label, sequence) of the sites offered first."""

    plan: str
    quota: int
    left: int
    sites: dict[str, int]
    library_size: int
    requirements: tuple[str, ...]
    first_library: tuple[tuple[str, str], ...]


def preview(
    config: DesignConfig, pools: dict[str, PlanPool], stored: Sequence[StoredDesign], *, shard: Shard
) -> tuple[PlanPreview, ...]:
    """What each plan of (a shard of) a run would do from here on."""
    done = Counter(
        design.plan for design in stored if shard.owns(design.library_index) and not design.deleted
    )
    return tuple(_preview(config, plan, pools[plan.name], done[plan.name], shard) for plan in config.plans)


def _preview(config: DesignConfig, plan: Plan, source: PlanPool, done: int, shard: Shard) -> PlanPreview:
    first = offered_library(source, config, index=shard.library(0))
    quota = shard.quota(plan.quota)
    return PlanPreview(
        plan=plan.name,
        quota=quota,
        left=max(0, quota - done),
        sites={tf: len(parts) for tf, parts in source.sites.items()},
        library_size=len(first.sites),
        requirements=requirements(plan),
        first_library=tuple((part.tf or "", part.sequence) for part in first.sites),
    )


def requirements(plan: Plan) -> tuple[str, ...]:
    """What each design of a plan holds, in words."""
    words = [f"at least {count} of {tf}" for tf, count in plan.min_count.items()]
    words += [f"at least {group.min_required} of {', '.join(group.members)}" for group in plan.groups]
    for promoter in plan.promoters:
        low, high = promoter.spacer
        spacer = (
            f"{low}"
            if low == high
            else f"{low if low is not None else 0} to {'any' if high is None else high}"
        )
        words.append(f"{promoter.name}: {promoter.upstream}, {spacer} bases, {promoter.downstream}")
    for side, members in (("left", plan.side_biases.left), ("right", plan.side_biases.right)):
        if members:
            words.append(f"{', '.join(members)} towards the {side}")
    return tuple(words)
