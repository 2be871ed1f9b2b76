"""Read a config and its inputs, and say all that is wrong with them at once, in the order of the file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from dnadesign.densegen.adapters.inputs.config_file import (
    Fault,
    FaultyConfigError,
    LoadedConfig,
    load_config,
)
from dnadesign.densegen.adapters.inputs.motif_file import read_motifs
from dnadesign.densegen.adapters.inputs.site_table import read_sites
from dnadesign.densegen.contract.config import BackgroundInput, DesignConfig, PwmInput, SitesInput
from dnadesign.densegen.contract.errors import DensegenError, InputError
from dnadesign.densegen.contract.parts import Pool
from dnadesign.densegen.operations.background import draw_background
from dnadesign.densegen.operations.checking import Finding, check_members, check_names, check_pools
from dnadesign.densegen.operations.pwm_sites import draw_sites


class _Read(NamedTuple):
    """What became of the inputs: pools and hashes of those that fit, and what is wrong with the others."""

    pools: dict[str, Pool]
    hashes: dict[str, str]
    problems: list[tuple[Fault, DensegenError]]


def load(path: Path) -> LoadedConfig:
    """Read a config; one that does not fit is checked against its inputs too, as far as the rest of it can be.

    Raises:
        ConfigError: The config does not fit; every fault is listed, also those of inputs and names.
    """
    try:
        return load_config(path)
    except FaultyConfigError as error:
        rest, lost = error.rest, error.lost
        if rest is None:
            raise
        read = _read_inputs(rest)
        complete = not any(place[:1] == ("inputs",) for place in lost)
        found = [one for one in check_names(rest.config) if _is_sure(one, lost)]
        narrowed = {
            place[1] for place in lost if place[:1] == ("plans",) and place[2:3] in {("tfs",), ("inputs",)}
        }
        found += [
            one
            for one in check_members(rest.config, read.pools)
            if complete and rest.original(one.loc)[1] not in narrowed
        ]
        faults = [*error.faults, *_faults(rest, found), *(fault for fault, _ in read.problems)]
        raise FaultyConfigError(path, faults) from None


def _is_sure(finding: Finding, lost: frozenset[tuple[int | str, ...]]) -> bool:
    """Whether something about the names and rules of a config holds whatever stands where a value was taken out."""
    if finding.loc[2:3] == ("inputs",):  # an input that was taken out may have any name
        return not any(place[:1] == ("inputs",) for place in lost)
    if finding.loc[-1:] == ("positions",):  # another target has another mode
        return not any(place[:1] == ("target",) for place in lost)
    return True


def gather(loaded: LoadedConfig) -> tuple[dict[str, Pool], dict[str, str], tuple[str, ...]]:
    """The pool of each input, the hash of each input file, and what looks unwise.

    Raises:
        ConfigError: The config does not fit, alone or with its inputs; every fault is listed.
        InputError: Nothing but an input does not fit.
    """
    config = loaded.config
    read = _read_inputs(loaded)
    findings = [*check_names(config), *check_pools(config, read.pools)]
    faults = _faults(loaded, [one for one in findings if one.fatal])
    if not faults and len(read.problems) == 1:
        raise read.problems[0][1]
    if faults or read.problems:
        raise FaultyConfigError(loaded.path, [*faults, *(fault for fault, _ in read.problems)])
    warnings = tuple(f"{loaded.where(*one.loc)}: {one.message}" for one in findings if not one.fatal)
    return read.pools, read.hashes, warnings


def _faults(loaded: LoadedConfig, findings: Iterable[Finding]) -> list[Fault]:
    return [loaded.fault(one.loc, one.message) for one in findings]


def _read_inputs(loaded: LoadedConfig) -> _Read:
    """Read what can be read; background last, for it avoids the others."""
    config = loaded.config
    read = _Read({}, {}, [])
    for number, spec in enumerate(config.inputs):
        if isinstance(spec, BackgroundInput):
            continue
        path, at = loaded.folder / spec.path, ("inputs", number, "path")
        try:
            if not path.exists():
                raise InputError(
                    f"{loaded.where(*at)}: there is no file {path}",
                    mend="name a file that is there; its path is taken from the config's folder",
                )
            read.pools[spec.name] = _read_file(spec, path, seed=config.run.seed)
            read.hashes[spec.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        except DensegenError as error:
            read.problems.append((Fault(*loaded.position(at), error.message), error))
    _draw_backgrounds(config, read.pools)
    ordered = {spec.name: read.pools[spec.name] for spec in config.inputs if spec.name in read.pools}
    return read._replace(pools=ordered)


def _draw_backgrounds(config: DesignConfig, pools: dict[str, Pool]) -> None:
    avoid = frozenset(part.sequence for pool in pools.values() for part in pool.parts)
    fixed = frozenset(
        element
        for plan in config.plans
        for one in plan.promoters
        for element in (one.upstream, one.downstream)
    )
    for spec in config.inputs:
        if isinstance(spec, BackgroundInput):
            pools[spec.name] = Pool(draw_background(spec, seed=config.run.seed, avoid=avoid | fixed))


def _read_file(spec: SitesInput | PwmInput, path: Path, *, seed: int) -> Pool:
    if isinstance(spec, SitesInput):
        return Pool(read_sites(spec, path))
    motifs = read_motifs(spec, path)
    return Pool(draw_sites(spec, motifs, seed=seed), motifs)
