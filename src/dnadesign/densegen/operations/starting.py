"""Whether a run may start the way it was asked to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from dnadesign.densegen.contract.batches import Shard
from dnadesign.densegen.contract.errors import RefusedError
from dnadesign.densegen.contract.ports import StoredDesign

_SHOWN = 8


class Start(StrEnum):
    """How a run is to start: only if it has no data, from nothing, or from where it stands."""

    NEW = "new"
    FRESH = "fresh"
    RESUME = "resume"


def check_start(
    stored: Sequence[StoredDesign],
    *,
    start: Start,
    shard: Shard,
    run_id: str,
    dataset: str,
    config_sha256: str,
) -> None:
    """Refuse a start that would mix two runs or do work twice.

    Raises:
        RefusedError: The run has designs and ``start`` is not resume; or they came of another config.
    """
    if start is Start.FRESH and stored:
        raise RefusedError(
            f"run {run_id!r} has {len(stored)} designs in {dataset}; a fresh start under the same id would mix with "
            "them",
            mend="go on with --resume, or start anew under another name with --fresh --run-id NAME",
        )
    mine = [design for design in stored if shard.owns(design.library_index)]
    if start is Start.NEW and mine:
        raise RefusedError(
            f"run {run_id!r} has {len(mine)} designs in {dataset} already",
            mend="go on with --resume, or start anew under another name with --fresh --run-id NAME",
        )
    if any(design.config_sha256 != config_sha256 for design in stored):
        raise RefusedError(
            f"run {run_id!r} has designs in {dataset} that came of another config or other input files",
            mend="restore the config of that run (see its manifest), or start anew with --fresh --run-id NAME",
        )


def check_manifest(in_force: Mapping[str, Any], *, expected: Mapping[str, Any], path: Path) -> None:
    """Refuse to go on with a run that its manifest describes otherwise.

    Raises:
        RefusedError: The config or the number of shards is another; the keys that differ are named.
    """
    mend = "restore it, or start anew: with --fresh while the run has no designs, else with --fresh --run-id NAME"
    if in_force.get("shards") != expected["shards"]:
        raise RefusedError(
            f"{path}: this run is split into {in_force.get('shards')} shards, not {expected['shards']}",
            mend=mend,
        )
    if in_force.get("config_sha256") != expected["config_sha256"]:
        keys = list(_differing(in_force.get("identity", {}), expected["identity"]))
        shown = ", ".join(keys[:_SHOWN]) + (f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else "")
        raise RefusedError(f"{path}: the run began with another config; changed since: {shown}", mend=mend)


def _differing(left: Any, right: Any, at: str = "") -> list[str]:
    """Dotted names of the values that differ between two JSON trees."""
    if isinstance(left, dict) and isinstance(right, dict):
        keys = sorted(left.keys() | right.keys())
        return [
            name
            for key in keys
            for name in _differing(left.get(key), right.get(key), f"{at}.{key}" if at else key)
        ]
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        pairs = enumerate(zip(left, right, strict=True))
        return [name for number, (one, two) in pairs for name in _differing(one, two, f"{at}.{number}")]
    return [] if left == right else [at or "config"]
