"""A pipe that breaks: quiet where it is the output's and nobody reads on, an error where it is any other."""

import os
import subprocess
import sys

import pytest

ANOTHER_PIPE = """
import sys
from dnadesign.densegen.cli import app
def invoke(args): raise BrokenPipeError(32, "Broken pipe")
app._invoke = invoke
sys.exit(app.run_line(["run"]))
"""


def test_a_reader_that_has_seen_enough_ends_it_quietly() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        code = "from dnadesign.densegen.cli.app import main; main()"
        ended = subprocess.run(
            [sys.executable, "-c", code, "schema"], stdout=write, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(write)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize("output", [subprocess.PIPE, subprocess.DEVNULL], ids=["a pipe", "nothing"])
def test_another_pipe_that_breaks_is_no_success(output: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ANOTHER_PIPE], stdout=output, stderr=subprocess.PIPE, check=False
    )
    assert ended.returncode == 1
    assert b"BrokenPipeError" in ended.stderr
