"""A part of the log of attempts that is damaged: told with a way out, which loses no design."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dnadesign.usr import Dataset
from tests.densegen.design_cases import write_workspace

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "another format": lambda data: b"attempt_id,status\n1,accepted\n" * 20,
    "a bit flipped": lambda data: bytes([*data[:60], data[60] ^ 4, *data[61:]]),
}


def dense(command: str, config: Path, *options: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "dnadesign.densegen.cli.app", command, "-c", str(config), *options]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


def sequences(config: Path) -> list[str]:
    found = Dataset.open(config.parent / "datasets", "designs").to_arrow(["sequence"])
    return sorted(found.column("sequence").to_pylist())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = write_workspace(tmp_path_factory.mktemp("finished"))
    assert dense("run", config).returncode == 0
    return config


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_part_is_named_with_a_way_on_that_keeps_every_design(
    damage: Callable[[bytes], bytes], finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished.parent, tmp_path / "copy")
    config = tmp_path / "copy" / finished.name
    part = random.Random(1).choice(sorted((config.parent / "runs").glob("run/attempts/*/*/part-*.parquet")))
    part.write_bytes(damage(part.read_bytes()))
    designs = sequences(config)
    for command, options in (("status", ()), ("run", ("--resume",))):
        told = dense(command, config, *options)
        assert told.returncode == 1, told.stderr
        assert str(part) in told.stderr
        assert "Traceback" not in told.stderr
        assert "move it away" in told.stderr
    part.unlink()
    assert dense("run", config, "--resume").returncode == 0
    assert sequences(config) == designs
