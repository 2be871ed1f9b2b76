"""``dense run`` as a user runs it: real processes, a real dataset."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dnadesign.densegen.contract.metadata import COLUMNS
from dnadesign.usr import Dataset, Event, parse_type_str
from tests.densegen.design_cases import (
    assert_keeps_promises,
    other_strand,
    sigma70_spacers,
    write_workspace,
)

COMMAND = [sys.executable, "-m", "dnadesign.densegen.cli.app", "run"]
PATIENCE = 120


def dense(config: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "-c", str(config), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def dataset(config: Path) -> Dataset:
    return Dataset.open(config.parent / "datasets", "designs")


def rows(config: Path) -> list[dict[str, Any]]:
    return dataset(config).to_arrow().to_pylist()


def made(config: Path) -> list[tuple[str, int, str]]:
    return sorted(
        (row["densegen__plan"], row["densegen__attempt_id"], row["sequence"]) for row in rows(config)
    )


def events(config: Path) -> list[Event]:
    return [Event.from_json_line(line) for line in dataset(config).events_path.read_bytes().splitlines()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose run has come to its end, undisturbed."""
    config = write_workspace(tmp_path_factory.mktemp("finished"))
    done = dense(config)
    assert done.returncode == 0, done.stderr
    return config


def test_a_run_fills_its_quotas_and_leaves_a_valid_dataset(finished: Path) -> None:
    dataset(finished).validate()
    found = rows(finished)
    assert [sum(row["densegen__plan"] == name for row in found) for name in ("first", "second")] == [6, 5]
    neutral = {min(row["sequence"], other_strand(row["sequence"])) for row in found}
    assert len(neutral) == len(found)


def test_each_row_says_what_its_sequence_holds(finished: Path) -> None:
    for row in rows(finished):
        assert_keeps_promises(row["sequence"], row["densegen__used_tfbs_detail"], length=40)
        used = {one["tf"] for one in row["densegen__used_tf_counts"]}
        if row["densegen__plan"] == "first":
            assert {"F0", "F1"} <= used
            (promoter,) = row["densegen__promoters"]
            assert promoter["spacer"] in {16, 17, 18}
            assert promoter["spacer"] in sigma70_spacers(row["sequence"])
            assert row["sequence"][promoter["upstream_offset"] :].startswith("TTGACA")
        else:
            assert "F2" in used


def test_the_metadata_is_stored_in_the_registered_types_and_not_as_text(finished: Path) -> None:
    schema: pa.Schema = dataset(finished).schema()
    for name, kind in COLUMNS:
        assert schema.field(name).type == parse_type_str(kind)


def test_each_flush_is_one_transaction_of_rows_and_one_part_under_a_name_of_its_own(finished: Path) -> None:
    changes = [event for event in events(finished) if event.batch_id]
    names = [event.batch_id for event in changes if event.action == "import_rows"]
    assert names == [
        f"run:0-of-1:{plan}:{number:06d}" for plan in ("first", "second") for number in (1, 2, 3)
    ]
    for first, second in zip(changes[::2], changes[1::2], strict=True):
        assert (first.action, second.action) == ("import_rows", "write_overlay_part")
        assert (first.batch_id, first.txid) == (second.batch_id, second.txid)
        assert (first.actor.tool, first.actor.run_id) == ("densegen", "run")


def test_the_log_tells_how_the_run_went(finished: Path) -> None:
    told = {event.action: event for event in events(finished)}
    news = [event for event in events(finished) if event.action.startswith("densegen_")]
    assert (news[0].action, news[-1].action) == ("densegen_started", "densegen_completed")
    assert news[0].metrics == {"done": 0, "quota": 11}
    assert news[0].args["plans"] == {"first": {"done": 0, "quota": 6}, "second": {"done": 0, "quota": 5}}
    assert told["densegen_health"].actor.run_id == "run"
    completed = told["densegen_completed"]
    assert completed.metrics["done"] == completed.metrics["quota"] == 11
    assert completed.args["plans"] == {
        "first": {"done": 6, "quota": 6, "reason": "quota_reached"},
        "second": {"done": 5, "quota": 5, "reason": "quota_reached"},
    }


