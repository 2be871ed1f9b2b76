"""Many processes at one dataset, really at once: writers of parts, and readers beside writers and maintenance.

    python -m tests.faults.crowd FOLDER --who writers [--processes 32] [--parts 100]
    python -m tests.faults.crowd FOLDER --who readers [--seconds 60] [--readers 2]

Processes are forked. Nobody retries. All syncs are on.
"""

import argparse
import functools
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

# As for writers that are killed: a process that forks has no other threads.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"

import pyarrow as pa

from dnadesign.usr import ConcurrentChangeError, Dataset, compute_id, register_namespace
from dnadesign.usr.operations._files import consistent_files
from tests.faults.read_versions import (
    Commit,
    Read,
    digest_of,
    files_digest,
    problems_of_commits,
    problems_of_reads,
    read_lines,
    with_files,
    write_lines,
)
from tests.faults.writers import LOADED, in_child, sequence_of, wait_for

__all__ = ["LOADED"]  # imported before any process is forked

ROWS = 4  # of each part
PATIENCE = 600.0  # seconds that a writer waits for its turn
KEPT = 8  # batches of rows that the writers beside readers go round in


def ids_of(part: int) -> list[str]:
    return [compute_id("dna", sequence_of(part * ROWS + i)) for i in range(ROWS)]


def make(folder: Path, *, parts: int) -> None:
    folder.mkdir(parents=True)
    for namespace in ("lab", "other"):
        register_namespace(folder, namespace=namespace, columns=f"{namespace}__value:int64")
    rows = [sequence_of(i) for i in range(parts * ROWS)]
    Dataset(folder, "set").init().add_sequences(rows, bio_type="dna", alphabet="dna_4")


# -- writers -----------------------------------------------------------------------------------------------------


def write_parts(folder: Path, writer: int, parts: int) -> None:
    found = Dataset(folder, "set", lock_timeout=PATIENCE)
    for part in range(writer * parts, (writer + 1) * parts):
        found.write_overlay_part("lab", pa.table({"id": ids_of(part), "lab__value": [part] * ROWS}))


def check_parts(folder: Path, parts: int) -> None:
    """Every part is there, once, as it was written; one event each."""
    found = Dataset(folder, "set")
    table = found.to_arrow(["id", "lab__value"]).to_pydict()
    expected = {key: part for part in range(parts) for key in ids_of(part)}
    assert len(table["id"]) == len(expected), f"{len(table['id'])} rows of {len(expected)}"
    assert dict(zip(table["id"], table["lab__value"], strict=True)) == expected
    written = [event for event in found.events() if event.action == "write_overlay_part"]
    assert len(written) == parts, f"{len(written)} events of {parts} parts"
    stored = list((found.dir / "_derived" / "lab").glob("part-*.parquet"))
    assert len(stored) == parts, f"{len(stored)} files of {parts} parts"
    problems = [*found.check().problems, *found.verify_events(deep=True).problems]
    assert not problems, [str(problem) for problem in problems]
    left = [p.name for p in (found.dir / ".usr").rglob(".*")]
    assert not left, left


def crowd_of_writers(folder: Path, *, processes: int, parts: int) -> int:
    if not wait_for(in_child(functools.partial(make, folder, parts=processes * parts))):
        return 1
    begun = time.monotonic()
    writers = [in_child(functools.partial(write_parts, folder, n, parts)) for n in range(processes)]
    ended = [wait_for(pid) for pid in writers]
    took = time.monotonic() - begun
    if not all(ended) or not wait_for(in_child(functools.partial(check_parts, folder, processes * parts))):
        return 1
    sys.stdout.write(f"{processes * parts} parts by {processes} processes in {took:.1f} s\n")
    return 0


# -- readers beside writers --------------------------------------------------------------------------------------


@dataclass
class Shown:
    """What the dataset of the readers has to show.

    Attributes:
        keys: The rows that have a value in ``lab``.
        added: Rows added since, which have none.
        base: The value in the base, once it was materialized.
        overlay: The value in the overlay, which goes before it.
    """

    keys: list[str]
    added: list[str] = field(default_factory=list)
    base: int | None = None
    overlay: int | None = None

    def looks(self) -> dict[str, str]:
        """The digest of what each kind of read has to see."""
        kept = dict.fromkeys(self.keys, self.base if self.overlay is None else self.overlay)
        return {"scan": digest_of({**kept, **dict.fromkeys(self.added)}), "get": digest_of(kept)}


def kept_keys() -> list[str]:
    return [key for part in range(KEPT) for key in ids_of(part)]


