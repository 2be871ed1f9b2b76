"""Checks a profile from end to end, and says of each problem how to mend it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dnadesign.notify.adapters.clock import SystemClock
from dnadesign.notify.adapters.cursor_files import CursorFile, cursor_is_busy, cursor_path
from dnadesign.notify.adapters.folders import config_folder
from dnadesign.notify.adapters.profile_files import profile_path, read_profile
from dnadesign.notify.adapters.secret_sources import fetch_credentials, fetch_secret
from dnadesign.notify.adapters.spool_files import spool_folder
from dnadesign.notify.adapters.transports import open_transport
from dnadesign.notify.adapters.usr_events import UsrEventSource, events_path_of
from dnadesign.notify.contract.destinations import Destination, guess_provider
from dnadesign.notify.contract.errors import NotifyError
from dnadesign.notify.contract.messages import Message
from dnadesign.notify.contract.outcomes import Outcome
from dnadesign.notify.contract.profile import LogSource, Profile
from dnadesign.notify.contract.signing import message_id
from dnadesign.notify.operations._wording import counted

Result = Literal["ok", "note", "problem"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: how it is, and how to mend it where it is not well."""

    name: str
    result: Result
    detail: str
    mend: str | None = None

    def to_dict(self) -> dict[str, str | None]:
        """The check as JSON values."""
        return {"check": self.name, "result": self.result, "detail": self.detail, "mend": self.mend}


def examine(name: str, *, state_folder: Path, test_message: Message | None) -> Iterator[Check]:
    """Look at everything that a watcher with this profile will need, in the order in which it needs it.

    Args:
        name: The profile.
        state_folder: Where cursors and spools are.
        test_message: Sent to the destination, if there is one.
    """
    path = profile_path(config_folder(), name)
    try:
        profile = read_profile(config_folder(), name)
    except NotifyError as error:
        yield Check("profile", "problem", error.message, error.mend)
        return
    yield Check("profile", "ok", f"{path} can be read and every key is known")
    destination = profile.destination(name)
    secrets = (_address(destination), _signing(profile))
    yield from secrets
    if all(check.result == "ok" for check in secrets):
        yield _checked("way", lambda: _way(destination, profile))
    yield _state(state_folder)
    yield from _log(profile.source, destination, state_folder)
    yield _spool(destination, state_folder)
    if test_message is not None and all(check.result == "ok" for check in secrets):
        yield _checked("test message", lambda: _test(destination, profile, test_message))


def _checked(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except NotifyError as error:
        return Check(name, "problem", error.message, error.mend)


def _address(destination: Destination) -> Check:
    def look() -> Check:
        address = fetch_credentials(_unsigned(destination)).address
        guessed = guess_provider(address)
        if guessed is not None and destination.provider.value not in (guessed.value, "apprise"):
            return Check(
                "address",
                "problem",
                f"it is an address of {guessed.value}, and the provider is {destination.provider.value}",
                f"set provider: {guessed.value}",
            )
        return Check("address", "ok", f"{destination.address} holds an address that can be sent to")

    return _checked("address", look)


def _unsigned(destination: Destination) -> Destination:
    return Destination(destination.name, destination.provider, destination.address)


def _signing(profile: Profile) -> Check:
    def look() -> Check:
        if not profile.signing:
            return Check("signing", "ok", "messages are not signed")
        for source in profile.signing:
            fetch_secret(source.reference())
        fetch_credentials(profile.destination("signing"))
        return Check("signing", "ok", f"messages are signed with {counted(len(profile.signing), 'secret')}")

    return _checked("signing", look)


def _way(destination: Destination, profile: Profile) -> Check:
    credentials = fetch_credentials(destination)
    open_transport(destination, credentials, timeout=profile.delivery.timeout_seconds).close()
    return Check("way", "ok", f"provider {destination.provider.value} is ready")


def _state(state_folder: Path) -> Check:
    folder = next(path for path in (state_folder, *state_folder.parents) if path.exists())
    if os.access(folder, os.W_OK | os.X_OK):
        return Check("state folder", "ok", f"{state_folder} can be written")
    return Check(
        "state folder", "problem", f"{folder} cannot be written", "use --state-dir or XDG_STATE_HOME"
    )


def _log(source: LogSource | None, destination: Destination, state_folder: Path) -> Iterator[Check]:
    if source is None:
        yield Check("event log", "note", "the profile names no log; watch needs --events or --dataset")
        return
    try:
        log = _path_of(source)
    except NotifyError as error:
        yield Check("event log", "problem", error.message, error.mend)
        return
    if not log.exists():
        there = next(path for path in log.parents if path.exists())
        yield Check(
            "event log",
            "note",
            f"{log} is not there yet; of its folders there is {there}",
            "nothing, if the run is still to come: watch --follow waits for it; else correct the name in the profile",
        )
        return
    if not os.access(log, os.R_OK):
        yield Check(
            "event log", "problem", f"{log} cannot be read", "ask its owner for permission to read it"
        )
        return
    yield Check("event log", "ok", f"{log} can be read")
    yield _checked("cursor", lambda: _cursor(log, destination, state_folder))


def _path_of(source: LogSource) -> Path:
    if source.events is None:
        return events_path_of(Path(source.root or "").expanduser(), source.dataset or "")
    path = Path(source.events).expanduser()
    return path / ".events.log" if path.is_dir() else path


def _cursor(log: Path, destination: Destination, state_folder: Path) -> Check:
    path = cursor_path(state_folder, events_path=log, destination=destination.name)
    if cursor_is_busy(path):
        return Check("cursor", "ok", "a watcher is running")
    state = CursorFile(path).load()
    if state is None:
        return Check("cursor", "ok", "there is none yet; the first watch begins at the start of the log")
    # Opening it at the cursor's place, and looking once, is what a watcher would do.
    source = UsrEventSource(log, position=state.position, start="start", on_truncation="error")
    try:
        waiting = len(source.poll(1000))
    finally:
        source.close()
    more = " or more" if waiting == 1000 else ""
    return Check(
        "cursor",
        "ok",
        f"it fits the log; {waiting}{more} lines have not been read yet, and no watcher is running",
    )


def _spool(destination: Destination, state_folder: Path) -> Check:
    def look() -> Check:
        spool = spool_folder(state_folder, destination.name)
        if disabled := spool.disabled():
            return Check(
                "spool",
                "problem",
                f"the destination is disabled since {disabled.since}: {disabled.reason}",
                f"check its address, then: notify spool retry --destination {destination.name}",
            )
        waiting, dead = len(spool.waiting()), len(spool.dead())
        if waiting or dead:
            return Check(
                "spool",
                "problem",
                f"{counted(waiting, 'message')} waiting, {counted(dead, 'dead letter')}",
                f"notify spool list --destination {destination.name}, then drain, retry or drop",
            )
        return Check("spool", "ok", "nothing is waiting")

    return _checked("spool", look)


def _test(destination: Destination, profile: Profile, message: Message) -> Check:
    transport = open_transport(
        destination, fetch_credentials(destination), timeout=profile.delivery.timeout_seconds
    )
    try:
        identifier = message_id(message.key, destination.name)
        attempt = transport.attempt(message, message_id=identifier, now=SystemClock().now())
    finally:
        transport.close()
    if attempt.outcome is Outcome.DELIVERED:
        return Check("test message", "ok", f"delivered ({attempt.reason}); look whether it can be seen there")
    return Check("test message", "problem", attempt.reason, "check that the address is whole and still valid")