def test_progress_goes_to_standard_error_in_plain_lines(tmp_path: Path) -> None:
    done = dense(write_workspace(tmp_path))
    assert done.stdout == ""
    assert "plan first: wrote 2 designs (2 of 6)" in done.stderr
    assert "\x1b" not in done.stderr


def test_a_run_that_has_designs_is_not_started_again_without_saying_how(finished: Path) -> None:
    before = made(finished)
    refused = dense(finished)
    assert refused.returncode == 3
    assert "--resume" in refused.stderr
    assert "--fresh" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert made(finished) == before


def test_resuming_a_finished_run_changes_nothing_and_tells_nobody(finished: Path) -> None:
    before, log = made(finished), dataset(finished).events_path.read_bytes()
    done = dense(finished, "--resume")
    assert done.returncode == 0
    assert "run run: nothing left to do" in done.stderr
    assert made(finished) == before
    assert dataset(finished).events_path.read_bytes() == log


def test_a_run_killed_before_it_could_say_that_it_is_complete_says_so_later_without_a_time(
    tmp_path: Path,
) -> None:
    config = write_workspace(tmp_path)
    assert dense(config).returncode == 0
    log = dataset(config).events_path
    *lines, last = log.read_bytes().splitlines(keepends=True)
    assert b"densegen_completed" in last
    log.write_bytes(b"".join(lines))
    for _ in range(2):
        assert dense(config, "--resume").returncode == 0
    told = [event for event in events(config) if event.action == "densegen_completed"]
    assert [(event.metrics["done"], event.metrics["new"]) for event in told] == [(11, 0)]
    assert "elapsed_seconds" not in told[0].metrics


def test_deleted_designs_are_no_longer_shown_or_counted_and_a_resume_makes_others(tmp_path: Path) -> None:
    config = write_workspace(tmp_path)
    assert dense(config).returncode == 0
    before = {row["id"] for row in rows(config)}
    gone = rows(config)[0]["id"]
    dataset(config).tombstone([gone], reason="did not clone")
    first, second = json.loads(dense_status(config, complete=False))["plans"]
    assert (first["done"], first["deleted"], second["done"]) == (5, 1, 5)
    assert other_command("inspect", config, gone).returncode == 4
    report = tmp_path / "report.html"
    assert other_command("report", config, "-o", str(report)).returncode == 0
    assert "10 designs" in report.read_text(encoding="utf-8")
    assert dense(config, "--resume").returncode == 0
    after = {row["id"] for row in rows(config)}
    assert len(after - before) == 1
    assert gone not in after
    assert json.loads(dense_status(config))["complete"]
    dataset(config).validate()


def test_fresh_is_refused_under_the_same_id_and_makes_other_designs_at_once_under_another(
    tmp_path: Path,
) -> None:
    config = write_workspace(tmp_path)
    assert dense(config).returncode == 0
    refused = dense(config, "--fresh")
    assert refused.returncode == 3
    assert "--run-id" in refused.stderr
    again = dense(config, "--fresh", "--run-id", "again")
    assert again.returncode == 0
    assert "in_dataset" not in again.stderr
    assert "warning" not in again.stderr
    found = rows(config)
    assert {row["densegen__run_id"] for row in found} == {"run", "again"}
    assert len(found) == len({row["sequence"] for row in found}) == 22
    assert dense(config, "--resume", "--run-id", "again").returncode == 0
    assert len(rows(config)) == 22
    dataset(config).validate()


def test_a_run_under_another_name_with_the_same_seed_is_warned_that_it_repeats_work(tmp_path: Path) -> None:
    config = write_workspace(tmp_path)
    assert dense(config).returncode == 0
    write_workspace(tmp_path, **{"run.id": "renamed"})
    done = dense(config)
    assert done.returncode == 0
    assert "run 'run' is in the dataset with the same seed" in done.stderr
    assert "in_dataset" in done.stderr
    assert len(rows(config)) == 22


