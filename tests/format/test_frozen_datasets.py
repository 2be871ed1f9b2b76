"""Datasets that this format's first version wrote are read back as they were written, with and without the library."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnadesign.usr import Dataset

from .make_frozen import plain, write

FROZEN = Path(__file__).parent / "frozen" / "v1"
EXPECTED: dict[str, Any] = json.loads((FROZEN / "expected.json").read_text())
NAMES = list(EXPECTED)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FROZEN, tmp_path / "v1"))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_rows_types_and_events_are_those_that_were_written(root: Path, name: str) -> None:
    dataset, wanted = Dataset.open(root, name), EXPECTED[name]
    table = dataset.to_arrow(include_deleted=True)
    assert {f.name: str(f.type) for f in table.schema} == wanted["types"]
    assert json.loads(json.dumps(table.to_pylist(), default=plain)) == wanted["rows"]
    assert dataset.to_arrow().num_rows == wanted["visible"]
    assert [e.action for e in dataset.events()] == wanted["actions"]
    assert dataset.validate().ok
    assert dataset.verify_events(deep=True).ok


@pytest.mark.parametrize("name", NAMES)
def test_they_can_be_written_to(root: Path, name: str) -> None:
    dataset, wanted = Dataset.open(root, name), EXPECTED[name]
    ids = dataset.add_sequences(["CCCCCCCCCC"], bio_type="dna", alphabet="dna_4").ids
    dataset.write_overlay_part("made", pa.table({"id": list(ids), "made__n": [7]}))
    rows = json.loads(json.dumps(dataset.to_arrow(include_deleted=True).to_pylist(), default=plain))
    assert rows[:-1] == wanted["rows"]
    assert dataset.get(ids[0]).column("made__n").to_pylist() == [7]
    assert dataset.validate().ok


def test_a_frozen_registry_a_batch_and_an_artifact_are_still_there(root: Path) -> None:
    dataset = Dataset.open(root, "lab/live")
    assert dataset.validate(registry_mode="frozen").ok
    batch = dataset.batch("frozen:1")
    assert batch is not None
    assert batch.actions == ("import_rows", "write_overlay_part")
    (artifact,) = dataset.list_artifacts()
    assert dataset.read_artifact(artifact.path)["track"].tolist() == np.arange(6).reshape(2, 3).tolist()


def test_todays_library_writes_what_the_frozen_one_wrote(tmp_path: Path) -> None:
    today = write(tmp_path)
    for name, wanted in EXPECTED.items():
        changing = {"usr__deleted_at"}
        assert [
            {k: v for k, v in r.items() if k not in changing}
            for r in json.loads(json.dumps(today[name]["rows"]))
        ] == [{k: v for k, v in r.items() if k not in changing} for r in wanted["rows"]]
        assert {k: today[name][k] for k in ("types", "visible", "actions")} == {
            k: wanted[k] for k in ("types", "visible", "actions")
        }


def test_any_parquet_reader_sees_the_base_and_its_identities() -> None:
    for name, wanted in EXPECTED.items():
        rows = pq.read_table(FROZEN / name / "records.parquet").to_pylist()
        assert [r["sequence"] for r in rows] == [r["sequence"] for r in wanted["rows"]]
        for row in rows:
            text = f"{row['bio_type']}|{row['sequence']}".encode()
            assert row["id"] == hashlib.sha1(text, usedforsecurity=False).hexdigest()


def test_any_parquet_reader_can_join_the_parts_by_id() -> None:
    folder = FROZEN / "lab/live/_derived/made"
    parts = [pq.read_table(path) for path in sorted(folder.glob("part-*.parquet"))]
    numbers = {r["id"]: r["made__n"] for part in parts for r in part.select(["id", "made__n"]).to_pylist()}
    assert numbers == {r["id"]: r["made__n"] for r in EXPECTED["lab/live"]["rows"] if r["id"] in numbers}
    for part in parts:
        said = {k.decode(): v.decode() for k, v in part.schema.metadata.items()}
        assert (said["usr:overlay_namespace"], said["usr:overlay_key"]) == ("made", "id")
        assert len(said["usr:registry_hash"]) == len(said["usr:namespace_contract_hash"]) == 64


def test_json_alone_tells_the_history_and_accounts_for_the_files() -> None:
    archived, live = (FROZEN / "lab/live/_events").glob("*.log"), FROZEN / "lab/live/.events.log"
    first, second = lines(next(iter(archived))), lines(live)
    assert first[-1] == second[0]
    events = first + second[1:]
    assert [e["action"] for e in events] == EXPECTED["lab/live"]["actions"]
    newest = {f["path"]: f["sha256"] for e in events for f in e["artifacts"]["added"] if "sha256" in f}
    present = {path: FROZEN / "lab/live" / path for path in newest if (FROZEN / "lab/live" / path).exists()}
    assert len(present) >= 7
    for path, file in present.items():
        if path != "records.parquet":  # appended to since
            assert hashlib.sha256(file.read_bytes()).hexdigest() == newest[path]


def test_a_frozen_snapshot_is_named_by_its_bytes() -> None:
    for path in FROZEN.glob("lab/*/_registry/*.yaml"):
        assert path.name == f"registry.{hashlib.sha256(path.read_bytes()).hexdigest()}.yaml"
