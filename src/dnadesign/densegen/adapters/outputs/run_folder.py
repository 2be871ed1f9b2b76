"""The folder of a run beside its config: the manifest, the lock of each shard, the attempts."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from dnadesign.densegen.contract.batches import Shard
from dnadesign.densegen.contract.errors import BusyError, DensegenError

MANIFEST_VERSION = 1
_LOCK_TRIES = 5
_LOCK_PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class RunFolder:
    """``runs/<run id>/`` beside the config file."""

    path: Path

    @property
    def manifest_path(self) -> Path:
        """What is constant over the run."""
        return self.path / "manifest.json"

    @property
    def attempts_path(self) -> Path:
        """The gathered attempts."""
        return self.path / "attempts.parquet"

    def manifest(self) -> dict[str, Any] | None:
        """The manifest, or None before the first start.

        Raises:
            DensegenError: It is not readable as a manifest of a version known here.
        """
        try:
            raw = json.loads(self.manifest_path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise DensegenError(f"{self.manifest_path}: not a readable manifest: {error}") from None
        if not isinstance(raw, dict) or raw.get("manifest_version") != MANIFEST_VERSION:
            raise DensegenError(f"{self.manifest_path}: expected manifest_version {MANIFEST_VERSION}")
        return raw

    def write_manifest(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """Write the manifest unless another shard was first; returns the one that is in force."""
        self.path.mkdir(parents=True, exist_ok=True)
        hidden = self.path / f".manifest.{uuid4().hex}.tmp"
        text = json.dumps({"manifest_version": MANIFEST_VERSION, **content}, indent=2, sort_keys=True)
        with hidden.open("w", encoding="utf-8") as handle:
            handle.write(text + "\n")
            handle.flush()
            os.fsync(handle.fileno())
        # A link, unlike a rename, fails when the name is there: of several shards one wins.
        with contextlib.suppress(FileExistsError):
            self.manifest_path.hardlink_to(hidden)
        hidden.unlink()
        in_force = self.manifest()
        if in_force is None:
            raise DensegenError(f"{self.manifest_path}: went away while the run was starting")
        return in_force

    def clear(self, shard: Shard, *, manifest: bool) -> None:
        """Remove the attempts of a shard, and the manifest when asked to."""
        attempts = self.path / "attempts" / shard.name
        if attempts.exists():
            shutil.rmtree(attempts)
        if manifest:
            self.manifest_path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def locked(self, shard: Shard) -> Iterator[None]:
        """Hold the lock of a shard, so that two processes do not do the same work.

        Raises:
            BusyError: Another process holds it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        path = self.path / f".{shard.name}.lock"
        with path.open("a+") as handle:
            if not _try_lock(handle):
                handle.seek(0)
                owner = handle.read().strip() or "another process"
                raise BusyError(
                    f"run {self.path.name}, shard {shard}: {owner} is at work on it",
                    mend="wait for it, or look with: dense status --config FILE",
                )
            handle.truncate(0)
            handle.write(f"process {os.getpid()} on {os.uname().nodename}\n")
            handle.flush()
            yield

    def at_work(self) -> tuple[str, ...]:
        """The shards that a process is working on now, by the name of their lock."""
        return tuple(
            path.name.removeprefix(".").removesuffix(".lock")
            for path in sorted(self.path.glob(".shard-*.lock"))
            if _is_locked(path)
        )


def _try_lock(handle: IO[str]) -> bool:
    """Take the lock; a moment's patience, as ``at_work`` of another process holds it for an instant."""
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_PAUSE)
        else:
            return True
    return False


def _is_locked(path: Path) -> bool:
    with path.open("r") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
