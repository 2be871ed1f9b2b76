"""The files that a change added and removed, as its event lists them."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping, Sequence

from dnadesign.usr.contract.errors import ValidationError
from dnadesign.usr.contract.json_values import Json

MAX_LISTED = 100


def artifact_lists(
    *, added: Sequence[Mapping[str, Json]] = (), removed: Sequence[Mapping[str, Json]] = ()
) -> dict[str, Json]:
    """The ``artifacts`` of an event: ``{"added": ..., "removed": ...}``, each a list or, when long, its fold.

    Args:
        added: One mapping a file: ``path`` (relative to the dataset), ``bytes``, ``sha256``, and what else is known.
        removed: Likewise; ``bytes`` and ``sha256`` may be missing.
    """
    return {"added": fold_files(added), "removed": fold_files(removed)}


def fold_files(files: Sequence[Mapping[str, Json]], *, most: int = MAX_LISTED) -> Json:
    """The files as they are, or more than ``most`` of them as one mapping.

    That is ``{"path", "files", "bytes", "sha256"}``: the folder that holds them all, how many they are, their
    bytes together, and :func:`listing_sha256` of them relative to that folder.
    """
    if len(files) <= most:
        return [dict(file) for file in files]
    folder = posixpath.commonpath([posixpath.dirname(_path(file)) for file in files])
    names = [posixpath.relpath(_path(file), folder or ".") for file in files]
    return {
        "path": folder,
        "files": len(files),
        "bytes": sum(size for file in files if (size := _size(file)) is not None),
        "sha256": listing_sha256(
            [(name, _size(file)) for name, file in zip(names, files, strict=True)],
        ),
    }


def listing_sha256(files: Sequence[tuple[str, int | None]]) -> str:
    """The sha256 of a listing: lines ``name TAB size LF``, sorted as UTF-8 bytes; an unknown size is empty."""
    lines = sorted(f"{name}\t{'' if size is None else size}\n".encode() for name, size in files)
    return hashlib.sha256(b"".join(lines)).hexdigest()


def _path(file: Mapping[str, Json]) -> str:
    path = file.get("path")
    if not isinstance(path, str) or not path or path.startswith("/"):
        raise ValidationError(f"artifact {dict(file)!r:.200}: expected a 'path' relative to the dataset")
    return path


def _size(file: Mapping[str, Json]) -> int | None:
    size = file.get("bytes")
    return size if isinstance(size, int) and not isinstance(size, bool) else None
