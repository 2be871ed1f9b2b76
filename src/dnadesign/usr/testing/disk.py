"""The whole state of a simulated disk: what processes see, what a power cut would leave, and all ways to leave it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from random import Random

from dnadesign.usr.storage.filesystem import FileStat
from dnadesign.usr.testing.nodes import Change, NameChange, Node, needed_by, orders_left

_ROOT = 1
_DEVICE = 0x51


def os_error(code: int, path: Path | str) -> OSError:
    """The error that the operating system raises for that ``errno``."""
    return OSError(code, os.strerror(code), str(path))


class Disk:
    """Nodes by number, and the changes to names that are not on the disk yet, oldest first."""

    __slots__ = ("changes", "clock", "next", "nodes")

    def __init__(self) -> None:
        self.nodes: dict[int, Node] = {_ROOT: Node(_ROOT, True, 0o755, 0)}
        self.changes: tuple[NameChange, ...] = ()
        self.next = _ROOT + 1
        self.clock = 1

    def clone(self) -> Disk:
        """The same state, to go on from by itself."""
        twin = Disk.__new__(Disk)
        twin.nodes, twin.changes = dict(self.nodes), self.changes
        twin.next, twin.clock = self.next, self.clock
        return twin

    def lookup(self, path: Path) -> int | None:
        """The node at a path, or None."""
        number = _ROOT
        for part in path.parts[1:]:
            found = self.nodes[number].entries.get(part)
            if found is None:
                return None
            number = found
        return number

    def present(self, path: Path) -> int:
        """The node at a path; an error if there is none."""
        found = self.lookup(path)
        if found is None:
            raise os_error(errno.ENOENT, path)
        return found

    def folder(self, path: Path) -> int:
        """The folder at a path; an error if there is none."""
        found = self.present(path)
        if not self.nodes[found].is_dir:
            raise os_error(errno.ENOTDIR, path)
        return found

    def stat(self, number: int) -> FileStat:
        """What is known of a node."""
        node = self.nodes[number]
        size = len(node.content)
        return FileStat(_DEVICE, number, size, node.mode, node.group, node.modified_ns, node.is_dir)

    def add(self, path: Path, *, is_dir: bool, like: FileStat | None = None) -> int:
        """Make a file or folder."""
        parent = self.folder(path.parent)
        number, self.next = self.next, self.next + 1
        mode = like.mode if like is not None else 0o755 if is_dir else 0o644
        group = like.group if like is not None else 0
        self.nodes[number] = Node(number, is_dir, mode, group, self._tick())
        self.rename(number, ((parent, path.name, number),))
        return number

    def rename(self, node: int, sets: tuple[tuple[int, str, int | None], ...]) -> None:
        """Change names, all of these as one."""
        for folder, name, number in sets:
            self.nodes[folder] = self.nodes[folder].with_entry(name, number, self._tick())
        self.changes = (*self.changes, NameChange(node, sets))

    def write(self, number: int, change: Change) -> None:
        """Change a file's content."""
        self.nodes[number] = self.nodes[number].changed(change, self._tick())

    def settle(self, folder: int) -> None:
        """Have a folder's names on the disk, and whatever has to come before them."""
        wanted = {i for i, change in enumerate(self.changes) if change.touches(folder)}
        settled = needed_by(self.changes, wanted)
        for position in sorted(settled):
            self._put_on_disk(self.changes[position])
        self.changes = tuple(c for i, c in enumerate(self.changes) if i not in settled)

    def settle_all(self) -> None:
        """Have everything on the disk."""
        for change in self.changes:
            self._put_on_disk(change)
        self.changes = ()
        self.nodes = {number: node.synced() if node.dirty else node for number, node in self.nodes.items()}

    @property
    def unsynced(self) -> bool:
        """Whether a power cut could lose anything now."""
        return bool(self.changes) or any(node.dirty for node in self.nodes.values())

    def files(self, under: Path) -> dict[str, bytes | None]:
        """The contents of all files below a folder by their relative path; None stands for a folder."""
        found: dict[str, bytes | None] = {}
        start = self.lookup(under)
        stack = [("", start)] if start is not None else []
        while stack:
            prefix, number = stack.pop()
            for name, child in self.nodes[number].entries.items():
                node = self.nodes[child]
                found[prefix + name] = None if node.is_dir else node.content
                if node.is_dir:
                    stack.append((f"{prefix}{name}/", child))
        return found

    def fingerprint(self, indifferent: frozenset[str], number: int = _ROOT) -> int:
        """A hash of all names, kinds and contents, good for this process; contents of files of these names do not count."""
        found = []
        for name, child in self.nodes[number].entries.items():
            node = self.nodes[child]
            inside = self.fingerprint(indifferent, child) if node.is_dir else hash(node.content)
            found.append((name, node.is_dir, 0 if name in indifferent else inside))
        return hash(frozenset(found))

    def pending_mark(self, indifferent: frozenset[str]) -> int:
        """A hash of what is not on the disk yet; 0 if that is nothing."""
        ignored = {
            child for n in self.nodes.values() for name, child in n.entries.items() if name in indifferent
        }
        dirty = [
            (n.number, n.dirty, n.durable) for n in self.nodes.values() if n.dirty and n.number not in ignored
        ]
        return hash((self.changes, tuple(dirty))) if dirty or self.changes else 0

    def after_power_cut(
        self, *, most: int, random: Random, indifferent: frozenset[str] = frozenset()
    ) -> Iterator[Disk]:
        """The states that a power cut now may leave, at most so many, each once.

        Args:
            most: How many at most; if there are fewer, then all.
            random: Where samples are drawn from.
            indifferent: Names of files whose content is not varied.
        """
        seen: set[int] = set()
        for names in orders_left(self.changes, most=most, random=random):
            after = self._with_names(names)
            dirty = [n for n in after.nodes if self.nodes[n].dirty and after._name(n) not in indifferent]
            options = [self.nodes[n].remains() for n in dirty]
            for choice in _choices(options, most=most, random=random):
                state = after._with_contents(dict(zip(dirty, choice, strict=True)))
                mark = state.fingerprint(indifferent)
                if mark not in seen:
                    seen.add(mark)
                    yield state
                if len(seen) >= most:
                    return

    def _tick(self) -> int:
        self.clock += 1
        return self.clock

    def _put_on_disk(self, change: NameChange) -> None:
        for folder, name, number in change.sets:
            self.nodes[folder] = self.nodes[folder].with_entry_on_disk(name, number)

    def _with_names(self, names: Iterable[int]) -> Disk:
        """What is there after these changes of names got through, contents as on the disk."""
        after = self.clone()
        for position in sorted(names):
            after._put_on_disk(self.changes[position])
        after.changes = ()
        nodes: dict[int, Node] = {}
        stack = [_ROOT]
        while stack:
            node = after.nodes[stack.pop()]
            if node.number not in nodes:
                nodes[node.number] = node.as_on_disk()
                stack.extend(node.on_disk.values())
        after.nodes = nodes
        return after

    def _with_contents(self, contents: Mapping[int, bytes]) -> Disk:
        state = self.clone()
        for number, content in contents.items():
            state.nodes[number] = state.nodes[number].as_on_disk(content)
        return state

    def _name(self, number: int) -> str:
        entries = (item for node in self.nodes.values() for item in node.entries.items())
        return next((name for name, child in entries if child == number), "")


def _choices(options: Sequence[Sequence[bytes]], *, most: int, random: Random) -> Iterator[tuple[bytes, ...]]:
    total = 1
    for option in options:
        total *= len(option)
    if total <= most:
        yield from product(*options)
        return
    yield tuple(option[0] for option in options)
    yield tuple(option[-1] for option in options)
    for _ in range(most):
        yield tuple(random.choice(option) for option in options)
