"""``notify usr-events watch``: follow the event log of a dataset and deliver what matters."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from dnadesign.notify.adapters.folders import state_folder
from dnadesign.notify.adapters.usr_events import events_path_of
from dnadesign.notify.cli.options import (
    CaFileOption,
    Chosen,
    DryRunOption,
    ProfileOption,
    ProviderOption,
    SecretRefOption,
    SigningOption,
    StateDirOption,
    UrlEnvOption,
    UrlOption,
    choose_destination,
    report_line,
    split_words,
)
from dnadesign.notify.cli.preview import preview
from dnadesign.notify.contract.errors import UsageProblem
from dnadesign.notify.contract.outcomes import DeliveryPolicy
from dnadesign.notify.contract.profile import LogSource, default_progress_every
from dnadesign.notify.operations.compose import Include
from dnadesign.notify.operations.fold import FoldPolicy
from dnadesign.notify.operations.watch import WatchOptions
from dnadesign.notify.watching import From, OnTruncation, WatchPlan, preview_log, watch_log

app = typer.Typer(
    rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False, no_args_is_help=True
)


@app.callback()
def _group() -> None:
    """Follow the event log of a dataset and deliver what matters."""


@app.command()
def watch(
    *,
    profile: ProfileOption = None,
    events: Annotated[
        Path | None, typer.Option("--events", help="The event log (.events.log), or its dataset's folder.")
    ] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help="The dataset, with --root.")] = None,
    root: Annotated[
        Path | None, typer.Option("--root", help="The root that the dataset is in.", envvar="USR_ROOT")
    ] = None,
    provider: ProviderOption = None,
    url: UrlOption = None,
    url_env: UrlEnvOption = None,
    secret_ref: SecretRefOption = None,
    signing_ref: SigningOption = None,
    ca_file: CaFileOption = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on watching when the end is reached.")
    ] = False,
    from_: Annotated[
        From,
        typer.Option("--from", help="Where to begin; cursor: where the last watch ended, else at the start."),
    ] = From.CURSOR,
    on_truncation: Annotated[
        OnTruncation, typer.Option(help="If the log was cut short or replaced.")
    ] = OnTruncation.ERROR,
    only_actions: Annotated[
        list[str] | None, typer.Option(help="Tell these actions only (list with commas, or repeat).")
    ] = None,
    only_tools: Annotated[list[str] | None, typer.Option(help="Tell what these tools did only.")] = None,
    progress_every: Annotated[
        float | None,
        typer.Option(
            metavar="MINUTES",
            min=0,
            help="Least time between progress messages of a run [default: 10; 0, each event, for generic]",
        ),
    ] = None,
    silence: Annotated[
        float | None,
        typer.Option(metavar="MINUTES", min=0.01, help="Alert when a run has not been heard of for so long."),
    ] = None,
    include_args: Annotated[
        bool, typer.Option("--include-args", help="Tell the arguments of each event too.")
    ] = False,
    include_context: Annotated[
        bool, typer.Option("--include-context", help="Tell host, root, transaction and hashes too.")
    ] = False,
    include_raw_event: Annotated[
        bool, typer.Option("--include-raw-event", help="Send the whole event too (generic only).")
    ] = False,
    allow_unknown_version: Annotated[
        bool,
        typer.Option("--allow-unknown-version", help="Read events of later versions as far as possible."),
    ] = False,
    poll: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0.01, max=3600, help="Time between two looks at a quiet log."),
    ] = 1.0,
    tries: Annotated[
        int | None, typer.Option(min=1, max=20, help="Tries before a message is spooled [default: 5]")
    ] = None,
    backoff: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", min=0.001, max=60, help="Wait after the first try; doubles [default: 0.5]"
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0.1, max=120, help="Seconds for one try [default: 15]"),
    ] = None,
    state_dir: StateDirOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Follow an event log and deliver what matters.

    The cursor moves only past events that were delivered, spooled, folded or filtered out. Exit status: 0 ok, 1 failed, 2 usage,
    3 refused (log replaced, unknown event version), 4 not found, 5 another watcher has the cursor, 130 interrupted.
    """
    chosen = choose_destination(
        profile=profile,
        provider=provider,
        url=url,
        url_env=url_env,
        secret_ref=secret_ref,
        signing_ref=signing_ref,
        ca_file=ca_file,
    )
    log = _choose_log(
        events=events, dataset=dataset, root=root, source=chosen.profile.source if chosen.profile else None
    )
    fold = _fold_policy(
        chosen,
        only_actions=only_actions,
        only_tools=only_tools,
        progress_every=progress_every,
        silence=silence,
        include=Include(args=include_args, context=include_context, raw_event=include_raw_event),
    )
    plan = WatchPlan(
        destination=chosen.destination,
        address=chosen.address,
        log=log,
        state_folder=state_folder(state_dir),
        options=WatchOptions(
            follow=follow, poll_seconds=poll, allow_unknown_version=allow_unknown_version, policy=fold
        ),
        start=from_,
        on_truncation=on_truncation,
        policy=_delivery_policy(chosen, tries=tries, backoff=backoff, timeout=timeout),
    )
    if dry_run:
        interrupted = preview_log(
            plan,
            show=lambda message: print(preview(message, plan.destination), flush=True),
            report=report_line,
        )
    else:
        interrupted = watch_log(plan, report=report_line)
    if interrupted:
        raise typer.Exit(130)


