"""The rules of overlays: one form, well-formed metadata, columns of the namespace, keys unique and in the base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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
from dnadesign.usr.operations._spilled_keys import Found, SpilledKeys, Told
from dnadesign.usr.operations._view import TOMBSTONE_TYPES, file_key, key_kind, overlay_columns
from dnadesign.usr.storage.key_index import digest_pieces
from dnadesign.usr.storage.version import Overlay, PinnedFile, Version, layout_conflict

_DUPLICATES = (
    "an overlay has one row per key; this keeps the newest of each: usr maintenance overlay-compact --namespace NAME "
    "--on-duplicate keep-newest --reason TEXT"
)


@dataclass
class OverlayFiles:
    """What is known of an overlay once its files are read.

    Attributes:
        overlay: The overlay.
        problems: What is wrong with it but for its keys, and what is worth knowing.
        sources: What the keys of its files are put aside as, by path.
    """

    overlay: Overlay
    problems: Report
    sources: dict[str, int] = field(default_factory=dict)


def check_overlays(version: Version, report: Report, keys: SpilledKeys) -> list[OverlayFiles]:
    """Check every overlay of a version but for its keys, which are put aside."""
    checked = []
    for overlay in version.overlays.values():
        found = OverlayFiles(overlay, Report(report.dataset, report.registry_mode))
        checked.append(found)
        if overlay.layout == "both":
            found.problems.error("overlay.layout", f"_derived/{overlay.namespace}", layout_conflict(version.dataset, overlay.namespace))  # fmt: skip
            continue
        for file in overlay.files:
            _check_file(file, overlay.namespace, found.problems)
        if found.problems.ok:
            _check_types(version, overlay, found.problems)
            if _check_key_kind(version, overlay, found.problems):
                _put_keys_aside(found, keys)
    return checked


def tell_overlays(
    checked: Sequence[OverlayFiles], report: Report, told: Sequence[Told], *, whole: bool
) -> None:
    """Report what is wrong with each overlay, its keys included.

    Args:
        checked: What was found of each.
        report: Where it goes.
        told: What is wrong with the keys of each source.
        whole: Whether all keys of the base are known, without which none is called a stranger.
    """
    for found in checked:
        overlay, problems = found.overlay, found.problems
        for path, source in found.sources.items():
            _tell_keys(path, told[source], problems, whole=whole)
        if overlay.layout != "both":
            _note_older(overlay, problems)
        if problems.ok and not whole:
            problems.note(
                "overlay", f"_derived/{overlay.namespace}", "its keys could not be held against the base"
            )
        elif problems.ok:
            rows = sum(f.footer.rows for f in overlay.files)
            files = counted(len(overlay.files), "file")
            problems.passed("overlay", f"_derived/{overlay.namespace}", f"{counted(rows, 'row')} in {files}")
        report.findings += problems.findings


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


def _put_keys_aside(found: OverlayFiles, keys: SpilledKeys) -> None:
    for file in found.overlay.files:
        key = file_key(file)
        if key != "id":
            found.problems.note(
                "overlay.keys",
                file.path,
                f"is keyed by {key}: written by an older tool",
                "compaction converts it to ids: usr maintenance overlay-compact --namespace NAME --reason TEXT",
            )
            return
        found.sources[file.path] = keys.new_source(found.overlay.namespace)
        row = 0
        try:
            for digests in digest_pieces(file.file, file.footer, where=file.path):
                keys.add(found.sources[file.path], row, digests)
                row += len(digests)
        except SequencesError as error:
            found.problems.error("overlay.keys", file.path, error)


def _tell_keys(path: str, told: Told, problems: Report, *, whole: bool) -> None:
    if told.again.count:
        problems.failed(
            "overlay.keys",
            path,
            f"{counted(told.again.count, 'key')} in the namespace already: {_shown(told.again)}",
            _DUPLICATES,
        )
    if told.strangers.count and whole:
        problems.failed(
            "overlay.keys",
            path,
            f"{counted(told.strangers.count, 'key')} not in the base: {_shown(told.strangers)}",
            "add their sequences to the base, or remove these rows",
        )


def _shown(found: Found) -> str:
    return ", ".join(key for _, key in found.rows)
