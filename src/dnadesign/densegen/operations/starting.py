"""Whether a run may start the way it was asked to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from dnadesign.densegen.contract.batches import Shard
from dnadesign.densegen.contract.errors import RefusedError
from dnadesign.densegen.contract.ports import StoredDesign
from dnadesign.densegen.contract.wording import counted

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
    command: str,
    another: Callable[[], str],
) -> None:
    """Refuse a start that would mix two runs or do work twice.

    Args:
        stored: The run's designs in the dataset, deleted ones too.
        start: How it is to start.
        shard: Which part of it.
        run_id: Its name.
        dataset: Where its designs are.
        command: ``dense run -c ...`` as the user would type it, for what to do instead.
        another: Gives the command that starts another run, under a name that is free.

    Raises:
        RefusedError: The run has designs and ``start`` is not resume.
    """
    if start is Start.FRESH and stored:
        raise RefusedError(
            f"run {run_id!r} has {counted(len(stored), 'design')} in {dataset}; a fresh start under the same id "
            "would mix with them",
            mend=f"{another()}   (or go on: {command} --resume)",
        )
    mine = [design for design in stored if shard.owns(design.library_index)]
    if start is Start.NEW and mine:
        raise RefusedError(
            f"run {run_id!r} has {counted(len(mine), 'design')} in {dataset} already",
            mend=f"{command} --resume   (or another run: {another()})",
        )


def check_config(
    stored: Sequence[StoredDesign],
    *,
    run_id: str,
    dataset: str,
    config_sha256: str,
    another: Callable[[], str],
) -> None:
    """Refuse to go on with designs that another config made.

    Raises:
        RefusedError: They came of another config or of other input files.
    """
    if any(design.config_sha256 != config_sha256 for design in stored):
        raise RefusedError(
            f"run {run_id!r} has designs in {dataset} that came of another config or other input files",
            mend=f"{another()}   (or restore that run's config, see its manifest)",
        )


def check_manifest(
    in_force: Mapping[str, Any], *, expected: Mapping[str, Any], path: Path, another: Callable[[], str]
) -> None:
    """Refuse to go on with a run that its manifest describes otherwise.

    Raises:
        RefusedError: The config or the number of shards is another; the keys that differ are named.
    """
    if in_force.get("shards") != expected["shards"]:
        keep = (
            "leave --shard out"
            if in_force.get("shards") == 1
            else f"keep to --shard I/{in_force.get('shards')}"
        )
        raise RefusedError(
            f"{path}: this run is split into {counted(int(in_force.get('shards') or 1), 'shard')}, not {expected['shards']}",
            mend=f"{another()}   (or {keep})",
        )
    if in_force.get("config_sha256") != expected["config_sha256"]:
        keys = list(_differing(in_force.get("identity", {}), expected["identity"]))
        shown = ", ".join(keys[:_SHOWN]) + (f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else "")
        raise RefusedError(
            f"{path}: the run began with another config; changed since: {shown}",
            mend=f"{another()}   (or restore them)",
        )


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
