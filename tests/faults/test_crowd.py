"""Real processes at one dataset at once: none loses anything, none waits in vain, no reader sees a mixture."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from dnadesign.usr import Dataset
from tests.architecture.source_tree import ROOT
from tests.faults.crowd import KEPT, Shown, ids_of, kept_keys, make, scan_once
from tests.faults.read_versions import Commit, Read, digest_of, problems_of_commits, problems_of_reads

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


COMMITS = [
    Commit(began, began + 1, events, {"scan": digest_of(events), "get": digest_of(0), "files": digest_of([events])})
    for began, events in ((0.0, 1), (10.0, 4), (20.0, 5))
]  # fmt: skip
RIGHT = [
    Read("scan", 2, 3, digest_of(1)),
    Read("scan", 10, 11, digest_of(1)),  # the call that makes the second has not returned when it begins
    Read("scan", 9, 10.5, digest_of(4)),
    Read("get", 19, 22, digest_of(0)),
    Read("files", 19, 22, digest_of([5]), 5),
]
WRONG = {
    "mixed": ([Read("scan", 12, 13, digest_of([1, 4]))], "is no committed version"),
    "of other events than it says": ([Read("files", 12, 13, digest_of([4]), 5)], "is no committed version"),
    "over": ([Read("scan", 12, 13, digest_of(1))], "was not current"),
    "not committed yet": ([Read("scan", 12, 13, digest_of(5))], "was not current"),
    "back": ([Read("scan", 10, 11, digest_of(4)), Read("scan", 10, 11, digest_of(1))], "was read before it"),
}


def test_reads_of_committed_versions_are_right() -> None:
    assert problems_of_reads(COMMITS, RIGHT) == []
    assert problems_of_commits(COMMITS, 5) == []


@pytest.mark.parametrize(("reads", "told"), WRONG.values(), ids=WRONG)
def test_a_read_of_what_the_log_does_not_have_is_found_out(reads: list[Read], told: str) -> None:
    assert [problem for problem in problems_of_reads(COMMITS, reads) if told in problem]


def test_commits_that_the_log_does_not_have_are_found_out() -> None:
    assert problems_of_commits(COMMITS, 6) != []
    assert problems_of_commits([*COMMITS, COMMITS[-1]], 5) != []


@pytest.mark.parametrize("halves", [1, 2])
def test_a_reader_notes_what_it_sees_of_each_row(halves: int, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Shown(kept_keys(), overlay=7)
    half = len(shown.keys) // 2
    values = [7] * half + [7 if halves == 2 else None] * half
    table = pa.table({"id": shown.keys, "lab__value": values})
    monkeypatch.setattr(Dataset, "to_arrow", lambda _: table)
    saw, _ = scan_once(Dataset("nowhere", "set"))
    assert (saw == shown.looks()["scan"]) == (halves == 2)
