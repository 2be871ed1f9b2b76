"""A command loads what it needs: a process that answers from a few footers does not load Arrow, or a database."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from dnadesign.usr import Dataset, register_namespace

LOADED = """
import json, sys
from dnadesign.usr.cli.app import main
sys.argv[0] = "usr"
try:
    main()
finally:
    print(json.dumps(list(sys.modules)), file=sys.stderr)
"""
ARROW = {"numpy", "pandas", "pyarrow", "yaml"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    register_namespace(folder, namespace="score", columns="score__x:float64,score__v:list<float32>")
    dataset = Dataset(folder, "lab/a").init()
    ids = dataset.add_sequences(["ACGT", "GGCC"], bio_type="dna", alphabet="dna_4").ids
    dataset.write_overlay_part("score", pa.table({"id": ids, "score__x": [1.0, 2.0]}))
    return folder


def loaded_by(root: Path, words: list[str]) -> set[str]:
    options = ["--root", str(root)] if words != ["--help"] else []
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *options, *words], check=True, capture_output=True, text=True
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (["--help"], ARROW | {"pydantic", "rich", "dnadesign.usr.dataset"}),
        (["info", "lab/a"], ARROW),
        (["ls"], ARROW),
        (["events", "tail", "lab/a"], ARROW),
        (["namespace", "list"], ARROW - {"yaml"}),
        (["schema", "lab/a"], {"pandas"}),
    ],
)
def test_a_command_loads_what_it_needs(root: Path, words: list[str], absent: set[str]) -> None:
    assert not loaded_by(root, words) & (absent | {"duckdb", "pyarrow.dataset"})


def test_info_loads_no_other_verb(root: Path) -> None:
    verbs = {
        name for name in loaded_by(root, ["info", "lab/a"]) if name.startswith("dnadesign.usr.operations.")
    }
    loaded = {name.rpartition(".")[2] for name in verbs}
    assert loaded == {"_datasets", "_frozen", "describe", "transaction"}


def test_records_are_counted_with_arrow_once_some_are_deleted(root: Path) -> None:
    dataset = Dataset(root, "lab/b").init()
    ids = dataset.add_sequences(["ACGT", "GGCC"], bio_type="dna", alphabet="dna_4").ids
    dataset.tombstone(ids[0])
    assert dataset.info().deleted == 1
    assert loaded_by(root, ["info", "lab/b"]) >= {"pyarrow"}
