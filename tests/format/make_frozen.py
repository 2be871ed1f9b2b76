"""Write the frozen datasets of this format version: ``python -m tests.format.make_frozen FOLDER``.

What it wrote once lies in ``frozen/v1`` and is never written again: later versions of the library must read it. A
new format version gets a folder of its own. ``expected.json`` says what must be read back.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dnadesign.usr import Actor, Dataset, register_namespace

ACTOR = Actor(tool="frozen", run_id="v1", host="example", pid=1)
WHEN = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
SEQUENCES = ["ACGTACGT", "acgtaa", "TTGACATT", "TATAATGC", "GGGGCCCC", "CATCATCAT", "GATTACA", "TTTTTTTT"]
COLUMNS = (
    "made__x:float64,made__half:float16,made__n:int64,made__big:uint64,made__flag:bool,made__day:date32,"
    "made__raw:binary,made__vec:fixed_size_list<float32>[3],made__sites:list<struct<tf:string,offset:int64>>,"
    "made__meta:struct<name:string,parts:list<int8>>,made__at:timestamp[ns, UTC],made__local:timestamp[s],"
    "made__npz_ref:string,made__npz_sha256:string,made__npz_bytes:int64,"
    "made__npz_arrays:list<struct<name:string,dtype:string,shape:list<int64>>>"
)


def rows(ids: list[str]) -> pa.Table:
    """One row of every registered type for each id, with a null in each column."""
    count = len(ids)
    some: dict[str, list[Any]] = {
        "made__x": [1.5, None, -0.25, 1e300],
        "made__half": [np.float16(0.5), None, np.float16(-2), np.float16(1)],
        "made__n": [2**62, -(2**62), None, 0],
        "made__big": [2**64 - 1, None, 0, 1],
        "made__flag": [True, None, False, True],
        "made__day": [WHEN.date(), None, WHEN.date(), None],
        "made__raw": [b"\x00\xff", b"", None, b"x"],
        "made__vec": [[1.0, 2.0, 3.5], None, [0.0, -1.0, 0.5], [4.0, 5.0, 6.0]],
        "made__sites": [[{"tf": "CRP", "offset": 3}, {"tf": None, "offset": -1}], [], None, [None]],
        "made__meta": [
            {"name": "a", "parts": [1, 2]},
            None,
            {"name": None, "parts": None},
            {"name": "", "parts": []},
        ],
    }
    table: dict[str, Any] = {"id": ids} | {
        name: [values[i % 4] for i in range(count)] for name, values in some.items()
    }
    table["made__half"] = pa.array(table["made__half"], pa.float16())
    table["made__big"] = pa.array(table["made__big"], pa.uint64())
    table["made__vec"] = pa.array(table["made__vec"], pa.list_(pa.float32(), 3))
    table["made__meta"] = pa.array(
        table["made__meta"], pa.struct([("name", pa.string()), ("parts", pa.list_(pa.int8()))])
    )
    table["made__at"] = pa.array(
        [1_767_323_045_123_456_789 + i for i in range(count)], pa.timestamp("ns", "UTC")
    )
    table["made__local"] = pa.array([i - 1 for i in range(count)], pa.timestamp("s"))
    return pa.table(table)


def write(root: Path) -> dict[str, Any]:
    """Write the root and say what must be read back."""
    register_namespace(root, namespace="made", columns=COLUMNS, owner="frozen", description="every type")
    register_namespace(
        root, namespace="file", columns="file__note:string,file__score:float64", owner="frozen"
    )
    live = _live(Dataset(root, "lab/live"))
    return {"lab/live": live, "lab/kept": _kept(Dataset(root, "lab/kept"))}


def _live(dataset: Dataset) -> dict[str, Any]:
    """Parts, a single file, tombstones, state, an artifact, a batch, a frozen registry and an archived log."""
    dataset.init(source="frozen", notes="never written again", actor=ACTOR)
    ids = list(
        dataset.add_sequences(
            SEQUENCES[:5], bio_type="dna", alphabet="dna_4", source="first", created_at=WHEN, actor=ACTOR
        ).ids
    )
    dataset.write_overlay_part("made", rows(ids[2:5]), actor=ACTOR)
    with dataset.transaction(batch_id="frozen:1", actor=ACTOR) as tx:
        tx.add_sequences(SEQUENCES[5:], bio_type="dna", alphabet="dna_4", source="second", created_at=WHEN)
        ref = tx.write_artifact("made", {"track": np.arange(6, dtype=np.float32).reshape(2, 3)})
        table = rows(ids[:2])
        for name, value in ref.columns("made").items():
            table = table.append_column(name, [[value, None]])
        tx.write_overlay_part("made", table)
    with dataset.maintenance(reason="frozen", actor=ACTOR):
        dataset.freeze_registry()
        dataset.archive_events()
    dataset.write_overlay(
        "file",
        pa.table({"id": ids[1:3], "file__note": ["one", None], "file__score": [0.5, 1.5]}),
        actor=ACTOR,
    )
    dataset.tombstone(ids[4], reason="bad", actor=ACTOR)
    dataset.tombstone(ids[3], reason="for a while", actor=ACTOR)
    dataset.restore(ids[3], actor=ACTOR)
    dataset.set_state(ids[0], qc_status="pass", split="train", lineage=["a", "b"], actor=ACTOR)
    dataset.snapshot(actor=ACTOR)
    return _expected(dataset)


def _kept(dataset: Dataset) -> dict[str, Any]:
    """A materialized base, a compacted overlay and what they set aside."""
    dataset.init(source="frozen", actor=ACTOR)
    ids = list(
        dataset.add_sequences(
            SEQUENCES[:4], bio_type="dna", alphabet="dna_4", created_at=WHEN, actor=ACTOR
        ).ids
    )
    for piece in (ids[:2], ids[2:]):
        dataset.write_overlay_part("made", rows(piece), actor=ACTOR)
    dataset.write_overlay_part("file", pa.table({"id": ids[:1], "file__note": ["base"]}), actor=ACTOR)
    with dataset.maintenance(reason="frozen", actor=ACTOR):
        dataset.compact_overlay("made")
        dataset.materialize(overlays="archive", namespaces=["file"])
    dataset.add_sequences(SEQUENCES[4:6], bio_type="dna", alphabet="dna_4", created_at=WHEN, actor=ACTOR)
    return _expected(dataset)


def _expected(dataset: Dataset) -> dict[str, Any]:
    table = dataset.to_arrow(include_deleted=True)
    return {
        "visible": dataset.to_arrow().num_rows,
        "types": {field.name: str(field.type) for field in table.schema},
        "rows": json.loads(json.dumps(table.to_pylist(), default=plain)),
        "actions": [event.action for event in dataset.events()],
    }


def plain(value: object) -> object:
    """A value that JSON does not have, as text."""
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    (target / "expected.json").write_text(json.dumps(write(target), indent=1) + "\n")
