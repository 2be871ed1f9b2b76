"""A design project: a config file with everything it stands for, and the runs that come of it."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dnadesign.densegen.adapters.inputs.config_file import LoadedConfig, config_sha256, identity, load_config
from dnadesign.densegen.adapters.inputs.motif_file import read_motifs
from dnadesign.densegen.adapters.inputs.site_table import read_sites
from dnadesign.densegen.adapters.outputs.attempt_log import ParquetAttemptLog, read_attempts, write_attempts
from dnadesign.densegen.adapters.outputs.run_folder import RunFolder
from dnadesign.densegen.adapters.outputs.usr_writer import UsrStore
from dnadesign.densegen.adapters.solvers.processes import SolverProcesses
from dnadesign.densegen.contract.batches import Shard
from dnadesign.densegen.contract.config import BackgroundInput, DesignConfig, PwmInput, RunSection, SitesInput
from dnadesign.densegen.contract.errors import ConfigError, InputError
from dnadesign.densegen.contract.parts import Pool
from dnadesign.densegen.contract.ports import ProgressDisplay, StoredDesign
from dnadesign.densegen.contract.randomness import Stream
from dnadesign.densegen.operations.background import draw_background
from dnadesign.densegen.operations.campaign import Campaign, PlanOutcome
from dnadesign.densegen.operations.checking import Finding, check_names, check_pools
from dnadesign.densegen.operations.design_arrays import design_arrays
from dnadesign.densegen.operations.health import Health
from dnadesign.densegen.operations.libraries import PlanPool, plan_pool
from dnadesign.densegen.operations.outcome import RunOutcome, log_end, log_failure, log_start
from dnadesign.densegen.operations.previewing import PlanPreview, preview
from dnadesign.densegen.operations.probing import Probe, probe
from dnadesign.densegen.operations.pwm_sites import draw_sites
from dnadesign.densegen.operations.starting import Start, check_config, check_manifest, check_start
from dnadesign.densegen.operations.status import RunStatus, run_status

RUNS = "runs"


@dataclass(frozen=True, slots=True)
class Project:
    """A valid config, its sites, and where its runs leave things."""

    loaded: LoadedConfig
    config: DesignConfig
    pools: dict[str, Pool]
    input_sha256: dict[str, str]
    warnings: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """The hash of all that decides which designs come out."""
        return config_sha256(self.config, self.input_sha256)

    @property
    def root(self) -> Path:
        """The root folder of the datasets."""
        return (self.loaded.folder / self.config.output.root).resolve()

    @property
    def run_folder(self) -> RunFolder:
        """Where the run keeps what is not in the dataset."""
        return RunFolder((self.loaded.folder / RUNS / self.config.run.id).resolve())

    @property
    def run_command(self) -> str:
        """How a user starts this config's run."""
        return shlex.join(["dense", "run", "-c", str(self.loaded.path)])

    def plan_pools(self) -> dict[str, PlanPool]:
        """What each plan draws from."""
        return {plan.name: plan_pool(plan, self.pools) for plan in self.config.plans}

    def store(self) -> UsrStore:
        """The dataset of the run."""
        pools, kinds = self.plan_pools(), self.config.output.npz
        return UsrStore(
            self.root,
            self.config.output.dataset,
            run_id=self.config.run.id,
            config_sha256=self.sha256,
            annotate=self.config.output.existing == "annotate",
            arrays=(lambda design: design_arrays(design, pools, kinds)) if kinds else None,
        )

    def status(self) -> RunStatus:
        """How far the run is."""
        manifest = self.run_folder.manifest()
        return run_status(
            self.config,
            self.store().stored(self.config.run.id),
            read_attempts(self.run_folder.path).select(["plan", "status"]).to_pylist(),
            shards=manifest["shards"] if manifest else None,
            at_work=self.run_folder.at_work(),
            last=self.store().last_news(),
            unreferenced_artifacts=self.store().unreferenced_artifacts(),
        )

    def repeated_run(self) -> str | None:
        """Another run in the dataset with the same seed and config, if this one has no designs yet.

        This run would pack the designs of that one again before it gets to new ones.
        """
        runs = self.store().runs()
        if self.config.run.id in runs:
            return None
        for name, sha256 in runs.items():
            other = self.config.model_copy(update={"run": RunSection(id=name, seed=self.config.run.seed)})
            if config_sha256(other, self.input_sha256) == sha256:
                return name
        return None

    def preview(self, shard: Shard) -> tuple[PlanPreview, ...]:
        """What (a shard of) the run would do from here on."""
        stored = self.store().stored(self.config.run.id)
        return preview(self.config, self.plan_pools(), stored, shard=shard)

    def probe(self) -> Iterator[Probe]:
        """Solve the first libraries of each plan, writing nothing.

        Raises:
            SolverUnavailableError: The backend does not run here.
        """
        with SolverProcesses(backend=self.config.solver.backend, workers=1) as solvers:
            solvers.wait_ready()
            yield from probe(self.config, self.plan_pools(), solvers)


