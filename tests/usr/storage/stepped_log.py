"""A writer of the event log that takes one step at a time, and a file system that lets it do so between any two reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from dnadesign.usr.contract.events import DatasetRef, make_event
from dnadesign.usr.contract.layout import EVENTS, EVENTS_ARCHIVE, INTENT, INTENT_SYNCED, PRIVATE, archived_log
from dnadesign.usr.storage.filesystem import REAL, Entry, FileStat, Mode, Names, RealFile, RealFileSystem
from dnadesign.usr.storage.intent import Intent, Move, Publish, read_intent

Fate = Literal["done", "rolled back", "killed early", "killed half way", "killed written", "killed synced"]
FATES: tuple[Fate, ...] = (
    "done", "rolled back", "killed early", "killed half way", "killed written", "killed synced",
)  # fmt: skip


def event_line(action: str = "made_up", **args: object) -> bytes:
    """One line; all lines of one action without args are equally long, which is the hardest case for a reader."""
    return make_event(
        action, dataset=DatasetRef("lab/a", "/data"), registry_hash="ab" * 32, txid="cd" * 16, args=args
    ).to_json_line()


class SteppedWriter:
    """Commits to a log as the library does, each ``yield`` between two of its system calls.

    Attributes:
        committed: The lines that count when all is done, in order.
    """

    def __init__(self, dataset: Path) -> None:
        self.dataset = dataset
        self._archived = 0
        (dataset / PRIVATE).mkdir(parents=True, exist_ok=True)
        (dataset / EVENTS_ARCHIVE).mkdir()
        self.log.touch()
        self.committed = self.log.read_bytes().splitlines(keepends=True)

    @property
    def log(self) -> Path:
        return self.dataset / EVENTS

    def commit(self, lines: list[bytes], fate: Fate) -> Iterator[None]:
        """Write lines as one change, which ends as ``fate`` says."""
        yield from self.recover()
        yield from self._write(Intent("0" * 32, self.log.stat().st_size, b"".join(lines)), fate)
        if fate not in {"rolled back", "killed early", "killed half way"}:
            self.committed += lines

    def archive(self, fate: Fate) -> Iterator[None]:
        """Archive the log, as one change."""
        yield from self.recover()
        line = event_line("events_archive")
        staged = self.dataset / PRIVATE / f".{len(self.committed)}"
        staged.write_bytes(line)
        self._archived += 1
        moment = datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=self._archived)
        yield from self._write(
            Intent(
                "0" * 32,
                self.log.stat().st_size,
                line,
                moves=(Move(EVENTS, archived_log(moment)),),
                publishes=(Publish(str(staged.relative_to(self.dataset)), EVENTS, len(line), None),),
            ),
            fate,
        )
        if fate not in {"rolled back", "killed early", "killed half way"}:
            self.committed.append(line)

    def _write(self, intent: Intent, fate: Fate) -> Iterator[None]:
        yield
        hidden = self.dataset / PRIVATE / ".intent"
        hidden.write_bytes(intent.to_bytes())
        hidden.rename(self.dataset / INTENT)
        yield
        if fate == "killed early":
            return
        half = len(intent.event_bytes) // 2
        self._put(intent.log_offset, intent.event_bytes[:half])
        yield
        if fate == "killed half way":
            return
        self._put(intent.log_offset + half, intent.event_bytes[half:])
        yield
        if fate == "rolled back":
            os.truncate(self.log, intent.log_offset)
            yield
            (self.dataset / INTENT).unlink()
            return
        if fate == "killed written":
            return
        (self.dataset / INTENT).rename(self.dataset / INTENT_SYNCED)
        yield
        if fate == "killed synced":
            return
        yield from self._apply(intent)

    def _put(self, offset: int, data: bytes) -> None:
        with self.log.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    def _apply(self, intent: Intent) -> Iterator[None]:
        for move in intent.moves:
            if not (self.dataset / move.target).exists():
                (self.dataset / move.source).rename(self.dataset / move.target)
                yield
        for publish in intent.publishes:
            if (self.dataset / publish.staged).exists():
                (self.dataset / publish.staged).rename(self.dataset / publish.target)
                yield
        (self.dataset / INTENT_SYNCED).unlink()

    def recover(self) -> Iterator[None]:
        """Settle what a killed writer left."""
        intent = read_intent(REAL, self.dataset)
        if intent is None:
            return
        if not intent.synced:
            end = intent.log_offset + len(intent.event_bytes)
            if self.log.read_bytes()[intent.log_offset : end] != intent.event_bytes:
                os.truncate(self.log, intent.log_offset)
                yield
                (self.dataset / INTENT).unlink()
                return
            self._put(intent.log_offset, intent.event_bytes)
            yield
            (self.dataset / INTENT).rename(self.dataset / INTENT_SYNCED)
            yield
        yield from self._apply(intent)


class SteppedFile(RealFile):
    """An open file before each read of which others may act."""

    __slots__ = ("_before",)

    def __init__(self, fd: int, path: Path, before: Callable[[], None]) -> None:
        super().__init__(fd, path)
        self._before = before

    def stat(self) -> FileStat:
        self._before()
        return super().stat()

    def read_at(self, offset: int, count: int) -> bytes:
        self._before()
        half = count // 2  # a read of several pages is not one step either
        first = super().read_at(offset, half)
        if len(first) < half:
            return first
        self._before()
        return first + super().read_at(offset + half, count - half)


class SteppedFileSystem(RealFileSystem):
    """The real file system, before each call of which ``before`` is called."""

    def __init__(self, before: Callable[[], None]) -> None:
        self._before = before

    def open(self, path: Path, mode: Mode, *, like: FileStat | None = None) -> RealFile:
        self._before()
        fd = super().open(path, mode, like=like).fd
        return SteppedFile(fd, path, self._before)

    def stat(self, path: Path) -> FileStat | None:
        self._before()
        return super().stat(path)

    def list(self, path: Path) -> list[Entry]:
        self._before()
        return super().list(path)

    def names(self, path: Path) -> Names:
        self._before()
        return super().names(path)
