"""Generated data, the same in every run: sequences, overlay rows, FASTA files and event logs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from dnadesign.usr import Actor
from dnadesign.usr.contract.events import DatasetRef, Fingerprint, make_event

SEED = 20_261_122
BASES = np.frombuffer(b"ACGT", dtype=np.uint8)
LENGTH = 60
NAMESPACE = "bench"
COLUMNS = (
    "bench__score:float64,bench__vector:fixed_size_list<float32>[8],"
    "bench__sites:list<struct<tf:string,offset:int32>>"
)
VECTOR = pa.list_(pa.float32(), 8)
SITES = pa.list_(pa.struct([("tf", pa.string()), ("offset", pa.int32())]))
SITES_A_ROW = 3

_FACTORS = [f"factor{i:02d}" for i in range(40)]
_BLOCK = 250_000
_EVENT_BLOCK = 1_000


def sequences(count: int, *, series: int) -> Iterator[pa.Array]:
    """Random DNA of 60 bp in blocks; another series has other sequences."""
    rng = np.random.default_rng([SEED, series])
    for start in range(0, count, _BLOCK):
        size = min(_BLOCK, count - start)
        letters = BASES[rng.integers(0, 4, (size, LENGTH), dtype=np.uint8)]
        offsets = np.arange(0, (size + 1) * LENGTH, LENGTH, dtype=np.int32)
        yield pa.StringArray.from_buffers(size, pa.py_buffer(offsets), pa.py_buffer(letters.tobytes()))


def overlay_rows(ids: pa.Array | pa.ChunkedArray, *, series: int) -> pa.Table:
    """Overlay rows for these ids: a number, a vector of 8 floats and a list of 3 sites each."""
    rng = np.random.default_rng([SEED, 1_000_000 + series])
    count = len(ids)
    vectors = pa.array(rng.standard_normal(count * 8, dtype=np.float32))
    factors = pa.array(_FACTORS).take(pa.array(rng.integers(0, len(_FACTORS), count * SITES_A_ROW)))
    offsets = pa.array(rng.integers(0, LENGTH, count * SITES_A_ROW, dtype=np.int32))
    sites = pa.StructArray.from_arrays([factors, offsets], fields=list(SITES.value_type))
    ends = pa.array(np.arange(0, (count + 1) * SITES_A_ROW, SITES_A_ROW, dtype=np.int32))
    return pa.table(
        {
            "id": ids,
            "bench__score": pa.array(rng.standard_normal(count)),
            "bench__vector": pa.FixedSizeListArray.from_arrays(vectors, 8).cast(VECTOR),
            "bench__sites": pa.ListArray.from_arrays(ends, sites).cast(SITES),
        }
    )


def write_fasta(path: Path, count: int) -> None:
    """A FASTA file of so many records."""
    number = 0
    with path.open("w", encoding="ascii") as file:
        for block in sequences(count, series=7):
            for sequence in block.to_pylist():
                file.write(f">record{number} made up\n{sequence}\n")
                number += 1


def write_log(path: Path, count: int) -> None:
    """An event log of so many lines, each about what a part's event is."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with path.open("wb") as file:
        for first in range(0, count, _EVENT_BLOCK):
            event = make_event(
                "write_overlay_part",
                dataset=DatasetRef(name="bench", root="root"),
                registry_hash="a" * 64,
                txid="0" * 32,
                args={"namespace": NAMESPACE, "key": "id", "allow_missing": False},
                metrics={"namespace": NAMESPACE, "rows": 1_000, "rows_missing": 0, "bytes": 110_000},
                artifacts={"added": [{"path": "_derived/bench/part", "bytes": 110_000, "sha256": "b" * 64}]},
                fingerprint=Fingerprint(rows=1_000, cols=4, size_bytes=110_000),
                actor=Actor(tool="bench", run_id=f"run{first}"),
                now=start + timedelta(seconds=first),
            )
            line = event.to_json_line()
            known = str(event.event_id).encode()
            for number in range(first, min(first + _EVENT_BLOCK, count)):
                fresh = uuid.uuid5(uuid.NAMESPACE_OID, str(number))
                name = fresh.hex if b"-" not in known else str(fresh)
                file.write(line.replace(known, name.encode(), 1))
