"""What the events behind some offset of the log changed, for whoever knows the keys as of that offset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dnadesign.usr.contract.events import LIBRARY_ACTIONS, Event
from dnadesign.usr.contract.layout import (
    ARTIFACTS,
    DERIVED,
    DERIVED_ARCHIVE,
    RECORDS,
    overlay_file,
    overlay_of,
)
from dnadesign.usr.storage.event_log import read_events
from dnadesign.usr.storage.filesystem import FileSystem
from dnadesign.usr.storage.key_index import is_append
from dnadesign.usr.storage.visibility import CommittedLog

_NEUTRAL = frozenset(
    {"init", "registry_freeze", "snapshot", "snapshot_prune", "artifacts_prune", "events_archive"}
)  # these change no row of base or overlays
_NO_ROWS = (f"{ARTIFACTS}/", f"{DERIVED_ARCHIVE}/")  # files there are no rows of base or overlays


@dataclass
class Tail:
    """What the events changed.

    Attributes:
        appended: Rows were added to the base.
        restamped: The base's metadata, and so its footer, changed.
        parts: Files that were added to a namespace: their path and the namespace.
        refill: Namespaces of which nothing that was known holds any more.
        everything: Nothing that was known holds any more.
    """

    appended: bool = False
    restamped: bool = False
    parts: dict[str, str] = field(default_factory=dict)
    refill: set[str] = field(default_factory=set)
    everything: bool = False

    def add(self, event: Event) -> None:
        """Note one event's changes."""
        self.restamped |= event.action == "registry_freeze"
        if event.action not in LIBRARY_ACTIONS or event.action in _NEUTRAL:
            return  # a tool's own event, or one that changes no row
        added, removed = _listed(event.artifacts, "added"), _listed(event.artifacts, "removed")
        if added is None or removed is None:
            self.everything = True  # of an older tool, which does not say what it changed
            return
        for artifact in added:
            self._add_file(artifact)
        for artifact in removed:
            self._add_removed(str(artifact.get("path", "")))

    def _add_file(self, artifact: dict[str, Any]) -> None:
        path = str(artifact.get("path", ""))
        namespace = overlay_of(path)
        if path == RECORDS:
            self.appended = True
            self.everything |= not is_append(artifact)
        elif namespace is not None and path == overlay_file(namespace):
            self.refill.add(namespace)
        elif namespace is not None:
            self.parts[path] = namespace
        elif "files" in artifact and not path.startswith(_NO_ROWS):
            self.everything = True

    def _add_removed(self, path: str) -> None:
        folder, _, rest = path.partition("/")
        namespace = rest.split("/", 1)[0].removesuffix(".parquet")
        if folder == DERIVED and namespace:
            self.refill.add(namespace)
        else:
            self.everything = True


def _listed(artifacts: Mapping[str, Any], key: str) -> list[dict[str, Any]] | None:
    """The files of one list, a folded one as its only member; None for the shapes of older tools."""
    found = artifacts.get(key)
    if isinstance(found, dict) and "files" in found:
        return [found]
    return found if isinstance(found, list) and all(isinstance(a, dict) for a in found) else None


def read_tail(
    fs: FileSystem, dataset: Path, *, start: int, end: int, log: CommittedLog | None = None
) -> Tail:
    """What the events between two offsets of the log changed, both of them line ends below its committed end.

    Raises:
        EventLogError: A line is no event.
        ConcurrentChangeError: The log is another one, or shorter.
    """
    tail = Tail()
    for event in read_events(fs, dataset, start=start, end=end, log=log):
        tail.add(event)
    return tail
