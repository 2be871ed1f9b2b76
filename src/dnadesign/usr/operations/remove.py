"""Remove an overlay: set its files aside, or delete them. No sequence is lost, overlays are derived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from dnadesign.usr.contract.arguments import choice_of
from dnadesign.usr.contract.content import Digest, digest_text
from dnadesign.usr.contract.errors import NamespaceError
from dnadesign.usr.contract.events import Event, Fingerprint
from dnadesign.usr.contract.mends import spelled
from dnadesign.usr.contract.names import TOMBSTONE_NAMESPACE, check_namespace
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.operations._mutation import Draft, Mutation
from dnadesign.usr.operations._overlay import event_count, no_overlay, set_aside, stored_overlay
from dnadesign.usr.storage.intent import Remove
from dnadesign.usr.storage.staging import Staging

RemoveMode = Literal["archive", "delete"]


@dataclass(frozen=True, slots=True)
class RemoveResult:
    """What was removed.

    Attributes:
        namespace: Which overlay.
        mode: ``archive`` or ``delete``.
        rows: How many rows it had.
        files: How many files.
        bytes: Their size together.
        archive: Where they lie now, relative to the dataset; None where they were deleted.
    """

    namespace: str
    mode: RemoveMode
    rows: int
    files: int
    bytes: int
    archive: str | None

    def to_dict(self) -> dict[str, Any]:
        """The result for machine-readable output."""
        return {
            "namespace": self.namespace,
            "mode": self.mode,
            "rows": self.rows,
            "files": self.files,
            "bytes": self.bytes,
            "archive": self.archive,
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

    def prepare(self, registry: Registry, staging: Staging) -> None:
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
        """Have the files moved or deleted.

        Raises:
            NamespaceError: The dataset has no rows of the namespace.
            OverlayLayoutError: It is both a file and parts.
        """
        with stored_overlay(mutation.store, self.namespace) as overlay:
            if not overlay.files:
                raise no_overlay(mutation, self.namespace)
            archived = None
            if self.mode == "archive":
                archived = set_aside(mutation, overlay)
            else:
                mutation.removes += [Remove(file.path) for file in overlay.files]
            archive = archived.path if archived is not None else None
            removed = [{"path": file.path, "bytes": file.footer.size} for file in overlay.files]
            rows = sum(file.footer.rows for file in overlay.files)
            size = sum(file.footer.size for file in overlay.files)
            result = RemoveResult(self.namespace, self.mode, rows, len(overlay.files), size, archive)
        counts = result.to_dict()
        mutation.note(
            Draft(
                action="archive_overlay" if self.mode == "archive" else "remove_overlay",
                args={"namespace": self.namespace, "mode": self.mode, "archive": archive},
                metrics={name: counts[name] for name in ("namespace", "rows", "files", "bytes")},
                added=archived.added if archived is not None else [],
                removed=removed,
                fingerprint=Fingerprint(),
            )
        )
        return result

    def replay(self, event: Event) -> RemoveResult:
        """The result of the same removal, committed before."""
        rows, files, size = (event_count(event, name) for name in ("rows", "files", "bytes"))
        archive = event.args.get("archive")
        return RemoveResult(
            self.namespace, self.mode, rows, files, size, archive if isinstance(archive, str) else None
        )
