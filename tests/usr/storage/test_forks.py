"""A forked child leaves alone what its parent has begun, and is not held up by threads that it does not have."""

import subprocess
import sys
from pathlib import Path

import pytest

from dnadesign.usr import Dataset, register_namespace

BEGIN = """
import os, sys, threading, time
import numpy as np, pyarrow as pa
from dnadesign.usr import Dataset, SequencesError
d = Dataset(sys.argv[1], "lab/a", lock_timeout=20)
ids = d.head(2).column("id").to_pylist()

def in_child(work):
    "What came of it in a forked child: its own words, or the name of its error."
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            said = str(work())
        except SequencesError as error:
            said = f"{type(error).__name__}: {error.message}; {error.mend}"
        except BaseException as error:
            said = repr(error)
        os.write(writes, said.encode())
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as pipe:
        said = pipe.read().decode()
    assert os.waitpid(pid, 0)[1] == 0
    return said
"""


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    register_namespace(tmp_path, namespace="score", columns="score__x:float64")
    made = Dataset(tmp_path, "lab/a").init()
    made.add_sequences(["ACGT", "CCCC"], bio_type="dna", alphabet="dna_4")
    return made


def run(dataset: Dataset, program: str) -> str:
    """What a process prints that does this with the dataset."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BEGIN + program, str(dataset.root)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    dataset.validate(deep=True)
    assert list((dataset.dir / ".usr").rglob(".*")) == []
    return ended.stdout


def test_a_child_that_leaves_the_block_of_its_parent_takes_nothing_along(dataset: Dataset) -> None:
    out = run(
        dataset,
        """
from dnadesign.usr.storage.staging import Staging
check, calls = Staging.check_process, []
def leave_and_check(self):
    calls.append(self)
    if len(calls) == 2:  # all is staged, nothing is committed
        if os.fork() == 0:
            sys.exit(0)  # through every block that the parent is in
        os.wait()
    check(self)
Staging.check_process = leave_and_check
print(d.write_overlay_part("score", pa.table({"id": ids[1:], "score__x": [2.0]})).rows)
""",
    )
    assert out == "1\n"
    assert dataset.to_arrow(["score__x"]).column(0).to_pylist() == [None, 2.0]


def test_a_child_may_not_finish_what_its_parent_began(dataset: Dataset) -> None:
    out = run(
        dataset,
        """
from dnadesign.usr.storage.staging import open_staging
with open_staging(d._store.fs, d._store.dir) as staging:
    staging.write(b"x")
    print(in_child(staging.check_process))
    print(in_child(lambda: staging.write(b"y")))
""",
    )
    assert out.count("StorageError") == 2
    assert "of which this one was forked; nothing was changed; make the whole change in one process" in out


def test_a_child_writes_whatever_a_thread_of_its_parent_was_just_doing(dataset: Dataset) -> None:
    out = run(
        dataset,
        """
d.log_event("parent_ran")  # so that no thread is importing a module when the process forks
stop = False
def work():
    while not stop:
        d.log_event("parent_ran")
thread = threading.Thread(target=work, daemon=True)
thread.start()
for number in range(8):
    print(in_child(lambda: d.log_event("child_ran")))
stop = True
thread.join()
""",
    )
    assert out == "None\n" * 8
    assert sum(event.action == "child_ran" for event in dataset.events()) == 8


def test_a_child_looks_for_a_batch_while_a_thread_of_its_parent_does(dataset: Dataset) -> None:
    out = run(
        dataset,
        """
with d.transaction(batch_id="b") as tx:
    tx.add_sequences(["GGGG"], bio_type="dna", alphabet="dna_4")
for guard in (d._store._guard, d._store._batches._guard, d._store._known.footers._guard, d._store._known.ids._guard):
    with guard:
        print(in_child(lambda: d.batch("b").actions[0]))
""",
    )
    assert out == "import_rows\n" * 4