def test_a_run_id_that_is_no_name_is_refused(finished: Path) -> None:
    refused = dense(finished, "--fresh", "--run-id", "../x")
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr


def test_going_on_with_another_config_is_refused_and_says_which_keys(finished: Path) -> None:
    text = finished.read_text(encoding="utf-8")
    finished.write_text(text.replace("length: 40", "length: 44"), encoding="utf-8")
    refused = dense(finished, "--resume")
    finished.write_text(text, encoding="utf-8")
    assert refused.returncode == 3
    assert "another config" in refused.stderr
    assert "target.length" in refused.stderr
    assert f"dense run -c {finished} --fresh --run-id run-2" in refused.stderr


@pytest.mark.parametrize(
    ("options", "status"),
    [(["--shard", "2/2"], 2), (["--shard", "x"], 2), (["--resume", "--fresh"], 2), (["--no-such"], 2)],
)
def test_wrong_usage_ends_with_status_two_and_no_traceback(
    finished: Path, options: list[str], status: int
) -> None:
    done = dense(finished, *options)
    assert done.returncode == status
    assert "Traceback" not in done.stderr


def test_a_quota_that_cannot_be_reached_ends_with_status_one_and_a_failed_event(tmp_path: Path) -> None:
    config = write_workspace(tmp_path, **{"limits.attempts": 3})
    done = dense(config)
    assert done.returncode == 1
    assert "attempts_limit" in done.stderr
    last = events(config)[-1]
    assert (last.action, last.args["reason"]) == ("densegen_failed", "quota_not_reached")
    dataset(config).validate()


def test_a_second_process_on_the_same_run_is_told_that_it_is_busy(tmp_path: Path) -> None:
    config = write_workspace(tmp_path)
    lock = tmp_path / "runs" / "run" / ".shard-0-of-1.lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        refused = dense(config)
    assert refused.returncode == 5
    assert "at work on it" in refused.stderr


def test_shards_at_the_same_time_fill_the_quota_together(tmp_path: Path) -> None:
    config = write_workspace(tmp_path)
    shards = [
        subprocess.Popen(
            [*COMMAND, "-c", str(config), "--resume", "--shard", f"{i}/3"], stderr=subprocess.DEVNULL
        )
        for i in range(3)
    ]
    assert [shard.wait(PATIENCE) for shard in shards] == [0, 0, 0]
    assert len(made(config)) == 11
    dataset(config).validate()
    again = made(config)
    assert dense(config, "--resume", "--shard", "1/3").returncode == 0
    assert made(config) == again
    refused = dense(config, "--resume", "--shard", "0/2")
    assert refused.returncode == 3
    assert "3 shards" in refused.stderr