def open_project(path: Path, *, run_id: str | None = None) -> Project:
    """Read a config and its inputs and check them against each other.

    Raises:
        ConfigError: The config does not fit, alone or with its inputs; every fault is listed.
        InputError: An input file does not fit.
    """
    loaded = load_config(path)
    config = loaded.config
    if run_id is not None and run_id != config.run.id:
        config = renamed(config, run_id)
        loaded = replace(loaded, config=config)
    _raise_fatal(loaded, check_names(config))
    pools, input_sha256 = _read_inputs(loaded)
    findings = check_pools(config, pools)
    _raise_fatal(loaded, findings)
    warnings = tuple(f"{loaded.where(*one.loc)}: {one.message}" for one in findings if not one.fatal)
    return Project(loaded, config, pools, input_sha256, warnings)


def renamed(config: DesignConfig, run_id: str) -> DesignConfig:
    """The config as another run: that name, and a seed that follows from the config's seed and the name.

    With the same seed the other run would draw the same libraries and so pack the same designs once more.

    Raises:
        ConfigError: It is no name for a run.
    """
    seed = Stream(config.run.seed, "run", run_id).below(2**63)
    try:
        run = RunSection(id=run_id, seed=seed)
    except ValidationError as error:
        fault = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"--run-id {run_id}: {fault}") from None
    return config.model_copy(update={"run": run})


def _raise_fatal(loaded: LoadedConfig, findings: list[Finding]) -> None:
    fatal = [f"{loaded.where(*one.loc)}: {_dotted(one.loc)}: {one.message}" for one in findings if one.fatal]
    if fatal:
        raise ConfigError("\n".join(dict.fromkeys(fatal)))


def _dotted(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc)


def _read_inputs(loaded: LoadedConfig) -> tuple[dict[str, Pool], dict[str, str]]:
    """The pool of each input, and the hash of each input file; background last, for it avoids the others."""
    config = loaded.config
    pools: dict[str, Pool] = {}
    hashes: dict[str, str] = {}
    for number, spec in enumerate(config.inputs):
        if isinstance(spec, BackgroundInput):
            continue
        path = loaded.folder / spec.path
        if not path.exists():
            raise InputError(f"{loaded.where('inputs', number, 'path')}: there is no file {path}")
        pools[spec.name] = _read_file(spec, path, seed=config.run.seed)
        hashes[spec.name] = hashlib.sha256(path.read_bytes()).hexdigest()
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
    return {spec.name: pools[spec.name] for spec in config.inputs}, hashes


def _read_file(spec: SitesInput | PwmInput, path: Path, *, seed: int) -> Pool:
    if isinstance(spec, SitesInput):
        return Pool(read_sites(spec, path))
    motifs = read_motifs(spec, path)
    return Pool(draw_sites(spec, motifs, seed=seed), motifs)


