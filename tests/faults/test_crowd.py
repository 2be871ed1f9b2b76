"""Real processes at one dataset at once: none loses anything, none waits in vain, no reader sees a mixture."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from dnadesign.usr import Dataset
from tests.architecture.source_tree import ROOT
from tests.faults.crowd import KEPT, ids_of, make

Note = Callable[[str, int], None]


def crowd(folder: Path, *arguments: str) -> list[int]:
    command = [sys.executable, "-W", "always", "-m", "tests.faults.crowd", str(folder), *arguments]
    played = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stderr
    assert "multi-threaded" not in played.stderr  # a process that forks has no other threads
    return [int(number) for number in re.findall(r"\b\d+\b(?!\.)", played.stdout)]


def test_processes_that_write_parts_at_once_all_succeed_and_lose_and_double_no_key(
    tmp_path: Path, note: Note
) -> None:
    parts, processes, *_ = crowd(tmp_path / "root", "--who", "writers", "--processes", "6", "--parts", "15")
    note("parts written by processes at once", parts)
    assert (parts, processes) == (90, 6)


def test_reads_beside_appends_compactions_and_materializations_see_one_version_each(
    tmp_path: Path, note: Note
) -> None:
    reads, rounds, refused = crowd(tmp_path / "root", "--who", "readers", "--seconds", "12")
    note("reads beside changes", reads)
    assert reads >= 10
    assert rounds >= 4  # appended, compacted to both layouts, materialized and attached
    assert refused <= reads // 20


def test_an_unfinished_read_keeps_no_writer_waiting_and_goes_on_in_its_version(tmp_path: Path) -> None:
    make(tmp_path / "root", parts=KEPT)
    found = Dataset(tmp_path / "root", "set", lock_timeout=0)
    keys = [key for n in range(KEPT) for key in ids_of(n)]
    found.write_overlay_part("lab", pa.table({"id": keys[:16], "lab__value": [1] * 16}))
    with found.scan(batch_size=4) as reading:
        first = reading.read_next_batch()
        writer = Dataset(tmp_path / "root", "set", lock_timeout=0)
        writer.write_overlay_part("lab", pa.table({"id": keys[16:], "lab__value": [2] * (len(keys) - 16)}))
        writer.compact_overlay("lab", maintenance=True)
        writer.materialize(overlays="archive", maintenance=True)
        rest = reading.read_all()
    values = pa.Table.from_batches([first]).column("lab__value").to_pylist() + rest["lab__value"].to_pylist()
    assert values == [1] * 16 + [None] * (len(keys) - 16)
    assert found.to_arrow()["lab__value"].to_pylist() == [1] * 16 + [2] * (len(keys) - 16)
