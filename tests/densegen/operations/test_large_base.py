"""Flushes into a base of a million rows: what they cost, and how they are spaced for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dnadesign.densegen.adapters.outputs import usr_writer
from dnadesign.densegen.adapters.outputs.attempt_log import ParquetAttemptLog
from dnadesign.densegen.adapters.outputs.usr_writer import UsrStore
from dnadesign.densegen.contract.batches import Shard
from dnadesign.densegen.contract.ports import Attempt
from dnadesign.densegen.operations.recording import Recorder
from dnadesign.usr import Dataset
from dnadesign.usr.storage.filesystem import REAL
from tests.densegen.adapters.outputs.test_usr_writer import design

ROWS, LENGTH = 1_000_000, 40
SECONDS_A_DESIGN = 0.05
BYTES_A_SECOND = 50e6  # a slow disk: copying such a base takes most of a second
DESIGNS, CHUNK = 3000, 10


@dataclass
class Disk:
    """A file system that counts the bytes written, and a clock that moves with them and with the solving."""

    written: int = 0
    solved: int = 0

    def clock(self) -> float:
        return self.solved * SECONDS_A_DESIGN + self.written / BYTES_A_SECOND


class Counting:
    def __init__(self, inner: Any, disk: Disk) -> None:
        self.inner, self.disk = inner, disk

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name not in {"open", "write_at", "copy_from"}:
            return found

        def call(*words: Any, **options: Any) -> Any:
            made = found(*[getattr(word, "inner", word) for word in words], **options)
            if name == "open":
                return Counting(made, self.disk)
            self.disk.written += made
            return made

        return call


def add_million(root: Path) -> None:
    codes = np.random.default_rng(1).integers(0, 4, ROWS * LENGTH, dtype=np.uint8)
    letters = np.frombuffer(b"ACGT", np.uint8)[codes]
    ends = np.arange(0, ROWS * LENGTH + 1, LENGTH, dtype=np.int32)
    sequences = pa.StringArray.from_buffers(ROWS, pa.py_buffer(ends), pa.py_buffer(letters))
    Dataset(root, "designs").add_sequences(
        pa.table({"sequence": sequences}), bio_type="dna", alphabet="dna_4"
    )


def test_flushes_into_a_million_rows_take_at_most_a_twentieth_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    plain = UsrStore(tmp_path, "designs", run_id="run", config_sha256="c" * 64)
    plain.prepare()
    add_million(tmp_path)
    monkeypatch.setattr(usr_writer, "Dataset", partial(Dataset, fs=Counting(REAL, disk)))
    recorder = Recorder(
        plan="plan",
        run_id="run",
        shard=Shard(),
        store=UsrStore(tmp_path, "designs", run_id="run", config_sha256="c" * 64),
        log=ParquetAttemptLog(tmp_path / "runs", Shard()),
        chunk_size=CHUNK,
        both_strands=True,
        committed=0,
        next_batch=1,
        next_part=1,
        attempts=0,
        failures=Counter(),
        clock=disk.clock,
    )
    costs = []
    for number in range(DESIGNS):
        disk.solved += 1
        row = Attempt(
            number, number, 0, "l" * 64, "accepted", "", 0.05, "2026-11-22T00:00:00.000+00:00", False
        )
        sequence = "A" + "".join("ACGT"[number >> shift & 3] for shift in range(0, LENGTH, 2)) + "C" * LENGTH
        recorder.accept(row, design(sequence, attempt=number))
        if recorder.due:
            before = disk.written
            recorder.flush()
            costs.append(disk.written - before)
    base = Dataset(tmp_path, "designs").records_path.stat().st_size
    assert (
        min(costs) > base * 0.9
    )  # each flush does copy the base: without spacing they would take most of the time
    learning = sum(costs[:3]) / BYTES_A_SECOND  # the first three show what a flush costs
    assert recorder.flush_seconds - learning <= 0.05 * disk.clock()
    assert 3 < recorder.flushes < DESIGNS / CHUNK / 10
    recorder.flush()
    assert recorder.committed == DESIGNS
    assert Dataset(tmp_path, "designs").coverage("densegen").covered == DESIGNS
