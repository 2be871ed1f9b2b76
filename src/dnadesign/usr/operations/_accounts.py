"""What the events say of a dataset's files: where each is, how large, and the hashes of its bytes."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dnadesign.usr.contract.artifacts import listing_sha256
from dnadesign.usr.contract.event_outline import EventOutline
from dnadesign.usr.contract.events import LIBRARY_ACTIONS, Event
from dnadesign.usr.contract.layout import ARTIFACTS, RECORDS
from dnadesign.usr.operations._base_history import BaseHistory, tells_nothing_of_base
from dnadesign.usr.operations._log_order import LogOrder


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes of a file from ``start`` up to ``end``, the hash that they had when they were written, and who wrote them."""

    start: int
    end: int
    sha256: str
    event_id: str | None


@dataclass(frozen=True, slots=True)
class Account:
    """What the events say of one file.

    Attributes:
        path: Relative to the dataset.
        bytes: Its size; None where they do not say.
        ranges: Its bytes by hash, in order; what lies between them is of events that kept no hash.
        event_id: The event that wrote it last.
    """

    path: str
    bytes: int | None
    ranges: tuple[Range, ...]
    event_id: str | None

    def gaps(self) -> list[tuple[int, int]]:
        """The bytes that no hash covers, as (start, end)."""
        found, at = [], 0
        for covered in self.ranges:
            if covered.start > at:
                found.append((at, covered.start))
            at = covered.end
        return [*found, (at, self.bytes)] if self.bytes is not None and at < self.bytes else found


@dataclass(frozen=True, slots=True)
class SetAside:
    """A file that was on the record when an event set it aside with many others, of which not all were as written.

    Attributes:
        before: What was known of it.
        path: Where it lies now, if it was not lost.
        lost_are_off: Whether the event took lost files off the record.
    """

    before: Account
    path: str
    lost_are_off: bool


@dataclass
class Accounts:
    """The fold of a log: the files that there should be after its last event.

    Attributes:
        files: By path, relative to the dataset.
        folders: Folded lists by folder: how many files, and the hash of their names and sizes.
        aside: By its former path, each file of a folded list that fits no listing of what was known: see :meth:`settle`.
        older: How many events are of older tools, which do not say what they wrote.
        events: How many events there are.
        base: What they say of the base, one after the other.
        order: Whether each of them stands there once, and in its place.
    """

    files: dict[str, Account] = field(default_factory=dict)
    folders: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    aside: dict[str, SetAside] = field(default_factory=dict)
    older: int = 0
    events: int = 0
    base: BaseHistory = field(default_factory=BaseHistory)
    order: LogOrder = field(default_factory=LogOrder)

    def add(self, event: Event | EventOutline) -> None:
        """Fold one event in."""
        self.events += 1
        if not self.order.add(event, self.events) or event.action not in LIBRARY_ACTIONS:
            return
        artifacts = event.artifacts
        added, removed = artifacts.get("added"), artifacts.get("removed")
        if added is None or removed is None:
            self.older += 1
            self.base.forget()
            return
        self._note_base(event, _entries(added), _entries(removed))
        moved: dict[str, Account] = {}
        for entry in _entries(added):
            source = entry.get("moved_from")
            if isinstance(source, str) and source in self.files:
                moved[source] = self.files.pop(source)
        gone = dict(moved)
        lost_are_off = tells_of_lost(event)
        for entry in _entries(removed):
            gone |= self._remove(entry)
            if lost_are_off:
                self._forget_aside(entry)
        for entry in _entries(added):
            self._add(entry, moved.get(str(entry.get("moved_from"))), gone, event)

    def _note_base(
        self, event: Event | EventOutline, added: list[Mapping[str, Any]], removed: list[Mapping[str, Any]]
    ) -> None:
        if event.action == "snapshot":
            self.base.copied(event, self.events)
        for entry in added:
            if entry.get("path") == RECORDS and "files" not in entry:
                self.base.add(entry, event, self.events)
            elif not tells_nothing_of_base(entry):
                self.base.forget()
        if not all(map(tells_nothing_of_base, removed)):
            self.base.forget()

    def _remove(self, entry: Mapping[str, Any]) -> dict[str, Account]:
        """Forget what was removed, and give what was known of it."""
        path = str(entry.get("path", ""))
        inside = [path]
        if "files" in entry:
            self.folders.pop(path, None)
            inside += [p for p in self.files if p.startswith(f"{path}/")]
        return {p: self.files.pop(p) for p in inside if p in self.files}

    def _add(
        self,
        entry: Mapping[str, Any],
        before: Account | None,
        gone: Mapping[str, Account],
        event: Event | EventOutline,
    ) -> None:
        path = str(entry.get("path", ""))
        if "files" in entry:
            if not path.startswith(f"{ARTIFACTS}/"):  # arrays of many events lie in one folder
                self.folders[path] = entry
                self._take_along(path, entry, gone, lost_are_off=tells_of_lost(event))
            return
        size = entry.get("bytes")
        ranges = _ranges(entry, self.files.get(path), event.event_id)
        if before is not None:  # moved: it is to be what was written, not what it may have become before that
            size, ranges = before.bytes if size is None else size, before.ranges or ranges
        self.files[path] = Account(path, size if isinstance(size, int) else None, ranges, event.event_id)

    def _take_along(
        self, path: str, entry: Mapping[str, Any], gone: Mapping[str, Account], *, lost_are_off: bool
    ) -> None:
        """What is known of many files that were set aside into a folder, where they keep their names."""
        targets = {p: f"{path}/{p.rsplit('/', 1)[-1]}" for p in gone}
        if is_listing(entry, {targets[p]: account.bytes for p, account in gone.items()}):
            self.files |= {target: replace(gone[p], path=target) for p, target in targets.items()}
        else:
            self.aside |= {p: SetAside(gone[p], target, lost_are_off) for p, target in targets.items()}

    def _forget_aside(self, entry: Mapping[str, Any]) -> None:
        path = str(entry.get("path", ""))
        self.aside.pop(path, None)
        if "files" in entry:
            for inside in [p for p in self.aside if p.startswith(f"{path}/")]:
                del self.aside[inside]

    def settle(self, sizes: Mapping[str, int]) -> None:
        """Tell damaged and lost files from the others of a folded list, by the files that there are.

        A list says names and sizes of its files together. A file with the size that it was written with is held against
        the hash of then; of one with another size nothing is known but what the list says. One that is not there
        although the list is whole was lost before, and is missed where it was.

        Args:
            sizes: Of all files, by path.
        """
        whole = {folder for folder, entry in self.folders.items() if is_listing(entry, within(folder, sizes))}
        for path, aside in self.aside.items():
            if aside.path in sizes:
                if aside.before.bytes == sizes[aside.path]:
                    self.files.setdefault(aside.path, replace(aside.before, path=aside.path))
            elif not aside.lost_are_off and posixpath.dirname(aside.path) in whole:
                self.files.setdefault(path, aside.before)


