"""The writer against a real dataset: contracts, conflicts, and death at each step of a flush."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dnadesign.densegen.adapters.outputs.usr_writer import UsrStore
from dnadesign.densegen.contract.design import Checks, Design, Pad, SolverFacts
from dnadesign.densegen.contract.errors import StoreError
from dnadesign.densegen.contract.metadata import COLUMNS
from dnadesign.densegen.contract.ports import TakenError
from dnadesign.usr import Dataset, register_namespace
from tests.densegen.design_cases import other_strand


def design(sequence: str, *, attempt: int = 0, hour: int = 12) -> Design:
    return Design(
        sequence=sequence,
        plan="plan",
        created_at=datetime(2026, 11, 22, hour, tzinfo=UTC),
        library_sha256="l" * 64,
        attempt_id=attempt,
        library_index=attempt,
        library_size=3,
        target_length=len(sequence),
        inputs=("sites",),
        required_regulators=(),
        used_tfbs_detail=(),
        used_tf_counts=(),
        promoters=(),
        pad=Pad(0, 0, None, 0),
        solver=SolverFacts("optimal", 0, 1, 0.1),
        checks=Checks(1, 0, 0, 0, 0, 0),
        compression_ratio=1.0,
        gc_total=0.5,
        gc_core=0.5,
    )


def store(root: Path, *, run_id: str = "run", annotate: bool = False) -> UsrStore:
    made = UsrStore(root, "designs", run_id=run_id, config_sha256="c" * 64, annotate=annotate)
    made.prepare()
    return made


def test_preparing_twice_makes_one_dataset(tmp_path: Path) -> None:
    store(tmp_path)
    store(tmp_path)
    assert len(Dataset(tmp_path, "designs").events_path.read_bytes().splitlines()) == 1


def test_a_root_whose_contract_has_more_columns_than_ours_is_written_to(tmp_path: Path) -> None:
    wider = [*COLUMNS, ("densegen__mood", "string")]
    register_namespace(tmp_path, namespace="densegen", columns=wider)
    store(tmp_path).commit("b:1", [design("ACGT")])
    Dataset(tmp_path, "designs").validate()


def test_a_root_whose_contract_is_another_is_refused_before_any_row(tmp_path: Path) -> None:
    other = [(name, "string" if name.endswith("attempt_id") else kind) for name, kind in COLUMNS]
    register_namespace(tmp_path, namespace="densegen", columns=other)
    with pytest.raises(StoreError) as caught:
        store(tmp_path)
    assert caught.value.exit_status == 3
    assert not Dataset(tmp_path, "designs").exists()


def test_a_contract_that_changes_under_a_run_stops_it_where_it_no_longer_matches(tmp_path: Path) -> None:
    running = store(tmp_path)
    running.commit("b:1", [design("ACGT")])
    wider = [*COLUMNS, ("densegen__mood", "string")]
    register_namespace(tmp_path, namespace="densegen", columns=wider, overwrite=True)
    running.commit("b:2", [design("AACC")])
    fewer = [(name, kind) for name, kind in COLUMNS if name != "densegen__pad"]
    register_namespace(tmp_path, namespace="densegen", columns=fewer, overwrite=True)
    with pytest.raises(StoreError, match="densegen__pad"):
        running.commit("b:3", [design("AAGG")])
    assert Dataset(tmp_path, "designs").to_arrow(["sequence"])["sequence"].to_pylist() == ["ACGT", "AACC"]


def test_a_batch_is_written_once_however_often_it_is_submitted(tmp_path: Path) -> None:
    running = store(tmp_path)
    for _ in range(2):
        running.commit("b:1", [design("ACGT"), design("AACC", attempt=1)])
    assert running.is_committed("b:1")
    assert not running.is_committed("b:2")
    assert [one.attempt_id for one in running.stored("run")] == [0, 1]
    assert running.stored("other") == []


def test_a_design_that_is_there_is_taken_and_on_both_strands_its_twin_too(tmp_path: Path) -> None:
    store(tmp_path, run_id="theirs").commit("b:1", [design("ACGGT")])
    mine = store(tmp_path)
    assert mine.taken(["ACGGT", "AAAAA"], both_strands=False) == {"ACGGT"}
    assert mine.taken([other_strand("ACGGT")], both_strands=False) == set()
    assert mine.taken([other_strand("ACGGT")], both_strands=True) == {other_strand("ACGGT")}
    with pytest.raises(TakenError):
        mine.commit("b:2", [design("AAAAA"), design("ACGGT")])
    assert mine.stored("run") == []


def test_annotating_takes_what_the_dataset_has_without_our_metadata(tmp_path: Path) -> None:
    mine = store(tmp_path, annotate=True)
    dataset = Dataset(tmp_path, "designs")
    dataset.add_sequences(["ACGGT", "TTTTT"], bio_type="dna", alphabet="dna_4", source="bench")
    assert mine.taken(["ACGGT"], both_strands=False) == set()
    mine.commit("b:1", [design("ACGGT"), design("CCCCC", attempt=1)])
    assert mine.taken(["ACGGT", "TTTTT"], both_strands=False) == {"ACGGT"}
    rows = dataset.to_arrow(["sequence", "source", "densegen__run_id"]).to_pylist()
    assert [(row["sequence"], row["source"], row["densegen__run_id"]) for row in rows] == [
        ("ACGGT", "bench", "run"),
        ("TTTTT", "bench", None),
        ("CCCCC", "densegen:run", "run"),
    ]
    dataset.validate()


_STEPS = """
import json, os, shutil, sys, traceback

