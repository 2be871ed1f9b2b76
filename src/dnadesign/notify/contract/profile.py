"""A profile: which log is watched, what of it is told, and where; no secret is in it."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from dnadesign.notify.contract.destinations import Destination, Provider
from dnadesign.notify.contract.errors import UsageProblem
from dnadesign.notify.contract.outcomes import DeliveryPolicy
from dnadesign.notify.contract.secrets import SecretRef

_CHAT_PROGRESS_MINUTES = 10.0

Minutes = Annotated[float, Field(ge=0, le=7 * 24 * 60)]
Words = Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=100)]


class _Strict(BaseModel):
    # hide_input: a secret in the wrong place must not come back in an error.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class SecretSource(_Strict):
    """Where a secret is kept: exactly one of an environment variable and a file of mode 0600."""

    env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    file: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> SecretSource:
        if (self.env is None) == (self.file is None):
            raise ValueError("exactly one of env (a variable's name) and file (a path) is needed")
        return self

    @field_validator("file")
    @classmethod
    def _full_path(cls, value: str | None) -> str | None:
        return _checked_path(value)

    def reference(self) -> SecretRef:
        """The same as a reference."""
        return SecretRef("env", self.env) if self.env is not None else SecretRef("file", self.file or "")


class LogSource(_Strict):
    """Which event log: its path, or the root and name of its dataset."""

    events: str | None = None
    root: str | None = None
    dataset: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> LogSource:
        by_dataset = self.root is not None and self.dataset is not None
        if by_dataset == (self.events is not None) or (self.root is None) != (self.dataset is None):
            raise ValueError("either events (a path), or root and dataset, and not both")
        return self

    @field_validator("events", "root")
    @classmethod
    def _full_path(cls, value: str | None) -> str | None:
        return _checked_path(value)


class DeliverySettings(_Strict):
    """How often and how patiently a message is tried."""

    tries: Annotated[int, Field(ge=1, le=20)] = 5
    backoff_seconds: Annotated[float, Field(gt=0, le=60)] = 0.5
    timeout_seconds: Annotated[float, Field(gt=0, le=120)] = 15.0
    spool_tries: Annotated[int, Field(ge=1, le=1000)] = 12

    def policy(self) -> DeliveryPolicy:
        """The same as a policy."""
        return DeliveryPolicy(
            tries=self.tries,
            backoff=self.backoff_seconds,
            timeout=self.timeout_seconds,
            spool_tries=self.spool_tries,
        )


class Profile(_Strict):
    """All that a watcher needs to know, under one name."""

    version: Literal[1] = 1
    provider: Annotated[Provider, Field(strict=False)]
    webhook: SecretSource
    signing: Annotated[list[SecretSource], Field(max_length=2)] = []
    ca_file: str | None = None
    source: LogSource | None = None
    only_actions: Words = []
    only_tools: Words = []
    progress_every_minutes: Minutes | None = None
    silence_minutes: Annotated[float, Field(gt=0, le=7 * 24 * 60)] | None = None
    include: list[Literal["args", "context", "raw-event"]] = []
    delivery: DeliverySettings = DeliverySettings()

    @field_validator("ca_file")
    @classmethod
    def _full_path(cls, value: str | None) -> str | None:
        return _checked_path(value)

    @model_validator(mode="after")
    def _sends_events_to_machines_only(self) -> Profile:
        if "raw-event" in self.include and self.provider is not Provider.GENERIC:
            raise ValueError(f"raw-event is for provider generic; {self.provider.value} has no place for it")
        return self

    @model_validator(mode="after")
    def _signs_only_webhooks(self) -> Profile:
        if self.signing and self.provider is not Provider.GENERIC:
            raise ValueError(
                f"signing is for provider generic; {self.provider.value} does not verify signatures"
            )
        return self

    def destination(self, name: str) -> Destination:
        """The destination that the profile of this name describes."""
        return Destination(
            name=name,
            provider=self.provider,
            address=self.webhook.reference(),
            signing=tuple(source.reference() for source in self.signing),
            ca_file=str(Path(self.ca_file).expanduser()) if self.ca_file else None,
        )


def default_progress_every(provider: Provider) -> timedelta:
    """How far progress messages are kept apart where nobody says: machines get each event, people a few."""
    return timedelta(0) if provider is Provider.GENERIC else timedelta(minutes=_CHAT_PROGRESS_MINUTES)


def check_profile_name(name: str) -> None:
    """Accept a profile's name.

    Raises:
        UsageProblem: It has other characters than letters, digits, ``-`` and ``_``, or too many of them.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise UsageProblem(
            "a profile's name has 1 to 64 letters, digits, - and _, and begins with a letter or digit"
        )


def _checked_path(value: str | None) -> str | None:
    if value is not None and not value.startswith(("/", "~/")):
        raise ValueError("a full path is needed (beginning with / or ~/): a profile is used from any folder")
    return value