def test_an_interrupt_writes_what_is_finished_and_a_resume_goes_on(tmp_path: Path) -> None:
    config = write_workspace(tmp_path, **{"plans.0.quota": 60, "output.chunk_size": 2})
    with subprocess.Popen([*COMMAND, "-c", str(config)], stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        next(line for line in run.stderr if "wrote" in line)
        run.send_signal(signal.SIGTERM)
        rest = run.stderr.read()
        assert run.wait(PATIENCE) == 130
    assert "--resume" in rest
    dataset(config).validate()
    assert 0 < len(made(config)) < 65
    assert events(config)[-1].args["reason"] == "interrupted"
    shown = other_command("status", config).stdout
    assert f"; interrupted at {events(config)[-1].timestamp_utc[:10]} " in shown
    made_before = len(made(config))
    write_workspace(tmp_path, **{"plans.0.quota": made_before + 1, "output.chunk_size": 2})
    assert dense(config, "--resume").returncode == 0
    starts = [event for event in events(config) if event.action == "densegen_started"]
    assert [event.metrics["done"] for event in starts] == [0, made_before]
    assert "interrupted" not in other_command("status", config).stdout


def _named(labels: Any) -> list[dict[str, str]]:
    return [{"tf": str(label)} for label in labels]


def other_command(name: str, config: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND[:-1], name, "-c", str(config), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def dense_status(config: Path, *, complete: bool = True) -> str:
    done = other_command("status", config, "--format", "json")
    assert done.returncode == (0 if complete else 1), done.stderr
    return done.stdout


def test_sites_from_matrices_and_neutral_background_are_designed_with(tmp_path: Path) -> None:
    config = write_workspace(
        tmp_path,
        **{
            "inputs": [
                {"name": "sites", "kind": "sites", "path": "sites.csv"},
                {"name": "motifs", "kind": "pwm", "path": "motifs.jaspar", "format": "jaspar", "count": 6},
                {"name": "spacers", "kind": "background", "count": 6, "length": [8, 9]},
            ],
            "plans": [
                {
                    "name": "mixed",
                    "quota": 4,
                    "inputs": ["sites", "motifs", "spacers"],
                    "min_count": {"CRP": 1, "spacers": 1, "F0": 1},
                }
            ],
            "output.npz": ["occupancy", "score_tracks"],
        },
    )
    rows_of_counts = "\n".join(
        f"{base} [ {' '.join(str(9 if at == column else 2) for column in (0, 1, 2, 3, 0, 1, 2, 3))} ]"
        for at, base in enumerate("ACGT")
    )
    (tmp_path / "motifs.jaspar").write_text(f">MA1 CRP\n{rows_of_counts}\n", encoding="utf-8")
    done = dense(config)
    assert done.returncode == 0, done.stderr
    for row in rows(config):
        detail = row["densegen__used_tfbs_detail"]
        assert_keeps_promises(row["sequence"], detail, length=40)
        crp = [one for one in detail if one["tf"] == "CRP"]
        assert crp
        assert all(one["motif_id"] == "MA1" and one["score"] > 0 for one in crp)
        assert {one["part_kind"] for one in detail if one["tf"] == "spacers"} == {"background"}
        assert {"CRP", "F0", "spacers"} <= {one["tf"] for one in row["densegen__used_tf_counts"]}
        stored = dataset(config).read_artifact(row["densegen__npz_ref"])
        covered = {
            one["tf"]: stored["occupancy"][at] for at, one in enumerate(_named(stored["occupancy_tf"]))
        }
        for one in detail:
            if one["role"] == "site":
                assert (covered[one["tf"]][one["offset"] : one["end"]] >= 1).all()
        assert sum(track.sum() for track in covered.values()) == sum(
            one["length"] for one in detail if one["role"] == "site"
        )
        (track,) = stored["score_tracks"]
        for one in crp:
            strand = 0 if one["orientation"] == "fwd" else 1
            assert track[strand, one["offset"]] == pytest.approx(one["score"], rel=1e-4)
        spelled = {one["name"]: (one["dtype"], one["shape"]) for one in row["densegen__npz_arrays"]}
        assert spelled["occupancy"] == ("<i2", [5, 40])
        assert spelled["score_tracks"] == ("<f4", [1, 2, 40])
    assert json.loads(dense_status(config))["unreferenced_artifacts"] == 0
    dataset(config).validate()
    assert_left_over_arrays_are_shown_and_removed(config)


def assert_left_over_arrays_are_shown_and_removed(config: Path) -> None:
    """A file of arrays whose row never came, as a crash may leave it."""
    with io.BytesIO() as buffer:
        np.savez(buffer, occupancy=np.zeros((2, 3), np.int16))
        content = buffer.getvalue()
    folder = dataset(config).dir / "_artifacts" / "densegen"
    kept = sorted(folder.iterdir())
    (folder / f"{hashlib.sha256(content).hexdigest()}.npz").write_bytes(content)
    assert json.loads(dense_status(config))["unreferenced_artifacts"] == 1
    *_, command = other_command("status", config).stdout.strip().splitlines()
    program, *words = shlex.split(command)
    assert program == "usr"
    usr = Path(sys.executable).with_name("usr")
    subprocess.run([usr, *words], check=True, capture_output=True)
    assert sorted(folder.iterdir()) == kept
    assert json.loads(dense_status(config))["unreferenced_artifacts"] == 0
    dataset(config).validate()