def start_run(
    project: Project,
    *,
    start: Start,
    shard: Shard,
    display: ProgressDisplay,
    stopping: Callable[[], bool],
) -> RunOutcome:
    """Run (a shard of) a project until its quotas, its limits or an interrupt.

    Raises:
        RefusedError: The run has data and neither resume nor fresh was asked for; or the other way round.
        BusyError: Another process is at work on this shard.
        StoreError: The dataset refused.
    """
    folder, store = project.run_folder, project.store()
    solvers = SolverProcesses(backend=project.config.solver.backend, workers=project.config.solver.workers)
    with folder.locked(shard), ExitStack() as stack:
        stored = _begin(project, folder, store, start=start, shard=shard)
        store.prepare()
        previews = preview(project.config, project.plan_pools(), stored, shard=shard)
        begins = any(plan.left for plan in previews)
        if begins:
            solver_version = stack.enter_context(solvers).wait_ready().version
            folder.write_manifest(manifest(project, shard, solver_version=solver_version))
        _check_manifest(project, folder, shard)
        if begins:
            log_start(store, shard, {one.plan: (one.quota - one.left, one.quota) for one in previews})
        campaign = Campaign(
            config=project.config,
            pools=project.plan_pools(),
            shard=shard,
            store=store,
            log=ParquetAttemptLog(folder.path, shard),
            solvers=solvers,
            display=display,
            heartbeat=Health(store, shard),
            stopping=stopping,
        )
        try:
            plans = campaign.run(stored)
        except Exception as error:
            log_failure(store, shard, campaign.progress, error)
            raise
        write_attempts(folder.path)
        return _end(project, store, shard, plans, campaign.elapsed)


def _begin(
    project: Project, folder: RunFolder, store: UsrStore, *, start: Start, shard: Shard
) -> list[StoredDesign]:
    """Check that the run may start this way, and clear what a start from nothing must not find."""
    store.settle()
    stored = store.stored(project.config.run.id)
    run_id, dataset = project.config.run.id, project.config.output.dataset
    check_start(stored, start=start, shard=shard, run_id=run_id, dataset=dataset, command=project.run_command)
    if start is not Start.RESUME:
        folder.clear(shard, manifest=start is Start.FRESH)
    _check_manifest(project, folder, shard)
    check_config(
        stored,
        run_id=run_id,
        dataset=dataset,
        config_sha256=project.sha256,
        command=project.run_command,
    )
    return stored


def _check_manifest(project: Project, folder: RunFolder, shard: Shard) -> None:
    """Refuse to go on with a run that its manifest describes otherwise; it may have none (yet, or any more)."""
    in_force = folder.manifest()
    if in_force is not None:
        expected = manifest(project, shard, solver_version="")
        check_manifest(in_force, expected=expected, path=folder.manifest_path, command=project.run_command)


def _end(
    project: Project, store: UsrStore, shard: Shard, plans: list[PlanOutcome], seconds: float
) -> RunOutcome:
    outcome = RunOutcome(
        run_id=project.config.run.id,
        dataset=project.config.output.dataset,
        shard=str(shard),
        plans=tuple(plans),
        seconds=seconds,
        workers=project.config.solver.workers,
    )
    log_end(store, outcome)
    return outcome


def manifest(project: Project, shard: Shard, *, solver_version: str) -> Mapping[str, Any]:
    """What is constant over a run: config, inputs, pools and versions."""
    config = project.config
    return {
        "run_id": config.run.id,
        "config_sha256": project.sha256,
        "identity": identity(config, project.input_sha256),
        "config": config.model_dump(mode="json"),
        "shards": shard.count,
        "dataset": config.output.dataset,
        "pools": {
            name: {"parts": len(pool.parts), "sha256": pool.sha256} for name, pool in project.pools.items()
        },
        "versions": {
            "dnadesign": version("dnadesign"),
            "dense-arrays": version("dense-arrays"),
            "ortools": version("ortools"),
            "solver": solver_version,
        },
    }
