"""Remove an overlay: set its files aside, or delete them. No sequence is lost, overlays are derived."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, get_args

from dnadesign.usr.contract.arguments import choice_of
from dnadesign.usr.contract.artifacts import MAX_LISTED
from dnadesign.usr.contract.content import Digest, digest_text
from dnadesign.usr.contract.errors import CorruptFileError, EventLogError, NamespaceError
from dnadesign.usr.contract.events import Event, Fingerprint
from dnadesign.usr.contract.layout import overlay_file, overlay_of
from dnadesign.usr.contract.mends import spelled
from dnadesign.usr.contract.names import TOMBSTONE_NAMESPACE, check_namespace
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.operations._accounts import Account
from dnadesign.usr.operations._files import consistent_files
from dnadesign.usr.operations._mutation import Draft, Mutation
from dnadesign.usr.operations._overlay import event_count, folded, no_overlay, set_aside, stored_overlay
from dnadesign.usr.storage.intent import Remove
from dnadesign.usr.storage.staging import Staging, hash_range
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import Overlay, PinnedFile

RemoveMode = Literal["archive", "delete"]
_HARMED = ("damaged", "missing")
_COUNTED = ("namespace", "rows", "files", "bytes", *_HARMED)


@dataclass(frozen=True, slots=True)
class RemoveResult:
    """What was removed.

    Attributes:
        namespace: Which overlay.
        mode: ``archive`` or ``delete``.
        rows: How many rows it had, those of files that cannot be read not counted.
        files: How many files.
        damaged: How many of them are not as they were written.
        missing: How many files beside them there should have been, by the events.
        bytes: Their size together.
        archive: Where they lie now, relative to the dataset; None where they were deleted.
    """

    namespace: str
    mode: RemoveMode
    rows: int
    files: int
    bytes: int
    archive: str | None
    damaged: int = 0
    missing: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The result for machine-readable output."""
        return {
            "namespace": self.namespace,
            "mode": self.mode,
            "rows": self.rows,
            "files": self.files,
            "bytes": self.bytes,
            "archive": self.archive,
            "damaged": self.damaged,
            "missing": self.missing,
        }


@dataclass
class RemoveOverlay:
    """The step that removes all files of a namespace, registered or not.

    Attributes:
        namespace: Which overlay.
        mode: ``archive`` sets the files aside, ``delete`` deletes them for good.
    """

    namespace: str
    mode: RemoveMode = "archive"

    def prepare(self, registry: Registry, staging: Staging | None) -> None:
        """Check the name and the mode.

        Raises:
            NamespaceError: The name is outside the grammar, or that of the tombstones.
            ValidationError: The mode is none of the two.
        """
        if self.namespace == TOMBSTONE_NAMESPACE:
            raise NamespaceError(
                "the tombstones cannot be removed: deleted records would come back unnoticed",
                mend=spelled("bring records back with {}", ("restore", "usr restore")),
            )
        check_namespace(self.namespace)
        choice_of(self.mode, get_args(RemoveMode), what="mode")

    def content(self, digest: Digest) -> None:
        """Feed the options."""
        digest_text(digest, f"{self.namespace}:{self.mode}")

    def apply(self, mutation: Mutation) -> RemoveResult:
        """Have the files moved or deleted, damaged ones too; those that are gone are taken off the record.

        Raises:
            NamespaceError: The dataset has no rows of the namespace.
            OverlayLayoutError: It is both a file and parts.
        """
        with stored_overlay(mutation.store, self.namespace) as overlay:
            harm = _harm_of(mutation.store, overlay)
            if not overlay.files and not harm.lost:
                raise no_overlay(mutation, self.namespace)
            archived = None
            if self.mode == "delete":
                mutation.removes += [Remove(file.path) for file in overlay.files]
            elif overlay.files:
                archived = set_aside(mutation, overlay, known=harm.hashes)
            removed = [_removed(file, harm) for file in overlay.files]
            removed += [{"path": lost.path, "bytes": lost.bytes} for lost in harm.lost]
            # Not folded with parts: the folder that both lie in has all overlays.
            single = overlay_file(self.namespace)
            removed = [
                *(one for one in removed if one["path"] == single),
                *folded([one for one in removed if one["path"] != single]),
            ]
            result = RemoveResult(
                self.namespace,
                self.mode,
                sum(_rows_of(file) for file in overlay.files),
                len(overlay.files),
                sum(file.size for file in overlay.files),
                archived.path if archived is not None else None,
                len(harm.damaged),
                len(harm.lost),
            )
        counts = result.to_dict()
        mutation.note(
            Draft(
                action="archive_overlay" if self.mode == "archive" else "remove_overlay",
                args={"namespace": self.namespace, "mode": self.mode, "archive": result.archive},
                metrics={name: counts[name] for name in _COUNTED},
                added=[*archived.added, *harm.entries(archived.path)] if archived is not None else [],
                removed=removed,
                fingerprint=Fingerprint(),
            )
        )
        return result

    def replay(self, event: Event) -> RemoveResult:
        """The result of the same removal, committed before."""
        rows, files, size = (event_count(event, name) for name in ("rows", "files", "bytes"))
        archive = event.args.get("archive")
        kept = archive if isinstance(archive, str) else None
        harmed = [event_count(event, name) if name in event.metrics else 0 for name in _HARMED]
        return RemoveResult(self.namespace, self.mode, rows, files, size, kept, *harmed)