import pyarrow.parquet  # once, here: every child would load it anew
from functools import partial
from pathlib import Path

from dnadesign.densegen.adapters.outputs import usr_writer
from dnadesign.usr import Dataset
from dnadesign.usr.storage.filesystem import REAL
from tests.densegen.adapters.outputs.test_usr_writer import design, store

SURVIVED = 7
LOOKING = {'stat', 'list', 'read_at', 'try_lock', 'unlock', 'close'}  # death there is death in front of the next


class Dying:
    '''A file system whose process dies in front of its operation number ``left``.'''

    def __init__(self, inner, left):
        self.inner, self.left = inner, left

    def __getattr__(self, name):
        found = getattr(self.inner, name)
        if not callable(found):
            return found

        def call(*args, **options):
            self.left[0] -= name not in LOOKING
            if self.left[0] < 0:
                os._exit(9)
            made = found(*args, **options)
            return Dying(made, self.left) if name == 'open' else made

        return call


def in_child(work):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = work()
        except BaseException:
            traceback.print_exc()
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def before(root):
    store(root).commit('b:1', [design('ACGT')])
    return 0


def flush(root, step):
    usr_writer.Dataset = partial(Dataset, fs=Dying(REAL, [step]))
    writer = usr_writer.UsrStore(root, 'designs', run_id='run', config_sha256='c' * 64)
    writer.commit('b:2', [design('AACC', attempt=1), design('AAGG', attempt=2)])
    return SURVIVED


def after(root, whole):
    writer = usr_writer.UsrStore(root, 'designs', run_id='run', config_sha256='c' * 64)
    writer.settle()
    known = writer.is_committed('b:2')
    seen = [one.attempt_id for one in writer.stored('run')]
    assert seen == ([0, 1, 2] if known else [0]), (known, seen)
    if not known:  # the work is done again, at another time
        again = [design('AACC', attempt=1, hour=13), design('AAGG', attempt=2, hour=13)]
        writer.commit('b:2', again)
    dataset = Dataset(root, 'designs')
    if whole:
        dataset.validate()  # also while the renames of a committed flush are not done
    writer.log('densegen_completed', args={}, metrics={})
    rows = dataset.to_arrow(['sequence', 'densegen__attempt_id']).to_pylist()
    assert [tuple(row.values()) for row in rows] == [('ACGT', 0), ('AACC', 1), ('AAGG', 2)], rows
    return 0


base, ends = Path(sys.argv[1]), {}
assert in_child(lambda: before(base / 'start')) == 0
for step in range(500):
    root = base / str(step)
    shutil.copytree(base / 'start', root)
    ends[step] = in_child(lambda: flush(root, step))
    assert ends[step] in (9, SURVIVED), ends[step]
    if ends[step] == SURVIVED:
        break
for step, ended in ends.items():  # not before: reading starts threads, and those and fork do not go together
    after(base / str(step), whole=ended == SURVIVED or step % 4 == 0)
print(json.dumps({'died': len(ends) - 1, 'survived': ended == SURVIVED}))
"""


def test_death_at_any_step_of_a_flush_leaves_all_of_it_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text(_STEPS, encoding="utf-8")
    here = Path(__file__).parents[4]
    done = subprocess.run(
        [sys.executable, str(tmp_path / "steps.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": f"{here / 'src'}:{here}", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["survived"]
    assert told["died"] > 20
