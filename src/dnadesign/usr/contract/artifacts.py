"""The files that a change added and removed, as its event lists them."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping, Sequence

from dnadesign.usr.contract.errors import ValidationError
from dnadesign.usr.contract.json_values import Json, well_formed

MAX_LISTED = 100


def artifact_lists(
    *, added: Sequence[Mapping[str, Json]] = (), removed: Sequence[Mapping[str, Json]] = ()
) -> dict[str, Json]:
    """The ``artifacts`` of an event: ``{"added": ..., "removed": ...}``, each a list or, when long, its fold.

    Args:
        added: One mapping a file: ``path`` (relative to the dataset if it is in it), ``bytes``, ``sha256``, and what
            else is known.
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
    folder = _common_folder([_path(file) for file in files])
    inside = f"{folder.rstrip('/')}/" if folder else ""
    listing = [(_path(file).removeprefix(inside), _size(file)) for file in files]
    return {
        "path": folder,
        "files": len(files),
        "bytes": sum(size for _, size in listing if size is not None),
        "sha256": listing_sha256(listing),
    }


def _common_folder(paths: Sequence[str]) -> str:
    if len({path.startswith("/") for path in paths}) > 1:
        return ""
    return posixpath.commonpath([posixpath.dirname(path) for path in paths])


def listing_sha256(files: Sequence[tuple[str, int | None]]) -> str:
    """The sha256 of a listing: lines ``name TAB size LF``, sorted as UTF-8 bytes; an unknown size is empty."""
    lines = sorted(f"{name}\t{'' if size is None else size}\n".encode() for name, size in files)
    return hashlib.sha256(b"".join(lines)).hexdigest()


def _path(file: Mapping[str, Json]) -> str:
    path = file.get("path")
    if not isinstance(path, str) or not path:
        raise ValidationError(
            f"artifact {dict(file)!r:.200}: expected a 'path'",
            mend="give each file as {'path': ..., 'bytes': ..., 'sha256': ...}",
        )
    return well_formed(path)


def _size(file: Mapping[str, Json]) -> int | None:
    size = file.get("bytes")
    return size if isinstance(size, int) and not isinstance(size, bool) else None
