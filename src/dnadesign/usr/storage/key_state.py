"""How the key index follows the log: read what the new events added, fill anew what they cannot tell.

The caller holds the dataset's lock and has recovered, so the files are those of the log's end.
"""

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
    EVENTS,
    RECORDS,
    overlay_file,
)
from dnadesign.usr.storage.event_log import read_events
from dnadesign.usr.storage.filesystem import FileSystem, opened
from dnadesign.usr.storage.key_index import KeyIndex, is_append, keyed_by_id, read_ids
from dnadesign.usr.storage.parquet import read_footer
from dnadesign.usr.storage.version import overlay_of, stored_overlays

_NEUTRAL = frozenset(
    {"init", "registry_freeze", "snapshot", "snapshot_prune", "artifacts_prune", "events_archive"}
)  # these change no row of base or overlays
_NO_ROWS = (f"{ARTIFACTS}/", f"{DERIVED_ARCHIVE}/")  # files there are no rows of base or overlays


@dataclass
class KeyState:
    """A key index and the end of the log that it stands for."""

    device: int
    inode: int
    end: int
    index: KeyIndex = field(default_factory=KeyIndex)


@dataclass
class _Tail:
    """What the events since the last look changed."""

    appended: bool = False
    parts: dict[str, str] = field(default_factory=dict)
    refill: set[str] = field(default_factory=set)
    everything: bool = False

    def add(self, event: Event) -> None:
        """Note one event's changes."""
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


def follow(fs: FileSystem, dataset: Path, state: KeyState | None) -> KeyState:
    """The key index as of the log's end now.

    Args:
        fs: The file system.
        dataset: The dataset's folder; its lock is held.
        state: The state at an earlier look, which is brought up to date in place; None to fill anew.

    Raises:
        CorruptFileError: A file of the dataset is damaged.
        SchemaError: A stored id is not one.
    """
    end = _log_end(fs, dataset)
    if state is not None and (state.device, state.inode) == end[:2] and state.end <= end[2]:
        if state.end == end[2]:
            return state
        tail = _Tail()
        for event in read_events(fs, dataset, start=state.end, end=end[2]):
            tail.add(event)
        if not tail.everything:
            _apply(fs, dataset, state.index, tail)
            state.end = end[2]
            return state
    fresh = KeyState(*end)
    _fill_base(fs, dataset, fresh.index)
    for namespace in stored_overlays(fs, dataset, None):
        _fill_namespace(fs, dataset, fresh.index, namespace)
    return fresh


def _log_end(fs: FileSystem, dataset: Path) -> tuple[int, int, int]:
    found = fs.stat(dataset / EVENTS)
    return (found.device, found.inode, found.size) if found is not None else (0, 0, 0)


def _apply(fs: FileSystem, dataset: Path, index: KeyIndex, tail: _Tail) -> None:
    if tail.appended:
        _fill_base(fs, dataset, index)
    for path, namespace in tail.parts.items():
        if namespace not in tail.refill:
            _fill_file(fs, dataset, index, namespace, path)
    for namespace in sorted(tail.refill):
        index.forget_namespace(namespace)
        _fill_namespace(fs, dataset, index, namespace)


def _fill_base(fs: FileSystem, dataset: Path, index: KeyIndex) -> None:
    with opened(fs, dataset / RECORDS, "read") as file:
        ids = read_ids(file, from_row=len(index.base))
        index.add_base_rows(ids, where=str(file.path))


def _fill_namespace(fs: FileSystem, dataset: Path, index: KeyIndex, namespace: str) -> None:
    for path in stored_overlays(fs, dataset, None).get(namespace, []):
        _fill_file(fs, dataset, index, namespace, path)


def _fill_file(fs: FileSystem, dataset: Path, index: KeyIndex, namespace: str, path: str) -> None:
    with opened(fs, dataset / path, "read") as file:
        footer = read_footer(file)
        index.add_columns(namespace, footer.schema, arrow_schema=footer.has_arrow_schema)
        if not keyed_by_id(footer, str(file.path)):
            index.other_keys.add(namespace)
            return
        index.add_overlay_rows(namespace, read_ids(file, footer=footer), where=str(file.path))