def _choose_log(
    *, events: Path | None, dataset: str | None, root: Path | None, source: LogSource | None
) -> Path:
    if events is not None and dataset is not None:
        raise UsageProblem("--events and --dataset are two ways to say the same; give one")
    if events is not None:
        return _log_in(events)
    if dataset is not None:
        if root is None:
            raise UsageProblem("--dataset needs --root, or USR_ROOT")
        return events_path_of(root, dataset)
    if source is None:
        raise UsageProblem(
            "which log? give --events PATH, or --dataset NAME --root ROOT, or a profile that says it"
        )
    if source.events is not None:
        return _log_in(Path(source.events).expanduser())
    return events_path_of(Path(source.root or "").expanduser(), source.dataset or "")


def _log_in(path: Path) -> Path:
    path = Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute() keeps "..", resolve() follows links
    return path / ".events.log" if path.is_dir() else path


def _fold_policy(
    chosen: Chosen,
    *,
    only_actions: Sequence[str] | None,
    only_tools: Sequence[str] | None,
    progress_every: float | None,
    silence: float | None,
    include: Include,
) -> FoldPolicy:
    """What is told: as the options say, and where they say nothing as the profile does."""
    profile = chosen.profile
    if profile is not None:
        only_actions = only_actions or profile.only_actions
        only_tools = only_tools or profile.only_tools
        progress_every = profile.progress_every_minutes if progress_every is None else progress_every
        silence = silence or profile.silence_minutes
        include = Include(
            args=include.args or "args" in profile.include,
            context=include.context or "context" in profile.include,
            raw_event=include.raw_event or "raw-event" in profile.include,
        )
    every = (
        default_progress_every(chosen.destination.provider)
        if progress_every is None
        else timedelta(minutes=progress_every)
    )
    return FoldPolicy(
        only_actions=split_words(only_actions),
        only_tools=split_words(only_tools),
        progress_every=every,
        silence_after=timedelta(minutes=silence) if silence else None,
        include=include,
    )


def _delivery_policy(
    chosen: Chosen, *, tries: int | None, backoff: float | None, timeout: float | None
) -> DeliveryPolicy:
    base = chosen.profile.delivery.policy() if chosen.profile else DeliveryPolicy()
    return DeliveryPolicy(
        tries=tries or base.tries,
        backoff=backoff or base.backoff,
        longest_wait=base.longest_wait,
        timeout=timeout or base.timeout,
        spool_tries=base.spool_tries,
    )
