from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dnadesign.usr import Dataset

LOADED = """
import sys
from dnadesign.usr.cli.app import main
sys.argv[0] = "usr"
try:
    main()
finally:
    print("loaded:", *(name for name in sys.argv_heavy if name in sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words", [["--help"], ["info", "lab/a"], ["ls"], ["events", "tail", "lab/a"], ["namespace", "list"]]
)
def test_a_command_that_asks_no_query_does_not_load_duckdb(tmp_path: Path, words: list[str]) -> None:
    Dataset(tmp_path, "lab/a").init()
    script = LOADED.replace("sys.argv_heavy", repr(["duckdb", "pandas"]))
    options = ["--root", str(tmp_path)] if words != ["--help"] else []
    done = subprocess.run(
        [sys.executable, "-c", script, *options, *words], check=True, capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1] == "loaded:"
