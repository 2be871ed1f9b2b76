"""The rules of overlays: one form, well-formed metadata, columns of the namespace, keys unique and in the base."""

from __future__ import annotations

import numpy as np

from dnadesign.usr.contract.errors import SequencesError
from dnadesign.usr.contract.layout import (
    META_KEY,
    META_NAMESPACE,
    META_OVERLAY_CREATED_AT,
    META_TXID,
    is_part,
)
from dnadesign.usr.contract.names import TOMBSTONE_NAMESPACE
from dnadesign.usr.contract.types import same_logical_type
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.operations._report import Report
from dnadesign.usr.operations._view import TOMBSTONE_TYPES, file_key, key_kind, overlay_columns
from dnadesign.usr.storage.id_digests import digests_of, repeated
from dnadesign.usr.storage.key_index import KeySet, read_ids
from dnadesign.usr.storage.version import Overlay, PinnedFile, Version, layout_conflict

_SHOWN = 5
_DUPLICATES = (
    "an overlay has one row per key; this keeps the newest of each: usr maintenance overlay-compact --namespace NAME "
    "--on-duplicate keep-newest --reason TEXT"
)


def check_overlays(version: Version, report: Report, base: KeySet) -> None:
    """Check every overlay of a version against the keys of its base."""
    for overlay in version.overlays.values():
        before = len(report.problems)
        if overlay.layout == "both":
            report.error("overlay.layout", f"_derived/{overlay.namespace}", layout_conflict(version.dataset, overlay.namespace))  # fmt: skip
            continue
        for file in overlay.files:
            _check_file(file, overlay.namespace, report)
        if len(report.problems) == before:
            _check_types(version, overlay, report)
            if _check_key_kind(version, overlay, report):
                _check_keys(overlay, report, base)
        _note_older(overlay, report)
        if len(report.problems) == before:
            rows = sum(f.footer.rows for f in overlay.files)
            files = counted(len(overlay.files), "file")
            report.passed("overlay", f"_derived/{overlay.namespace}", f"{counted(rows, 'row')} in {files}")


def _check_key_kind(version: Version, overlay: Overlay, report: Report) -> bool:
    """Whether the files of an overlay have one kind of key, and one that is known."""
    try:
        key_kind(version, overlay)
    except SequencesError as error:
        report.error("overlay.keys", f"_derived/{overlay.namespace}", error)
        return False
    return True


def _check_file(file: PinnedFile, namespace: str, report: Report) -> None:
    try:
        said = {k: v.decode("utf-8", "replace") for k, v in file.footer.key_values.items()}
        key = file_key(file)
    except SequencesError as error:
        report.error("overlay.file", file.path, error)
        return
    if said.get(META_NAMESPACE, namespace) != namespace:
        report.failed(
            "overlay.metadata",
            file.path,
            f"usr:overlay_namespace is {said[META_NAMESPACE]!r}, its place says {namespace!r}",
            "move the file back where it belongs",
        )
    for wanted in (META_NAMESPACE, META_KEY, META_OVERLAY_CREATED_AT):
        if not said.get(wanted):
            report.failed(
                "overlay.metadata", file.path, f"{wanted.decode()} is missing", "write the overlay again"
            )
    foreign = [n for n in file.footer.schema.names if n != key and not n.startswith(f"{namespace}__")]
    if foreign:
        report.failed(
            "overlay.schema",
            file.path,
            f"columns {', '.join(map(repr, foreign))} are not of namespace {namespace!r}",
            "write the overlay again without them",
        )


def _note_older(overlay: Overlay, report: Report) -> None:
    parts = [f for f in overlay.files if is_part(f.path.rsplit("/", 1)[-1])]
    older = [f for f in parts if META_TXID not in f.footer.key_values]
    if older:
        message = f"{len(older)} of {counted(len(parts), 'part')} without usr:txid: a single file before, or of an older tool"
        report.note("overlay.metadata", f"_derived/{overlay.namespace}", message)


def _check_types(version: Version, overlay: Overlay, report: Report) -> None:
    try:
        found = overlay_columns(version, overlay)
    except SequencesError as error:
        report.error("overlay.schema", f"_derived/{overlay.namespace}", error)
        return
    if overlay.namespace == TOMBSTONE_NAMESPACE:
        for name, kind in TOMBSTONE_TYPES.items():
            stored = found.get(name)
            older_time = name == "usr__deleted_at" and str(stored) == "timestamp[ns, tz=UTC]"
            if stored is None or not (same_logical_type(stored, kind) or older_time):
                report.failed("overlay.schema", overlay.files[0].path, f"{name} is {stored}, expected {kind}")


def _check_keys(overlay: Overlay, report: Report, base: KeySet) -> None:
    seen = KeySet()
    for file in overlay.files:
        key = file_key(file)
        if key != "id":
            report.note(
                "overlay.keys",
                file.path,
                f"is keyed by {key}: written by an older tool",
                "compaction converts it to ids: usr maintenance overlay-compact --namespace NAME --reason TEXT",
            )
            return
        try:
            digests = digests_of(read_ids(file.file, footer=file.footer), where=file.path)
        except SequencesError as error:
            report.error("overlay.keys", file.path, error)
            continue
        twice = set(repeated(digests)) | set(np.flatnonzero(seen.find(digests) >= 0).tolist())
        strangers = np.flatnonzero(base.find(digests) < 0).tolist()
        if twice:
            shown = ", ".join(digests[row].tobytes().hex() for row in sorted(twice)[:_SHOWN])
            report.failed("overlay.keys", file.path, f"{counted(len(twice), 'key')} in the namespace already: {shown}", _DUPLICATES)  # fmt: skip
        if strangers:
            shown = ", ".join(digests[row].tobytes().hex() for row in strangers[:_SHOWN])
            report.failed(
                "overlay.keys",
                file.path,
                f"{counted(len(strangers), 'key')} not in the base: {shown}",
                "add their sequences to the base, or remove these rows",
            )
        seen.add(digests)
