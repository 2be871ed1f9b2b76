"""One committed version of a dataset, pinned: its files are open, whatever is renamed or removed meanwhile.

The reader's steps (no lock):

1. Note the committed end of the log and the pending intent, if any.
2. List the files. If the intent is synced, count its moves, publishes and removes as done: drop what it moves or
   removes, and take each file it publishes from its staged name or, once renamed, from its final one.
3. Open every file.
4. Note the committed end again. If it is another, or a file was gone, begin again, keeping the open parts (they are
   immutable and their names are unique), a bounded number of times.
"""

from __future__ import annotations

import contextlib
import errno
import random
import resource
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dnadesign.usr import storage as _storage  # Arrow is loaded when a footer is asked for
from dnadesign.usr.contract.errors import (
    ConcurrentChangeError,
    CorruptFileError,
    DatasetNotFound,
    EventLogError,
    NamespaceNotFound,
    OverlayLayoutError,
    SchemaError,
    StorageError,
)
from dnadesign.usr.contract.event_fields import check_version, parse_object
from dnadesign.usr.contract.events import EVENT_VERSION, Event
from dnadesign.usr.contract.layout import (
    DERIVED,
    EVENTS,
    META_SCHEMA_VERSION,
    RECORDS,
    SCHEMA_VERSION,
    is_part,
    overlay_dir,
    overlay_file,
    overlay_of,
    parts_of,
)
from dnadesign.usr.contract.names import is_stored_namespace, nearest
from dnadesign.usr.storage.filesystem import FileSystem, OpenFile
from dnadesign.usr.storage.intent import Intent
from dnadesign.usr.storage.known_files import KnownFiles
from dnadesign.usr.storage.lost_log import lost_log
from dnadesign.usr.storage.visibility import CommittedLog, committed_log_end

if TYPE_CHECKING:  # only a name in signatures
    from dnadesign.usr.storage.parquet import Footer

_ATTEMPTS = 200
_MISSING_ATTEMPTS = 5  # a file missing that often, with nothing committed meanwhile, is gone
_SPARE_DESCRIPTORS = 64


@dataclass
class PinnedFile:
    """An open file of a version.

    Attributes:
        path: Relative to the dataset.
        file: The file.
        known: What was read of files before.
    """

    path: str
    file: OpenFile
    known: KnownFiles | None = None

    @cached_property
    def footer(self) -> Footer:
        """Its Parquet footer, read when first asked for."""
        if self.known is not None and is_part(self.path.rsplit("/", 1)[-1]):
            return self.known.footer_of(self.file)
        return _storage.parquet.read_footer(self.file)

    @cached_property
    def checked(self) -> bytearray:
        """The pages that :mod:`page_checks` has looked at, for this version or an earlier one: a 1 for each leaf of each row group."""
        count = len(self.footer.group_rows) * len(self.footer.form.stored)
        return self.known.checked_of(self.file, count) if self.known is not None else bytearray(count)

    @property
    def size(self) -> int:
        """Its size in bytes, also of a file that is damaged."""
        return self.footer.size if "footer" in self.__dict__ else self.file.stat().size


@dataclass(frozen=True, slots=True)
class Overlay:
    """The stored files of one namespace; an overlay that is both a file and parts is not sound."""

    namespace: str
    files: tuple[PinnedFile, ...]

    @property
    def layout(self) -> str:
        """``file``, ``parts`` or ``both``."""
        single = [f for f in self.files if f.path == overlay_file(self.namespace)]
        if not single:
            return "parts"
        return "file" if len(self.files) == 1 else "both"

    def check_layout(self, dataset: Path) -> None:
        """Refuse an overlay that is stored in both forms.

        Raises:
            OverlayLayoutError: It is.
        """
        if self.layout == "both":
            raise layout_conflict(dataset, self.namespace)


def layout_conflict(dataset: Path, namespace: str) -> OverlayLayoutError:
    """The error for a namespace that is both a file and a folder of parts."""
    return OverlayLayoutError(
        f"{dataset}: namespace {namespace!r} is stored both as {overlay_file(namespace)} and as parts in "
        f"{overlay_dir(namespace)}/; which of them counts cannot be told",
        mend="move one of the two out of the dataset's _derived folder, then run 'usr validate'",
    )


def namespace_not_found(dataset: Path, namespace: str, known: Iterable[str]) -> NamespaceNotFound:
    """The error for a namespace that a dataset has no rows of."""
    names = list(known)
    meant = nearest(namespace, names)
    return NamespaceNotFound(
        f"{dataset}: has no overlay {namespace!r}",
        mend=f"did you mean {meant!r}?" if meant else f"it has {', '.join(names) or 'none'}",
    )


