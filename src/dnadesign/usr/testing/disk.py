"""The whole state of a simulated disk: what processes see, what a power cut would leave, and all ways to leave it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from random import Random

from dnadesign.usr.storage.filesystem import FileStat
from dnadesign.usr.testing.nodes import Change, NameChange, Node, needs, orders_left, positions

_ROOT = 1
_DEVICE = 0x51


def os_error(code: int, path: Path | str) -> OSError:
    """The error that the operating system raises for that ``errno``."""
    return OSError(code, os.strerror(code), str(path))


class Disk:
    """Nodes by number, and the changes to names that are not on the disk yet, oldest first."""

    __slots__ = ("_marks", "changes", "clock", "next", "nodes")

    def __init__(self) -> None:
        self.nodes: dict[int, Node] = {_ROOT: Node(_ROOT, True, 0o755, 0)}
        self.changes: tuple[NameChange, ...] = ()
        self.next = _ROOT + 1
        self.clock = 1
        self._marks: dict[frozenset[str], int] = {}  # fingerprints, as long as nothing has changed

    def clone(self) -> Disk:
        """The same state, to go on from by itself."""
        twin = Disk.__new__(Disk)
        twin.nodes, twin.changes = dict(self.nodes), self.changes
        twin.next, twin.clock, twin._marks = self.next, self.clock, self._marks
        return twin

    def lookup(self, path: Path) -> int | None:
        """The node at a path, or None."""
        nodes, number = self.nodes, _ROOT
        for part in path.parts[1:]:
            found = nodes[number].entries.get(part)
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
        self._marks = {}
        for folder, name, number in sets:
            self.nodes[folder] = self.nodes[folder].with_entry(name, number, self._tick())
        self.changes = (*self.changes, NameChange(node, sets))

    def write(self, number: int, change: Change) -> None:
        """Change a file's content."""
        self._marks = {}
        self.nodes[number] = self.nodes[number].changed(change, self._tick())

    def settle(self, folder: int) -> None:
        """Have a folder's names on the disk, and whatever has to come before them."""
        settled = 0
        for change, needed in zip(self.changes, needs(self.changes), strict=True):
            settled |= needed if change.touches(folder) else 0
        for position in positions(settled):
            self._put_on_disk(self.changes[position])
        self.changes = tuple(c for i, c in enumerate(self.changes) if not settled >> i & 1)

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

    def fingerprint(self, indifferent: frozenset[str]) -> int:
        """A hash of all names, kinds and contents, good for this process; contents of files of these names do not count."""
        if indifferent not in self._marks:
            self._marks[indifferent] = self._fingerprint_of(_ROOT, indifferent)
        return self._marks[indifferent]

    def _fingerprint_of(self, folder: int, indifferent: frozenset[str]) -> int:
        found: list[tuple[str, int | bytes | None]] = []
        nodes = self.nodes
        for name, child in nodes[folder].entries.items():
            node = nodes[child]
            if node.is_dir:
                found.append((name, self._fingerprint_of(child, indifferent) if node.entries else 1))
            else:
                found.append((name, None if name in indifferent else node.content))
        return hash(frozenset(found))

    def pending_mark(self, indifferent: frozenset[str]) -> int:
        """A hash of what is not on the disk yet; 0 if that is nothing."""
        dirty = [n for n in self.nodes.values() if n.dirty]
        if dirty:
            ignored = self._named(indifferent)
            dirty = [n for n in dirty if n.number not in ignored]
        if not dirty and not self.changes:
            return 0
        return hash((self.changes, tuple((n.number, n.dirty, n.durable) for n in dirty)))

    def after_power_cut(
        self, *, most: int, random: Random, indifferent: frozenset[str] = frozenset()
    ) -> Iterator[Disk]:
        """The states that a power cut now may leave, at most so many, each once.

        Args:
            most: How many at most; if there are fewer, then all.
            random: Where samples are drawn from.
            indifferent: Names of files whose content is not varied.
        """
        seen, ignored = set[int](), self._named(indifferent)
        unsure = [n for n in self.nodes.values() if not n.is_settled]
        for names in orders_left(self.changes, most=most, random=random):
            after = self._with_names(names, unsure)
            there = after._reachable() if self.changes else None
            dirty = [
                n for n in unsure
                if n.dirty and n.number not in ignored and (there is None or n.number in there)
            ]  # fmt: skip
            for choice in _choices([n.remains() for n in dirty], most=most, random=random):
                state = after._with_contents(dirty, choice) if dirty else after
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

    def _with_names(self, names: int, unsure: Sequence[Node]) -> Disk:
        """What is there after these changes of names got through, a set of bits; contents as on the disk."""
        after = self.clone()
        for position in positions(names):
            after._put_on_disk(self.changes[position])
        for node in unsure:
            after.nodes[node.number] = after.nodes[node.number].as_on_disk()
        after.changes, after._marks = (), {}
        return after

    def _with_contents(self, files: Sequence[Node], contents: Sequence[bytes]) -> Disk:
        state = self.clone()
        state._marks = {}
        for node, content in zip(files, contents, strict=True):
            state.nodes[node.number] = node.as_on_disk(content)
        return state

    def _reachable(self) -> set[int]:
        """All that has a name."""
        nodes, found, folders = self.nodes, {_ROOT}, [_ROOT]
        while folders:
            inside = nodes[folders.pop()].entries.values()
            folders += [number for number in inside if nodes[number].is_dir and number not in found]
            found.update(inside)
        return found

    def _named(self, names: frozenset[str]) -> set[int]:
        """The files of these names, wherever they are."""
        folders = [(n.entries, n.on_disk) for n in self.nodes.values() if n.is_dir]
        return {found[name] for both in folders for found in both for name in names if name in found}


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
