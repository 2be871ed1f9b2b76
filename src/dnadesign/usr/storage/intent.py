"""The intent: what a mutation is about to do, written down before its event commits it.

One intent exists at a time, under the dataset's lock. It is ``.usr/intent.json`` until the event's bytes are on
the disk, and ``.usr/intent.synced.json`` from then until every rename is done. The file is one line of JSON and a
second line with the sha256 of the first, so that damage is told apart from content.

A power cut may take the second name back. Readers then see that the event counts by a staged file that is there no
more: it was on the disk before the event was written, and gets its final name only when the event is on the disk.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dnadesign.usr.contract.errors import CorruptFileError, ValidationError
from dnadesign.usr.contract.layout import EVENTS, INTENT, INTENT_SYNCED
from dnadesign.usr.storage.filesystem import FileSystem, opened, read_bytes

INTENT_VERSION = 1
LONGEST = 1 << 28  # bytes of an intent's first line; over 100,000 events fit
_SUM_BYTES = 66  # the second line, and the newline before it


@dataclass(frozen=True, slots=True)
class Move:
    """Set a file or folder aside; ``target`` is unique to the transaction, so its existence proves the move."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Publish:
    """Give a staged file its final name.

    Args:
        staged: Path of the staged file, relative to the dataset.
        target: Its final path, relative to the dataset.
        bytes: Its size.
        sha256: Hash of its bytes, or None where the event records hashes of its pieces instead.
    """

    staged: str
    target: str
    bytes: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete a file for good."""

    target: str


@dataclass(frozen=True, slots=True)
class Intent:
    """What is written at ``log_offset`` and then done, in the order moves, removes, publishes."""

    txid: str
    log_offset: int
    event_bytes: bytes
    moves: tuple[Move, ...] = ()
    publishes: tuple[Publish, ...] = ()
    removes: tuple[Remove, ...] = ()
    synced: bool = False

    @property
    def shows(self) -> bool:
        """Whether a staged file that has its final name shows that the event counts.

        Not where others are moved or removed: a power cut may keep that, and take back the name of each staged file.
        """
        return bool(self.publishes) and not self.moves and not self.removes

    def to_bytes(self, *, longest: int = LONGEST) -> bytes:
        """The intent's file.

        Raises:
            ValidationError: It would be longer than one may be.
        """
        body = json.dumps(
            {
                "intent_version": INTENT_VERSION,
                "txid": self.txid,
                "log_offset": self.log_offset,
                "events": self.event_bytes.decode("utf-8"),
                "moves": [asdict(m) for m in self.moves],
                "publishes": [asdict(p) for p in self.publishes],
                "removes": [asdict(r) for r in self.removes],
            },
            separators=(",", ":"),
        ).encode("ascii")
        if len(body) > longest:
            raise ValidationError(
                f"a change whose events and files take {len(body):,} bytes to write down is more than the {longest:,} that are "
                "read again after a crash",
                mend="make it in several transactions, with fewer parts in each",
            )
        return body + b"\n" + hashlib.sha256(body).hexdigest().encode() + b"\n"


def parse_intent(data: bytes, *, path: Path, synced: bool) -> Intent:
    """Read an intent's file back.

    Raises:
        CorruptFileError: The bytes are not what they were written as, or of a newer version.
    """
    body, _, tail = data.partition(b"\n")
    if tail != hashlib.sha256(body).hexdigest().encode() + b"\n":
        raise _damaged(path, "its checksum does not fit its content")
    try:
        found = json.loads(body)
        if found["intent_version"] != INTENT_VERSION:
            raise _damaged(path, f"its version {found['intent_version']!r} is not {INTENT_VERSION}")
        return _from_json(found, synced)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, f"it lacks what an intent has ({error})") from error


def _from_json(found: Mapping[str, Any], synced: bool) -> Intent:
    return Intent(
        txid=_text(found["txid"]),
        log_offset=_size(found["log_offset"]),
        event_bytes=_text(found["events"]).encode("utf-8"),
        moves=tuple(Move(_text(m["source"]), _text(m["target"])) for m in found["moves"]),
        publishes=tuple(_publish(p) for p in found["publishes"]),
        removes=tuple(Remove(_text(r["target"])) for r in found["removes"]),
        synced=synced,
    )


def _publish(found: Mapping[str, Any]) -> Publish:
    sha256 = found["sha256"]
    return Publish(
        staged=_text(found["staged"]),
        target=_text(found["target"]),
        bytes=_size(found["bytes"]),
        sha256=None if sha256 is None else _text(sha256),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, found {value!r:.80}")
    value.encode("utf-8")  # no file has a lone surrogate in its name here
    return value


def _size(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(f"expected a number of bytes, found {value!r:.80}")
    return value


def _damaged(path: Path, why: str) -> CorruptFileError:
    return CorruptFileError(
        f"{path}: the intent of an unfinished change cannot be read: {why}",
        mend=f"copy the dataset's folder, then move {path.name} out of it: 'usr events verify' then tells whether the "
        "last change in the log lacks files, which are in .usr of the copy; or restore a backup",
    )


def read_intent(fs: FileSystem, dataset: Path, *, longest: int = LONGEST) -> Intent | None:
    """The pending intent of a dataset, or None; needs no lock.

    The unsynced name is looked at first: an intent that is renamed between the two look-ups is then found under
    its second name, and one that is gone from both had been applied.

    Raises:
        CorruptFileError: There is one and it is damaged.
    """
    for name, synced in ((INTENT, False), (INTENT_SYNCED, True)):
        path = dataset / name
        data = read_bytes(fs, path, most=longest + _SUM_BYTES + 1)
        if data is not None and len(data) > longest + _SUM_BYTES:
            raise _damaged(path, f"it is longer than {longest:,} bytes, which no intent is")
        if data is not None:
            return parse_intent(data, path=path, synced=synced)
    return None


def read_intent_as_counted(fs: FileSystem, dataset: Path) -> Intent | None:
    """The pending intent as it counts for readers: ``synced`` also where a power cut has left it its first name only.

    Raises:
        CorruptFileError: There is one and it is damaged.
    """
    intent = read_intent(fs, dataset)
    if intent is not None and not intent.synced and intent.shows and _is_begun(fs, dataset, intent):
        return replace(intent, synced=True)
    return intent


def _is_begun(fs: FileSystem, dataset: Path, intent: Intent) -> bool:
    """Whether a staged file has got its final name, or has been dropped, and the log has the event still.

    Files are looked at first: a writer that takes its event back cuts the log before it drops what it had staged.
    """
    if all(fs.stat(dataset / publish.staged) is not None for publish in intent.publishes):
        return False
    try:
        with opened(fs, dataset / EVENTS, "read") as log:
            return log.read_at(intent.log_offset, len(intent.event_bytes)) == intent.event_bytes
    except FileNotFoundError:
        return False
