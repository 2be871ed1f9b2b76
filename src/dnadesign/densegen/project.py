"""A design project: a config file with everything it stands for, and the runs that come of it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dnadesign.densegen.adapters.inputs.config_file import LoadedConfig, config_sha256, identity
from dnadesign.densegen.adapters.outputs.attempt_log import ParquetAttemptLog, read_attempts, write_attempts
from dnadesign.densegen.adapters.outputs.run_folder import RunFolder
from dnadesign.densegen.adapters.outputs.usr_writer import UsrStore
from dnadesign.densegen.adapters.solvers.processes import SolverProcesses
from dnadesign.densegen.contract.batches import Shard
from dnadesign.densegen.contract.config import DesignConfig, RunSection
from dnadesign.densegen.contract.errors import ConfigError
from dnadesign.densegen.contract.parts import Pool
from dnadesign.densegen.contract.ports import ProgressDisplay, StoredDesign
from dnadesign.densegen.contract.randomness import Stream
from dnadesign.densegen.gathering import gather, load
from dnadesign.densegen.operations.campaign import Campaign, PlanOutcome
from dnadesign.densegen.operations.design_arrays import design_arrays
from dnadesign.densegen.operations.health import Health
from dnadesign.densegen.operations.libraries import PlanPool, plan_pool
from dnadesign.densegen.operations.outcome import RunOutcome, log_end, log_failure, log_start
from dnadesign.densegen.operations.previewing import PlanPreview, preview
from dnadesign.densegen.operations.probing import Probe, probe
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

    def another_run(self) -> str:
        """How a user starts a run of the same config under a name that no run here has."""
        mine, taken = self.config.run.id, self.store().runs()
        for number in count(2):
            name = f"{mine}-{number}"
            if name not in taken and not self.run_folder.path.with_name(name).exists():
                break
        return f"{self.run_command} --fresh --run-id {name}"

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
            news=self.store().news(),
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
    loaded = load(path)
    config = loaded.config
    if run_id is not None and run_id != config.run.id:
        config = renamed(config, run_id)
        loaded = replace(loaded, config=config)
    pools, input_sha256, warnings = gather(loaded)
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
    check_start(
        stored,
        start=start,
        shard=shard,
        run_id=run_id,
        dataset=dataset,
        command=project.run_command,
        another=project.another_run,
    )
    if start is not Start.RESUME:
        folder.clear(shard, manifest=start is Start.FRESH)
    _check_manifest(project, folder, shard)
    check_config(
        stored,
        run_id=run_id,
        dataset=dataset,
        config_sha256=project.sha256,
        another=project.another_run,
    )
    return stored


def _check_manifest(project: Project, folder: RunFolder, shard: Shard) -> None:
    """Refuse to go on with a run that its manifest describes otherwise; it may have none (yet, or any more)."""
    in_force = folder.manifest()
    if in_force is not None:
        expected = manifest(project, shard, solver_version="")
        check_manifest(in_force, expected=expected, path=folder.manifest_path, another=project.another_run)


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
