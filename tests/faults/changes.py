"""Changes of every shape that usr commits, made of tiny files: what the journal does is the same, and quick.

A change is planned from the files that are there (relative path -> content), committed with the journal as an
operation commits it, and leaves one line a change in the log, which says what it did to which files.
"""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from unittest import mock

from dnadesign.usr.contract.layout import EVENTS, LOCK
from dnadesign.usr.operations.init import prepare_folder
from dnadesign.usr.storage.filesystem import FileSystem
from dnadesign.usr.storage.intent import Intent, Move, Remove
from dnadesign.usr.storage.journal import commit, log_length, recover
from dnadesign.usr.storage.lock import exclusive_lock
from dnadesign.usr.storage.staging import open_staging
from dnadesign.usr.storage.store import Store
from dnadesign.usr.testing.simulated import SimulatedFileSystem
from tests.faults.paths import KnownPath

ROOT = KnownPath("/data")
NAME = "set"
DATASET = ROOT / NAME
BASE = "records.parquet"

Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Plan:
    """What one change does.

    Attributes:
        writes: New files, or new contents of files, by their path.
        moves: Files and folders set aside: from, to.
        removes: Files deleted.
        events: How many lines it leaves in the log.
        archives: Whether it archives the log.
    """

    writes: Files
    moves: tuple[tuple[str, str], ...] = ()
    removes: tuple[str, ...] = ()
    events: int = 1
    archives: bool = False

    def apply(self, files: Files) -> dict[str, bytes]:
        """The files after it."""
        found = dict(files)
        for source, target in self.moves:
            for path in [p for p in found if p == source or p.startswith(f"{source}/")]:
                found[target + path.removeprefix(source)] = found.pop(path)
        for path in self.removes:
            found.pop(path)
        return {**found, **self.writes}


Change = Callable[[Files, int], Plan]


def stamp(number: int) -> str:
    return f"20260101T000000{number:06d}Z"


def part(namespace: str, number: int) -> str:
    return f"_derived/{namespace}/part-{stamp(number)}-{number:032x}.parquet"


def text(number: int, what: str = "") -> bytes:
    return f"{what} of change {number}\n".encode()


def init(files: Files, n: int) -> Plan:
    return Plan({BASE: text(n, "base"), "meta.md": text(n, "notes")})


def append(files: Files, n: int) -> Plan:
    return Plan({BASE: files[BASE] + text(n, "rows")})


def write_part(files: Files, n: int) -> Plan:
    return Plan({part("alpha", n): text(n, "part")})


def first_part(files: Files, n: int) -> Plan:
    return Plan({part(f"new{n}", n): text(n, "part")})


def transaction(files: Files, n: int) -> Plan:
    parts = {part(namespace, n): text(n, namespace) for namespace in ("alpha", f"beta{n}")}
    return Plan(
        {**parts, BASE: files[BASE] + text(n, "rows")}, events=3
    )  # in the order in which they are staged


def attach(files: Files, n: int) -> Plan:
    return Plan({"_derived/single.parquet": text(n, "overlay")})


def promote(files: Files, n: int) -> Plan:
    single = "_derived/single.parquet"
    moves = ((single, part("single", n)),) if single in files else ()
    return Plan({part("single", n + 500_000): text(n, "part")}, moves=moves)


def freeze(files: Files, n: int) -> Plan:
    return Plan({BASE: files[BASE] + b"stamp\n", f"_registry/registry.{n:064x}.yaml": text(n, "registry")})


def log_event(files: Files, n: int) -> Plan:
    return Plan({})


def compact(files: Files, n: int) -> Plan:
    return Plan(
        {"_derived/alpha.parquet": text(n, "all")},
        moves=(("_derived/alpha", f"_derived/_archived/alpha/{stamp(n)}"),),
    )


def compact_to_part(files: Files, n: int) -> Plan:
    return Plan(
        {part("alpha", n): text(n, "all")},
        moves=(("_derived/alpha", f"_derived/_archived/alpha/{stamp(n)}"),),
    )


def materialize(files: Files, n: int) -> Plan:
    snapshot = {f"_snapshots/records-{stamp(n)}.auto.parquet": files[BASE]}
    moves = (("_derived/alpha", f"_derived/_archived/alpha/{stamp(n)}"),)
    return Plan({BASE: text(n, "materialized"), **snapshot}, moves=moves)


def materialize_dropping(files: Files, n: int) -> Plan:
    """Materialized overlays are removed and not set aside."""
    parts = tuple(p for p in sorted(files) if p.startswith("_derived/alpha/"))
    return Plan({BASE: text(n, "materialized")}, removes=parts)


def dedupe(files: Files, n: int) -> Plan:
    archived = f"_derived/_archived/single/{stamp(n)}/single.parquet"
    old = tuple(p for p in sorted(files) if p.startswith("_snapshots/"))[:1]
    return Plan(
        {
            "_derived/single.parquet": text(n, "fewer rows"),
            BASE: text(n, "fewer rows"),
            f"_snapshots/records-{stamp(n)}.auto.parquet": files[BASE],
        },
        moves=(("_derived/single.parquet", archived),),
        removes=old,
        events=2,
    )


def remove(files: Files, n: int) -> Plan:
    return Plan({}, removes=("_derived/single.parquet",))


def archive_overlay(files: Files, n: int) -> Plan:
    single = "_derived/single.parquet"
    return Plan({}, moves=((single, f"_derived/_archived/single/{stamp(n)}/single.parquet"),))