@dataclass(frozen=True, slots=True)
class _Harm:
    """What the events say of an overlay's files that is not so.

    Attributes:
        damaged: The files that are not as they were written, by path: their size and hash as they are now.
        hashes: The hashes of all files that were read whole for that, by path.
        lost: The files that there should be, and are not.
    """

    damaged: dict[str, tuple[int, str]]
    hashes: dict[str, str]
    lost: list[Account]

    def entries(self, archive: str) -> list[dict[str, Any]]:
        """Damaged files for the event that sets them aside, so that it is known from then on what they are.

        Not more than an event lists beside a folder; validation goes on to tell of the others.
        """
        return [
            {"path": f"{archive}/{path.rsplit('/', 1)[-1]}", "bytes": size, "sha256": sha256}
            for path, (size, sha256) in islice(self.damaged.items(), MAX_LISTED // 2)
        ]


def _harm_of(store: Store, overlay: Overlay) -> _Harm:
    """Hold the files of an overlay against the events; nothing is known where the log cannot be read."""
    try:
        accounts, files = consistent_files(store)
    except EventLogError:
        return _Harm({}, {}, [])
    known = accounts.files
    damaged: dict[str, tuple[int, str]] = {}
    hashes: dict[str, str] = {}
    for file in overlay.files:
        if file.path in known:
            found = hash_range(file.file, 0, file.size)
            hashes[file.path] = found
            if not _is_as_written(file, known[file.path], found):
                damaged[file.path] = (file.size, found)
    namespace = overlay.namespace
    lost = [known[path] for path in known if overlay_of(path) == namespace and path not in files.sizes]
    return _Harm(damaged, hashes, lost)


def _removed(file: PinnedFile, harm: _Harm) -> dict[str, Any]:
    found = {"path": file.path, "bytes": file.size}
    return found | ({"sha256": harm.hashes[file.path]} if file.path in harm.hashes else {})


def _is_as_written(file: PinnedFile, account: Account, sha256: str) -> bool:
    """Whether a file with that hash is what the events say; an overlay's file is written as a whole."""
    return account.bytes in (None, file.size) and all(part.sha256 == sha256 for part in account.ranges)


def _rows_of(file: PinnedFile) -> int:
    """How many rows a file has; none that can be counted if it is damaged, which is a reason to remove it."""
    try:
        return file.footer.rows
    except CorruptFileError:
        return 0
