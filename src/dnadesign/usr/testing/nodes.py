"""Files, folders and names on a disk, and what is on its way there: the values behind the simulated file system.

Every value here is immutable and replaced when it changes, so that a copy of the whole state costs two small copies.

What a power cut may leave is modelled as POSIX allows it, which is more than today's file systems do:

- The data of a file is on the disk once the file was synced. Of what was written since, any subset may be there, each
  write whole, in part, or, where the file was shorter before, as zeros.
- A name is on the disk once its folder was synced. Of the changes to names since, any subset may be there that keeps
  the order of changes to one name and to one file; syncing a file does not make its name durable.
- A rename, also from one folder to another, happens or does not (both folders are changed, or none).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from random import Random

_MOST_COMBINATIONS = 64  # of the writes to one file


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes written at an offset since the last sync."""

    offset: int
    data: bytes

    def apply(self, content: bytes) -> bytes:
        """The content after it; a gap before it reads as zeros."""
        if self.offset == len(content):
            return content + self.data
        head = content[: self.offset].ljust(self.offset, b"\0")
        return head + self.data + content[self.offset + len(self.data) :]

    def partly(self) -> tuple[Change, ...]:
        """What a power cut may leave of it, besides all and nothing."""
        if len(self.data) < 2:
            return ()
        return (Write(self.offset, self.data[: len(self.data) // 2]), Grow(self.offset + len(self.data)))


@dataclass(frozen=True, slots=True)
class Cut:
    """A change of size since the last sync."""

    size: int

    def apply(self, content: bytes) -> bytes:
        """The content after it."""
        return content[: self.size].ljust(self.size, b"\0")

    def partly(self) -> tuple[Change, ...]:
        """Nothing between all and nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class Grow:
    """A write of which the new size reached the disk and the bytes did not: zeros where nothing was before."""

    size: int

    def apply(self, content: bytes) -> bytes:
        """The content after it."""
        return content.ljust(self.size, b"\0")

    def partly(self) -> tuple[Change, ...]:
        """Nothing between all and nothing."""
        return ()


Change = Write | Cut | Grow


@dataclass(frozen=True, slots=True)
class Node:
    """A file or folder.

    Attributes:
        number: Its inode number, never used again.
        is_dir: Whether it is a folder.
        mode: Permission bits.
        group: Owning group.
        modified_ns: When it was changed last, by the file system's own clock.
        content: A file's bytes as every process sees them.
        durable: A file's bytes on the disk.
        dirty: What was written since the last sync.
        entries: A folder's names as every process sees them.
        on_disk: A folder's names on the disk.
    """

    number: int
    is_dir: bool
    mode: int
    group: int
    modified_ns: int = 0
    content: bytes = b""
    durable: bytes = b""
    dirty: tuple[Change, ...] = ()
    entries: Mapping[str, int] = field(default_factory=dict)
    on_disk: Mapping[str, int] = field(default_factory=dict)

    def changed(self, change: Change, modified_ns: int) -> Node:
        """The file after a write or change of size."""
        content = change.apply(self.content)
        return self._with(
            content, self.durable, (*self.dirty, change), self.entries, self.on_disk, modified_ns
        )

    def synced(self) -> Node:
        """The file after a sync: what was written since the last one is on the disk."""
        durable = self.durable
        for change in self.dirty:
            durable = change.apply(durable)
        return self._with(self.content, durable, (), self.entries, self.on_disk, self.modified_ns)

    def falsely_clean(self) -> Node:
        """The file after a sync that failed: nothing reached the disk, and nothing is written there any more."""
        return self._with(self.content, self.durable, (), self.entries, self.on_disk, self.modified_ns)

    def with_entry(self, name: str, number: int | None, modified_ns: int) -> Node:
        """The folder with a name added, changed, or removed."""
        entries = _with_name(self.entries, name, number)
        return self._with(self.content, self.durable, self.dirty, entries, self.on_disk, modified_ns)

    def with_entry_on_disk(self, name: str, number: int | None) -> Node:
        """The folder after such a change has reached the disk."""
        on_disk = _with_name(self.on_disk, name, number)
        return self._with(self.content, self.durable, self.dirty, self.entries, on_disk, self.modified_ns)

    def as_on_disk(self, durable: bytes | None = None) -> Node:
        """What a power cut leaves of it; of a file, these bytes."""
        kept = self.durable if durable is None else durable
        return self._with(kept, kept, (), self.on_disk, self.on_disk, self.modified_ns)

    def _with(  # noqa: PLR0917 - called for every change: a copy by name would take most of a search's time
        self,
        content: bytes,
        durable: bytes,
        dirty: tuple[Change, ...],
        entries: Mapping[str, int],
        on_disk: Mapping[str, int],
        modified_ns: int,
    ) -> Node:
        return Node(
            self.number,
            self.is_dir,
            self.mode,
            self.group,
            modified_ns,
            content,
            durable,
            dirty,
            entries,
            on_disk,
        )

    def remains(self) -> list[bytes]:
        """The contents that a power cut may leave, what is on the disk first."""
        options = [(None, change, *change.partly()) for change in self.dirty]
        if _count(options) > _MOST_COMBINATIONS:
            options = [(None, change) for change in self.dirty]
        choices: Iterator[tuple[Change | None, ...]]
        if _count(options) > _MOST_COMBINATIONS:
            choices = iter(
                [
                    *(self.dirty[:i] for i in range(len(self.dirty) + 1)),
                    *((*self.dirty[:i], *self.dirty[i + 1 :]) for i in range(len(self.dirty))),
                ]
            )
        else:
            choices = product(*options)
        found: dict[bytes, None] = {self.durable: None}
        for choice in choices:
            content = self.durable
            for change in choice:
                content = change.apply(content) if change is not None else content
            found[content] = None
        return list(found)


def _count(options: Sequence[Sequence[object]]) -> int:
    total = 1
    for option in options:
        total *= len(option)
    return total


def _with_name(entries: Mapping[str, int], name: str, number: int | None) -> dict[str, int]:
    found = dict(entries)
    if number is None:
        found.pop(name, None)
    else:
        found[name] = number
    return found


@dataclass(frozen=True, slots=True)
class NameChange:
    """A change to names that happens as one: a creation, a removal, or a rename.

    Attributes:
        node: The file or folder that it names.
        sets: Folder, name, and what the name stands for afterwards.
    """

    node: int
    sets: tuple[tuple[int, str, int | None], ...]

    def touches(self, folder: int) -> bool:
        """Whether it changes a name in that folder."""
        return any(number == folder for number, _, _ in self.sets)


def needed_by(changes: Sequence[NameChange], wanted: set[int]) -> set[int]:
    """The positions of those changes, and of the earlier ones to the same names and files, which come before them."""
    nodes: set[int] = set()
    keys: set[tuple[int, str]] = set()
    found: set[int] = set()
    for position in range(len(changes) - 1, -1, -1):
        change = changes[position]
        own = {(folder, name) for folder, name, _ in change.sets}
        if position in wanted or change.node in nodes or own & keys:
            found.add(position)
            nodes.add(change.node)
            keys |= own
    return found


def orders_left(changes: Sequence[NameChange], *, most: int, random: Random) -> list[frozenset[int]]:
    """Which of the changes to names a power cut may have let through, as sets of positions.

    All such sets if they are at most ``most``, else none, all, every prefix, each change alone and each left out as far
    as that goes, and a sample of the others.
    """
    count = len(changes)
    if 2**count <= 4 * most:
        subsets = ({i for i in range(count) if code >> i & 1} for code in range(2**count))
        closed = [frozenset(s) for s in subsets if needed_by(changes, s) == s]
        if len(closed) <= most:
            return closed
    everything = set(range(count))
    found: dict[frozenset[int], None] = {frozenset(): None, frozenset(everything): None}
    for i in range(count):
        found[frozenset(needed_by(changes, {i}))] = None
        found[frozenset(range(i))] = None
        found[frozenset(j for j in everything if i not in needed_by(changes, {j}))] = None
    for _ in range(4 * most):
        if len(found) >= most:
            break
        wanted = {i for i in everything if random.random() < random.choice((0.2, 0.5, 0.8))}
        found[frozenset(needed_by(changes, wanted))] = None
    return list(found)[: max(most, 2)]
