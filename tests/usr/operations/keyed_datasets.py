"""A small dataset whose keys are on the disk, and what can become of it, for those who read by these keys."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from dnadesign.usr import Dataset, compute_id, register_namespace
from dnadesign.usr.storage.filesystem import REAL
from tests.usr.storage.cached_keys import cached_files, eager

ROWS = 12
SEQUENCES = ["".join("ACGT"[i >> 2 * k & 3] for k in range(6)) for i in range(ROWS)]
IDS = [compute_id("dna", sequence) for sequence in SEQUENCES]
COLUMNS = "lab__x:int64,lab__v:fixed_size_list<float32>[2],lab__s:list<struct<tf:string,at:int64>>"


def values(ids: list[str], start: int = 0) -> pa.Table:
    numbers = range(start, start + len(ids))
    return pa.table(
        {
            "id": ids,
            "lab__x": pa.array(numbers, pa.int64()),
            "lab__v": pa.array([[n, None] for n in numbers], pa.list_(pa.float32(), 2)),
            "lab__s": pa.array(
                [[{"tf": f"tf{n}", "at": None}] * (n % 3) for n in numbers],
                pa.list_(pa.struct([("tf", pa.string()), ("at", pa.int64())])),
            ),
        }
    )


def make_dataset(root: Path) -> Dataset:
    """Twelve rows, of which five are in parts, the keys of all on the disk."""
    register_namespace(root, namespace="lab", columns=COLUMNS)
    dataset = eager(Dataset(root, "set").init())
    dataset.add_sequences(SEQUENCES, bio_type="dna", alphabet="dna_4")
    for start in (0, 2, 4):
        dataset.write_overlay_part("lab", values(IDS[start : start + 2][::-1], start))
    assert cached_files(REAL, dataset.dir)
    return dataset


CHANGES: dict[str, Callable[[Dataset], object]] = {
    "nothing": lambda d: None,
    "a part": lambda d: d.write_overlay_part("lab", values(IDS[8:10])),
    "a part with one column": lambda d: d.write_overlay_part("lab", values(IDS[8:10]).select(["id", "lab__x"])),
    "rows": lambda d: d.add_sequences(["TTTTTTTTT"], bio_type="dna", alphabet="dna_4"),
    "rows with a part": lambda d: (
        d.add_sequences(["TTTTTTTTT"], bio_type="dna", alphabet="dna_4"),
        d.write_overlay_part("lab", values([compute_id("dna", "TTTTTTTTT"), IDS[11]], 40)),
    ),
    "deleted records": lambda d: d.tombstone([IDS[0], IDS[3], IDS[7]], reason="bad"),
    "restored records": lambda d: (d.tombstone(IDS[:4]), d.restore(IDS[1:3])),
    "a state": lambda d: d.set_state(IDS[1:6], qc_status="pass", lineage=["a", "b"]),
    "compaction": lambda d: d.compact_overlay("lab", maintenance=True),
    "compaction to a part": lambda d: d.compact_overlay("lab", layout="part", maintenance=True),
    "materialization": lambda d: d.materialize(overlays="archive", maintenance=True),
    "a row over a materialized one": lambda d: (
        d.materialize(overlays="archive", maintenance=True),
        d.write_overlay_part("lab", values(IDS[1:3], 70).select(["id", "lab__x"])),
    ),
    "a deletion over a materialized one": lambda d: (
        d.tombstone(IDS[:2]),
        d.materialize(overlays="archive", maintenance=True),
        d.restore(IDS[:1]),
    ),
    "removal": lambda d: d.remove_overlay("lab", mode="archive", maintenance=True),
    "an overlay in a file": lambda d: (
        d.remove_overlay("lab", mode="delete", maintenance=True),
        d.write_overlay("lab", values(IDS[2:9])),
    ),
    "a file written over": lambda d: (
        d.remove_overlay("lab", mode="delete", maintenance=True),
        d.write_overlay("lab", values(IDS[2:9])),
        d.write_overlay("lab", values(IDS[4:6], 90).select(["id", "lab__x"]), allow_overwrite=True),
    ),
    "a frozen registry": lambda d: d.freeze_registry(maintenance=True),
    "a tool's event": lambda d: d.log_event("tool_ran"),
    "archived events": lambda d: d.archive_events(maintenance=True),
    "dropped rows": lambda d: (d.tombstone(IDS[:2]), d.materialize(drop_deleted=True, maintenance=True)),
}  # fmt: skip
