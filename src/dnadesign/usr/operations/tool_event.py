"""Record a tool's own event: something happened that changed no file of the dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dnadesign.usr.contract.content import Digest, digest_text
from dnadesign.usr.contract.errors import ValidationError
from dnadesign.usr.contract.events import LIBRARY_ACTIONS, Event
from dnadesign.usr.contract.names import check_action
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.operations._mutation import Draft, Mutation
from dnadesign.usr.storage.staging import Staging


@dataclass
class ToolEvent:
    """The step that only adds an event.

    Attributes:
        action: A name of the tool's own, such as ``densegen_health``.
        args: What was asked for.
        metrics: Numbers.
        artifacts: Files outside the dataset that the tool made: path, bytes, sha256.
    """

    action: str
    args: Mapping[str, Any]
    metrics: Mapping[str, Any]
    artifacts: tuple[Mapping[str, Any], ...]

    def prepare(self, registry: Registry, staging: Staging | None) -> None:
        """Check the name.

        Raises:
            ValidationError: It is outside the grammar, or one that usr gives its own changes.
        """
        check_action(self.action)
        if self.action in LIBRARY_ACTIONS:
            raise ValidationError(
                f"action {self.action!r} is written by usr itself for a change of that kind",
                mend="name a tool's event after the tool, such as 'densegen_health'",
            )

    def content(self, digest: Digest) -> None:
        """Feed the name; the rest is what the tool observed."""
        digest_text(digest, self.action)

    def apply(self, mutation: Mutation) -> None:
        """Add the event."""
        added = [dict(artifact) for artifact in self.artifacts]
        mutation.note(Draft(self.action, args=dict(self.args), metrics=dict(self.metrics), added=added))

    def replay(self, event: Event) -> None:
        """It has no result."""