def snapshot(files: Files, n: int) -> Plan:
    return Plan({f"_snapshots/records-{stamp(n)}.parquet": files[BASE]})


def prune(files: Files, n: int) -> Plan:
    return Plan({}, removes=tuple(sorted(p for p in files if p.endswith(".auto.parquet"))))


def tombstone(files: Files, n: int) -> Plan:
    """As restoring, setting and clearing a state do: a single file made, or put in place of the one before."""
    return Plan({"_derived/usr.parquet": text(n, "tombstones")})


def merge(files: Files, n: int) -> Plan:
    return Plan(
        {
            BASE: files[BASE] + text(n, "rows of another"),
            "_derived/single.parquet": text(n, "merged"),
            "_derived/usr.parquet": text(n, "merged"),
            f"_snapshots/records-{stamp(n)}.auto.parquet": files[BASE],
        }
    )


def refer(files: Files, n: int) -> Plan:
    """A part that refers to an artifact, and the artifact."""
    return Plan({f"_artifacts/arrays/{n:064x}.npz": text(n, "array"), part("arrays", n): text(n, "pointer")})


def prune_artifacts(files: Files, n: int) -> Plan:
    return Plan({}, removes=tuple(sorted(p for p in files if p.startswith("_artifacts/"))))


def archive_log(files: Files, n: int) -> Plan:
    return Plan({}, archives=True)


CHANGES: dict[str, Change] = {
    change.__name__: change
    for change in (
        append, write_part, first_part, transaction, attach, promote, freeze, log_event, compact, compact_to_part,
        materialize, materialize_dropping, dedupe, remove, archive_log, archive_overlay, snapshot, prune, tombstone, merge, refer,
        prune_artifacts,
    )
}  # fmt: skip
"""What a dataset that has been :func:`prepared` can go through."""


def possible(files: Files, name: str) -> bool:
    """Whether there is what the change needs."""
    has_parts = any(p.startswith("_derived/alpha/") for p in files)
    has_file, has_dir = (
        "_derived/single.parquet" in files,
        any(p.startswith("_derived/single/") for p in files),
    )
    both = {
        "write_part": "_derived/alpha.parquet" not in files,
        "transaction": "_derived/alpha.parquet" not in files,
    }
    needs = {
        "compact": has_parts,
        "compact_to_part": has_parts,
        "materialize": has_parts,
        "materialize_dropping": has_parts,
        "dedupe": has_file,
        "remove": has_file,
        "attach": not has_dir,
        "archive_overlay": has_file,
        "merge": not has_dir,
        "prune": any(p.endswith(".auto.parquet") for p in files),
        "prune_artifacts": any(p.startswith("_artifacts/") for p in files),
        **both,
    }
    return needs.get(name, True)


def digest(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def event_lines(plan: Plan, files: Files, *, name: str, number: int, txid: str) -> bytes:
    """The lines that the change leaves; the first says what became of which files."""
    after = plan.apply(files)
    added = [{"path": p, "sha1": digest(c)} for p, c in sorted(after.items()) if files.get(p) != c]
    removed = [{"path": p} for p in sorted(files) if p not in after]
    lines = []
    for i in range(plan.events):
        event = {
            "event_version": 1,
            "event_id": f"{number:016x}{i:016x}",
            "txid": txid,
            "timestamp_utc": "2026-01-01T00:00:00.000000Z",
            "action": name,
            "metrics": {"number": number, "of": plan.events},
            "artifacts": {"added": added, "removed": removed} if i == 0 else {"added": [], "removed": []},
        }
        lines.append(json.dumps(event, separators=(",", ":")).encode() + b"\n")
    return b"".join(lines)


def is_appended(target: str, data: bytes, files: Files) -> bool:
    """Whether rows are appended to the base: its publish has no hash then, as the event has those of the pieces."""
    return target == BASE and BASE in files and data.startswith(files[BASE])


def perform(fs: FileSystem, name: str, plan: Plan, *, files: Files, number: int) -> None:
    """Make the change as an operation does: stage, lock, recover, commit."""
    if name == "init":
        prepare_folder(Store(ROOT, NAME, fs))
    with open_staging(fs, DATASET) as staging:
        publishes = [
            replace(staging.write(data).publish(target), sha256=None)
            if is_appended(target, data, files)
            else staging.write(data).publish(target)
            for target, data in plan.writes.items()
        ]
        moves = [Move(source, target) for source, target in plan.moves]
        with exclusive_lock(fs, DATASET, timeout=0, tool="test"):
            recover(fs, DATASET)
            lines = event_lines(plan, files, name=name, number=number, txid=staging.txid)
            if plan.archives:
                moves.append(Move(EVENTS, f"_events/events-{stamp(number)}.log"))
                publishes.append(staging.write(lines).publish(EVENTS))
            intent = Intent(
                txid=staging.txid,
                log_offset=log_length(fs, DATASET),
                event_bytes=lines,
                moves=tuple(moves),
                publishes=tuple(publishes),
                removes=tuple(Remove(path) for path in plan.removes),
            )
            commit(fs, DATASET, staging, intent)


@contextmanager
def repeatable_ids() -> Iterator[None]:
    """Transactions numbered from 1, so that a run can be repeated and equal states be told."""
    numbers = itertools.count(1)
    with mock.patch(
        "dnadesign.usr.storage.staging.uuid4", lambda: SimpleNamespace(hex=f"{next(numbers):032x}")
    ):
        yield


def empty_disk() -> SimulatedFileSystem:
    return SimulatedFileSystem(folders=[ROOT], indifferent=[LOCK])