def change(folder: Path, until: float, tell: int) -> None:
    """Append, compact to both layouts, materialize, attach again, in turns; each call must succeed, and is noted."""
    found, turn, shown = Dataset(folder, "set", lock_timeout=PATIENCE), 0, Shown(kept_keys())
    commits = [Commit(0.0, time.monotonic(), len(list(found.events())), shown.looks())]

    def commit(call: Callable[[], object], **changes: int | None) -> None:
        began = time.monotonic()
        call()
        ended = time.monotonic()
        for name, value in changes.items():
            setattr(shown, name, value)
        commits.append(Commit(began, ended, len(list(found.events())), shown.looks()))

    def write_both_halves() -> None:
        half = len(shown.keys) // 2
        with found.transaction() as tx:
            for some in (shown.keys[:half], shown.keys[half:]):
                tx.write_overlay_part("lab", pa.table({"id": some, "lab__value": [turn] * len(some)}))
            tx.add_sequences([sequence_of(10_000 + turn)], bio_type="dna", alphabet="dna_4")
        shown.added.append(compute_id("dna", sequence_of(10_000 + turn)))

    while time.monotonic() < until:
        turn += 1
        mode: Literal["delete", "archive"] = "delete" if turn % 2 else "archive"
        layout: Literal["part", "file"] = "part" if turn % 2 else "file"
        with found.maintenance(reason="a crowd"):
            if shown.overlay is not None:
                commit(functools.partial(found.remove_overlay, "lab", mode=mode), overlay=None)
            commit(write_both_halves, overlay=turn)
            commit(functools.partial(found.compact_overlay, "lab", layout=layout))
            if turn % 4 == 0:
                commit(functools.partial(found.materialize, overlays="archive"), base=turn, overlay=None)
            if turn % 2 == 0:
                again = pa.table({"id": shown.keys, "lab__value": [turn] * len(shown.keys)})
                commit(
                    functools.partial(found.write_overlay, "lab", again, allow_overwrite=True), overlay=turn
                )
    write_lines(beside(folder, "commits"), commits)
    os.write(tell, f"{turn}\n".encode())


def look(folder: Path, until: float, tell: int, reader: int) -> None:
    """Read as often as there is time, and note what was seen; a ConcurrentChangeError is counted."""
    found, keys, reads = Dataset(folder, "set"), kept_keys(), list[Read]()
    counts = {"reads": 0, "refused": 0}
    looks: dict[str, Callable[[], tuple[str, int | None]]] = {
        "scan": functools.partial(scan_once, found),
        "get": functools.partial(get_once, found, keys),
        "files": functools.partial(validate_once, found),
    }
    while time.monotonic() < until:
        for kind, once in looks.items():
            counts["reads"] += 1
            began = time.monotonic()
            try:
                saw, events = once()
            except ConcurrentChangeError:
                counts["refused"] += 1
            else:
                reads.append(Read(kind, began, time.monotonic(), saw, events))
    write_lines(beside(folder, f"reads-{reader}"), reads)
    os.write(tell, json.dumps(counts).encode() + b"\n")


def scan_once(found: Dataset) -> tuple[str, None]:
    table = found.to_arrow().to_pydict()
    by_id = dict(zip(table["id"], table.get("lab__value", [None] * len(table["id"])), strict=True))
    assert len(by_id) == len(table["id"]), "a row is there twice"
    return digest_of(by_id), None


def get_once(found: Dataset, keys: list[str]) -> tuple[str, None]:
    table = found.get(keys).to_pydict()
    assert table["id"] == keys
    return digest_of(dict(zip(keys, table.get("lab__value", [None] * len(keys)), strict=True))), None


def validate_once(found: Dataset) -> tuple[str, int]:
    """Validate, and look at the files as validation does."""
    accounts, files = consistent_files(found._store)
    found.validate()
    return files_digest(files.sizes), accounts.events


def beside(folder: Path, what: str) -> Path:
    return folder.with_name(f"{folder.name}-{what}")


def check_rest(folder: Path, readers: int) -> None:
    """The dataset holds, its log is what the writer committed, and each read is a version of it."""
    found = Dataset(folder, "set")
    problems = [str(p) for p in [*found.check().problems, *found.verify_events(deep=True).problems]]
    commits = with_files(found, read_lines(beside(folder, "commits"), Commit))
    problems += problems_of_commits(commits, len(list(found.events())))
    for reader in range(readers):
        problems += problems_of_reads(commits, read_lines(beside(folder, f"reads-{reader}"), Read))
    assert not problems, problems


def crowd_of_readers(folder: Path, *, readers: int, seconds: float) -> int:
    if not wait_for(in_child(functools.partial(make, folder, parts=KEPT))):
        return 1
    into, out = os.pipe()
    until = time.monotonic() + seconds
    children = [in_child(functools.partial(look, folder, until, out, n)) for n in range(readers)]
    children.append(in_child(functools.partial(change, folder, until, out)))
    ended = [wait_for(pid) for pid in children]
    os.close(out)
    with os.fdopen(into) as lines:
        told = [json.loads(line) for line in lines]
    if not all(ended) or not wait_for(in_child(functools.partial(check_rest, folder, readers))):
        return 1
    changes = sum(found for found in told if isinstance(found, int))
    reads, refused = (sum(f[k] for f in told if isinstance(f, dict)) for k in ("reads", "refused"))
    sys.stdout.write(f"{reads} reads beside {changes} rounds of changes, {refused} refused\n")
    return 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--who", required=True, choices=["writers", "readers"])
    parser.add_argument("--processes", type=int, default=32)
    parser.add_argument("--parts", type=int, default=100)
    parser.add_argument("--readers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args(arguments)
    if options.who == "writers":
        return crowd_of_writers(options.folder, processes=options.processes, parts=options.parts)
    return crowd_of_readers(options.folder, readers=options.readers, seconds=options.seconds)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