@dataclass
class Version:
    """A dataset as of one committed event, its files open; close it, or use it in a ``with`` block."""

    fs: FileSystem
    dataset: Path
    log: CommittedLog
    base: PinnedFile
    overlays: dict[str, Overlay] = field(default_factory=dict)

    def files(self) -> Iterator[PinnedFile]:
        """The base and all overlay files."""
        yield self.base
        for overlay in self.overlays.values():
            yield from overlay.files

    def check_layouts(self) -> None:
        """Refuse a dataset with an overlay stored in both forms.

        Raises:
            OverlayLayoutError: There is one.
        """
        for overlay in self.overlays.values():
            overlay.check_layout(self.dataset)

    def close(self) -> None:
        """Let go of the files."""
        for pinned in self.files():
            pinned.file.close()

    def __enter__(self) -> Version:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the files."""
        self.close()


def check_log_is_known(dataset: Path, log: CommittedLog) -> None:
    """Refuse a log that a newer library has written to: what its events mean is not known here.

    The last event tells, at a cost that does not grow; whoever reads all events checks each.

    Raises:
        EventLogError: The last event is of another version.
    """
    try:
        found = parse_object(log.last.raw) if log.last is not None else {}
    except EventLogError:
        return  # damage, which is told where events are read
    if "event_version" in found:
        try:
            check_version(found, expected=EVENT_VERSION)
        except EventLogError as error:
            raise _at_last_line(dataset, log, error) from error


def check_log_is_sound(dataset: Path, log: CommittedLog) -> None:
    """Refuse to write behind a line that is no event: no crash leaves one.

    Raises:
        EventLogError: The last line is none.
    """
    try:
        if log.last is not None:
            Event.from_json_line(log.last.raw)
    except EventLogError as error:
        raise _at_last_line(dataset, log, error) from error


def _at_last_line(dataset: Path, log: CommittedLog, error: EventLogError) -> EventLogError:
    offset = log.last.offset if log.last is not None else 0
    mend = "restore the log from a backup; 'usr maintenance recover' tells what can be read of it"
    return EventLogError(f"{dataset / EVENTS}, byte {offset}: {error.message}", mend=error.mend or mend)


def check_base_is_known(dataset: Path, base: PinnedFile) -> None:
    """Refuse a base of a schema version that is not known here.

    Raises:
        SchemaError: It is of one.
    """
    check_schema_version(dataset / base.path, base.footer.key_values)


def check_schema_version(base: Path, key_values: Mapping[bytes, bytes]) -> None:
    """Refuse a base whose metadata name a schema version that is not known here.

    Raises:
        SchemaError: They do.
    """
    found = key_values.get(META_SCHEMA_VERSION, SCHEMA_VERSION.encode()).decode("utf-8", "replace")
    if found != SCHEMA_VERSION:
        raise SchemaError(
            f"{base}: usr:schema_version is {found!r}, expected {SCHEMA_VERSION!r}",
            mend="use the version of dnadesign that wrote it, or a newer one",
        )


def open_version(fs: FileSystem, dataset: Path, known: KnownFiles | None = None) -> Version:
    """Pin the newest committed version of a dataset; footers that are known are not read again.

    Raises:
        DatasetNotFound: There is no dataset, or its first event is not committed.
        EventLogError: Its files are there and its log is gone.
        ConcurrentChangeError: Writers were too quick for it all the time.
        StorageError: Too many parts for the descriptors that the process may have.
    """
    kept: dict[str, OpenFile] = {}
    missing = 0
    try:
        for attempt in range(_ATTEMPTS):
            log = committed_log_end(fs, dataset)
            if log.end == 0:
                raise lost_log(fs, dataset) or not_found(dataset)
            version = _try_pin(fs, dataset, log, kept)
            unchanged = _same(log, committed_log_end(fs, dataset))
            if version is not None and unchanged:
                _close_others(kept, version)
                for pinned in version.files():
                    pinned.known = known
                return version
            if version is not None:
                version.base.file.close()
            missing = missing + 1 if version is None and unchanged else 0
            if missing >= _MISSING_ATTEMPTS:
                raise gone(fs, dataset)
            time.sleep(min(0.02, 0.0005 * attempt) * random.random())  # noqa: S311 - spreads readers, no secret
    except BaseException:
        _close_all(kept)
        raise
    _close_all(kept)
    raise ConcurrentChangeError(
        f"{dataset}: changed {_ATTEMPTS} times while one version of it was being opened", mend="try again"
    )


def not_found(dataset: Path) -> DatasetNotFound:
    """The error for a folder that is not a dataset."""
    return DatasetNotFound(
        f"{dataset}: no dataset there", mend="'usr ls' lists the datasets, 'usr init' makes one"
    )


def gone(fs: FileSystem, dataset: Path) -> CorruptFileError:
    """The error for a dataset that lacks a file which its log tells of."""
    base = dataset / RECORDS
    what = (
        f"{base}: the base table is gone" if fs.stat(base) is None else f"{dataset}: a committed file is gone"
    )
    return CorruptFileError(
        f"{what}, although the event log has its changes",
        mend="restore it from a backup or from _snapshots/; 'usr events verify' names every missing file",
    )


def _same(one: CommittedLog, other: CommittedLog) -> bool:
    return (one.device, one.inode, one.end) == (other.device, other.inode, other.end)


def _try_pin(fs: FileSystem, dataset: Path, log: CommittedLog, kept: dict[str, OpenFile]) -> Version | None:
    """Open everything once; None when a file went away meanwhile."""
    intent = log.intent if log.intent is not None and log.intent.synced else None
    paths = stored_overlays(fs, dataset, intent)
    raise_descriptor_limit(sum(map(len, paths.values())))
    opened_base = None
    try:
        opened_base = _open(fs, dataset, RECORDS, intent)
        overlays = {
            namespace: Overlay(
                namespace, tuple(PinnedFile(p, _open_kept(fs, dataset, p, intent, kept)) for p in found)
            )
            for namespace, found in paths.items()
        }
    except FileNotFoundError:
        if opened_base is not None:
            opened_base.close()
        return None
    except OSError as error:
        if opened_base is not None:
            opened_base.close()
        if error.errno == errno.EMFILE:
            raise _too_many(dataset, paths) from error
        raise
    return Version(fs, dataset, log, PinnedFile(RECORDS, opened_base), overlays)


def _too_many(dataset: Path, paths: dict[str, list[str]]) -> StorageError:
    largest = max(paths, key=lambda namespace: len(paths[namespace]))
    return StorageError(
        f"{dataset}: namespace {largest!r} has {len(paths[largest])} parts, more files than this process may open",
        mend=f"merge them, in that folder: usr maintenance overlay-compact --namespace {largest} --reason TEXT (or "
        "raise 'ulimit -n')",
    )


def _open_kept(
    fs: FileSystem, dataset: Path, path: str, intent: Intent | None, kept: dict[str, OpenFile]
) -> OpenFile:
    if not is_part(path.rsplit("/", 1)[-1]):  # a single-file overlay can be replaced under its name
        old = kept.pop(path, None)
        if old is not None:
            old.close()
    if path not in kept:
        kept[path] = _open(fs, dataset, path, intent)
    return kept[path]


def _open(fs: FileSystem, dataset: Path, path: str, intent: Intent | None) -> OpenFile:
    if intent is not None:
        before = {p.target: p.staged for p in intent.publishes} | {m.target: m.source for m in intent.moves}
        if path in before:
            with contextlib.suppress(FileNotFoundError):  # renamed meanwhile: it has its final name
                return fs.open(dataset / before[path], "read")
    return fs.open(dataset / path, "read")


def _close_others(kept: dict[str, OpenFile], version: Version) -> None:
    used = {id(pinned.file) for pinned in version.files()}
    for file in kept.values():
        if id(file) not in used:
            file.close()


def _close_all(kept: dict[str, OpenFile]) -> None:
    for file in kept.values():
        file.close()


def stored_overlays(fs: FileSystem, dataset: Path, intent: Intent | None) -> dict[str, list[str]]:
    """The overlay files of each namespace, as relative paths; a synced intent counts as done.

    An empty folder is nothing, and so are hidden files and names outside the grammar; but a folder in the place of a
    file is one that cannot be read.
    """
    found: dict[str, list[str]] = {}
    for entry in fs.list(dataset / DERIVED):
        is_file = entry.name.endswith(".parquet")
        namespace = entry.name.removesuffix(".parquet")
        if not is_stored_namespace(namespace) or not (is_file or entry.is_dir):
            continue
        paths = found.setdefault(namespace, [])
        if is_file:
            paths.append(overlay_file(namespace))
        else:
            folder = overlay_dir(namespace)
            paths += [f"{folder}/{name}" for name in parts_of(fs.names(dataset / folder))]
    if intent is not None:
        _count_as_done(found, intent)
    return {namespace: sorted(paths) for namespace, paths in sorted(found.items()) if paths}


def _count_as_done(found: dict[str, list[str]], intent: Intent) -> None:
    gone = [move.source for move in intent.moves] + [remove.target for remove in intent.removes]
    for paths in found.values():
        paths[:] = [p for p in paths if not any(p == g or p.startswith(f"{g}/") for g in gone)]
    for target in [move.target for move in intent.moves] + [publish.target for publish in intent.publishes]:
        namespace = overlay_of(target)
        if namespace is not None and target not in found.setdefault(namespace, []):
            found[namespace].append(target)


def raise_descriptor_limit(files: int) -> None:
    """Have room for that many open files, each opened twice, as far as the hard limit goes."""
    needed = 2 * files + _SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with contextlib.suppress(
            ValueError, OSError
        ):  # a limit that cannot be raised shows as EMFILE, told there
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
