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
from pathlib import Path

# As for writers that are killed: a process that forks has no other threads.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"

import pyarrow as pa

from dnadesign.usr import ConcurrentChangeError, Dataset, compute_id, register_namespace
from tests.faults.killing import LOADED, in_child, sequence_of, wait_for

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
    left = [p.name for p in (found.dir / ".usr" / "staging").iterdir()]
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


def change(folder: Path, until: float, tell: int) -> None:
    """Append, compact to both layouts, materialize, attach again, in turns; each call must succeed.

    After every change all rows of ``lab`` have one and the same value, or none, so that a mixture of two versions shows.
    """
    found, turn = Dataset(folder, "set", lock_timeout=PATIENCE), 0
    keys = [key for part in range(KEPT) for key in ids_of(part)]
    while time.monotonic() < until:
        turn += 1
        with found.maintenance(reason="a crowd"):
            if any(overlay.namespace == "lab" for overlay in found.list_overlays()):
                found.remove_overlay("lab", mode="delete" if turn % 2 else "archive")
            half = len(keys) // 2
            with found.transaction() as tx:
                for some in (keys[:half], keys[half:]):
                    tx.write_overlay_part("lab", pa.table({"id": some, "lab__value": [turn] * len(some)}))
                tx.add_sequences([sequence_of(10_000 + turn)], bio_type="dna", alphabet="dna_4")
            found.compact_overlay("lab", layout="part" if turn % 2 else "file")
            if turn % 4 == 0:
                found.materialize(overlays="archive")
            if turn % 2 == 0:
                again = pa.table({"id": keys, "lab__value": [turn] * len(keys)})
                found.write_overlay("lab", again, allow_overwrite=True)
    os.write(tell, f"{turn}\n".encode())


def look(folder: Path, until: float, tell: int) -> None:
    """Read as often as there is time; each time one committed version, or a ConcurrentChangeError, which is counted."""
    found = Dataset(folder, "set")
    keys = [key for part in range(KEPT) for key in ids_of(part)]
    counts = {"reads": 0, "refused": 0, "rows": 0}
    looks: list[Callable[[], None]] = [
        functools.partial(scan_once, found, keys, counts),
        functools.partial(get_once, found, keys),
        functools.partial(validate_once, found),
    ]
    while time.monotonic() < until:
        for once in looks:
            counts["reads"] += 1
            try:
                once()
            except ConcurrentChangeError:
                counts["refused"] += 1
    os.write(tell, json.dumps(counts).encode() + b"\n")


def one_value(values: list[int | None]) -> int | None:
    assert len(set(values)) == 1, f"a mixture of versions: {sorted(set(values), key=str)}"
    return values[0]


def scan_once(found: Dataset, keys: list[str], counts: dict[str, int]) -> None:
    table = found.to_arrow().to_pydict()
    by_id = dict(zip(table["id"], table.get("lab__value", [None] * len(table["id"])), strict=True))
    value, added = one_value([by_id[key] for key in keys]), len(by_id) - len(keys)
    # A row is added in the transaction that writes the value. Where the overlay is removed, the base shows what was
    # materialized last, in every fourth round.
    shown = {added, added // 4 * 4} if added >= 4 else {added, None}
    assert value in shown or (value is None and added == 4), f"value {value} beside {added} rows added"
    assert len(by_id) >= counts["rows"], f"{len(by_id)} rows after {counts['rows']}"
    counts["rows"] = len(by_id)


def get_once(found: Dataset, keys: list[str]) -> None:
    table = found.get(keys).to_pydict()
    assert table["id"] == keys
    one_value(table.get("lab__value", [None] * len(keys)))


def validate_once(found: Dataset) -> None:
    found.validate()


def check_rest(folder: Path) -> None:
    found = Dataset(folder, "set")
    problems = [*found.check().problems, *found.verify_events(deep=True).problems]
    assert not problems, [str(problem) for problem in problems]


def crowd_of_readers(folder: Path, *, readers: int, seconds: float) -> int:
    if not wait_for(in_child(functools.partial(make, folder, parts=KEPT))):
        return 1
    into, out = os.pipe()
    until = time.monotonic() + seconds
    children = [in_child(functools.partial(look, folder, until, out)) for _ in range(readers)]
    children.append(in_child(functools.partial(change, folder, until, out)))
    ended = [wait_for(pid) for pid in children]
    os.close(out)
    with os.fdopen(into) as lines:
        told = [json.loads(line) for line in lines]
    if not all(ended) or not wait_for(in_child(functools.partial(check_rest, folder))):
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