def tells_of_lost(event: Event | EventOutline) -> bool:
    """Whether an event says which files were lost: these are off the record then."""
    return event.action in ("archive_overlay", "remove_overlay") and "missing" in event.metrics


def within(folder: str, sizes: Mapping[str, int]) -> dict[str, int]:
    """The files in a folder, by path."""
    return {path: size for path, size in sizes.items() if path.startswith(f"{folder}/")}


def is_listing(entry: Mapping[str, Any], sizes: Mapping[str, int | None]) -> bool:
    """Whether a folded list is one of these files, by path; their folder is that of the list."""
    names = [(path.removeprefix(f"{entry.get('path')}/"), size) for path, size in sizes.items()]
    return len(names) == entry.get("files") and listing_sha256(names) == entry.get("sha256")


def _entries(listed: object) -> list[Mapping[str, Any]]:
    if isinstance(listed, Mapping):
        return [listed]
    return [e for e in listed if isinstance(e, Mapping)] if isinstance(listed, list) else []


def _ranges(entry: Mapping[str, Any], before: Account | None, event_id: str | None) -> tuple[Range, ...]:
    """The hashed bytes of a file after an event wrote it: what it kept of the file before, what it wrote, the footer."""
    size, whole, footer = entry.get("bytes"), entry.get("sha256"), entry.get("footer_sha256")
    kept = entry.get("prefix_bytes", 0)
    if not isinstance(size, int) or not isinstance(kept, int):
        return ()
    if isinstance(
        prefix := entry.get("prefix_sha256"), str
    ):  # a log set aside: all before the event's own line
        return (Range(0, kept, prefix, event_id),)
    pieces = _pieces(entry, kept, size)
    if isinstance(footer, str) and pieces is not None:
        ranges = [r for r in before.ranges if r.end <= kept] if before is not None else []
        for end, sha256 in [*pieces, (size, footer)]:
            ranges.append(Range(kept, end, sha256, event_id))
            kept = end
        return tuple(ranges)
    return (Range(0, size, whole, event_id),) if isinstance(whole, str) else ()


def _pieces(entry: Mapping[str, Any], kept: int, size: int) -> list[tuple[int, str]] | None:
    """Where each piece of a base that the event wrote ends, and its hash; None where it does not say."""
    found, footer_bytes = entry.get("pieces"), entry.get("footer_bytes")
    if isinstance(found, list):
        pieces = [(p.get("end"), p.get("sha256")) for p in found if isinstance(p, Mapping)]
        return [(end, sha) for end, sha in pieces if isinstance(end, int) and isinstance(sha, str)]
    appended = entry.get("appended_sha256")
    if not (isinstance(appended, str) and isinstance(footer_bytes, int)):
        return None
    end = size - footer_bytes
    return [(end, appended)] if end > kept else []


def fold(events: Iterable[Event | EventOutline]) -> Accounts:
    """Fold a log."""
    accounts = Accounts()
    for event in events:
        accounts.add(event)
    return accounts
