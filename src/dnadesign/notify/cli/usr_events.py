"""``notify usr-events watch``: follow the event log of a dataset and deliver what matters."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

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
    examples,
    report_line,
    split_words,
)
from dnadesign.notify.cli.preview import preview
from dnadesign.notify.cli.watch_options import (
    AllowUnknownVersionOption,
    BackoffOption,
    DatasetOption,
    EventsOption,
    FollowOption,
    FromOption,
    IncludeArgsOption,
    IncludeContextOption,
    IncludeRawEventOption,
    OnlyActionsOption,
    OnlyToolsOption,
    OnTruncationOption,
    PollOption,
    ProgressEveryOption,
    RootOption,
    SilenceOption,
    TimeoutOption,
    TriesOption,
)
from dnadesign.notify.contract.destinations import Provider
from dnadesign.notify.contract.errors import UsageProblem
from dnadesign.notify.contract.events import doubt_about_action, doubt_about_tool
from dnadesign.notify.contract.messages import Message
from dnadesign.notify.contract.outcomes import DeliveryPolicy
from dnadesign.notify.contract.profile import Profile, default_progress_every
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


@app.command(
    epilog=examples(
        "notify usr-events watch --profile lab --follow",
        "notify usr-events watch --dataset demo/lexA --root runs/data --url-env HOOK",
        "notify usr-events watch --events runs/data/demo/lexA --url-env HOOK --dry-run",
    )
)
def watch(
    *,
    profile: ProfileOption = None,
    events: EventsOption = None,
    dataset: DatasetOption = None,
    root: RootOption = None,
    provider: ProviderOption = None,
    url: UrlOption = None,
    url_env: UrlEnvOption = None,
    secret_ref: SecretRefOption = None,
    signing_ref: SigningOption = None,
    ca_file: CaFileOption = None,
    follow: FollowOption = False,
    from_: FromOption = From.CURSOR,
    on_truncation: OnTruncationOption = OnTruncation.ERROR,
    only_actions: OnlyActionsOption = None,
    only_tools: OnlyToolsOption = None,
    progress_every: ProgressEveryOption = None,
    silence: SilenceOption = None,
    include_args: IncludeArgsOption = False,
    include_context: IncludeContextOption = False,
    include_raw_event: IncludeRawEventOption = False,
    allow_unknown_version: AllowUnknownVersionOption = False,
    poll: PollOption = 1.0,
    tries: TriesOption = None,
    backoff: BackoffOption = None,
    timeout: TimeoutOption = None,
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
    if include_raw_event and chosen.destination.provider is not Provider.GENERIC:
        raise UsageProblem(
            f"--include-raw-event is for provider generic; {chosen.destination.provider.value} has no place for it"
        )
    fold = _fold_policy(
        chosen,
        only_actions=only_actions,
        only_tools=only_tools,
        progress_every=progress_every,
        silence=silence,
        include=Include(args=include_args, context=include_context, raw_event=include_raw_event),
    )
    doubts = [
        *map(doubt_about_action, sorted(fold.only_actions)),
        *map(doubt_about_tool, sorted(fold.only_tools)),
    ]
    for doubt in filter(None, doubts):
        report_line(f"warning: {doubt}")
    plan = WatchPlan(
        destination=chosen.destination,
        address=chosen.address,
        log=_choose_log(events=events, dataset=dataset, root=root, profile=chosen.profile),
        state_folder=state_folder(state_dir),
        options=WatchOptions(
            follow=follow, poll_seconds=poll, allow_unknown_version=allow_unknown_version, policy=fold
        ),
        start=from_,
        on_truncation=on_truncation,
        policy=_delivery_policy(chosen, tries=tries, backoff=backoff, timeout=timeout),
    )
    interrupted = _preview(plan) if dry_run else watch_log(plan, report=report_line)
    if interrupted:
        raise typer.Exit(130)


def _preview(plan: WatchPlan) -> bool:
    def show(message: Message) -> None:
        print(preview(message, plan.destination), flush=True)

    return preview_log(plan, show=show, report=report_line)


def _choose_log(
    *, events: Path | None, dataset: str | None, root: Path | None, profile: Profile | None
) -> Path:
    if events is not None and dataset is not None:
        raise UsageProblem("--events and --dataset are two ways to say the same; give one")
    if events is not None:
        return _log_in(events)
    if dataset is not None:
        if root is None:
            raise UsageProblem("--dataset needs --root, or USR_ROOT")
        return events_path_of(root, dataset)
    source = profile.source if profile is not None else None
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
