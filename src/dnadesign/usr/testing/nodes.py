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
from dataclasses import dataclass
from itertools import product
from random import Random
from types import MappingProxyType

_MOST_COMBINATIONS = 64  # of the writes to one file
_NO_NAMES: Mapping[str, int] = MappingProxyType({})


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
    entries: Mapping[str, int] = _NO_NAMES
    on_disk: Mapping[str, int] = _NO_NAMES

    @property
    def is_settled(self) -> bool:
        """Whether a power cut would leave it as it is."""
        return not self.dirty and self.entries is self.on_disk and self.content == self.durable

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
        on_disk: Mapping[str, int] = _with_name(self.on_disk, name, number)
        if on_disk == self.entries:
            on_disk = self.entries  # one and the same: nothing is on its way
        return self._with(self.content, self.durable, self.dirty, self.entries, on_disk, self.modified_ns)

    def as_on_disk(self, durable: bytes | None = None) -> Node:
        """What a power cut leaves of it; of a file, these bytes."""
        kept = self.durable if durable is None else durable
        if self.is_settled and kept == self.durable:
            return self
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


def needs(changes: Sequence[NameChange]) -> list[int]:
    """For each change the ones that come before it, itself too, as a set of bits: earlier ones to its names and files."""
    found: list[int] = []
    last_of_node: dict[int, int] = {}
    last_of_name: dict[tuple[int, str], int] = {}
    for position, change in enumerate(changes):
        bits = 1 << position | last_of_node.get(change.node, 0)
        names = [(folder, name) for folder, name, _ in change.sets]
        for key in names:
            bits |= last_of_name.get(key, 0)
        last_of_node[change.node] = bits
        last_of_name |= dict.fromkeys(names, bits)
        found.append(bits)
    return found


def positions(bits: int) -> list[int]:
    """The members of a set of bits, in order."""
    return [i for i in range(bits.bit_length()) if bits >> i & 1]


def orders_left(changes: Sequence[NameChange], *, most: int, random: Random) -> list[int]:
    """Which of the changes to names a power cut may have let through, as sets of bits.

    All such sets if they are at most ``most``, else none, all, every prefix, each change alone and each left out as far
    as that goes, and a sample of the others.
    """
    count, needed = len(changes), needs(changes)
    if 2**count <= 4 * most:
        closed = [bits for bits in range(2**count) if _closure(bits, needed) == bits]
        if len(closed) <= most:
            return closed
    everything = (1 << count) - 1
    found: dict[int, None] = {0: None, everything: None}
    for i in range(count):
        found[needed[i]] = None
        found[(1 << i) - 1] = None
        found[sum(1 << j for j in range(count) if not needed[j] >> i & 1)] = None
    for _ in range(4 * most):
        if len(found) >= most:
            break
        often = random.choice((0.2, 0.5, 0.8))
        wanted = sum(1 << i for i in range(count) if random.random() < often)
        found[_closure(wanted, needed)] = None
    return list(found)[: max(most, 2)]


def _closure(bits: int, needed: Sequence[int]) -> int:
    found = 0
    for position in positions(bits):
        found |= needed[position]
    return found
