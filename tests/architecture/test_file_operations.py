"""Every file operation of usr goes through its seam, so that the simulated disk sees them all."""

import pytest

from tests.architecture.file_operations import SEAM, USR, file_operations
from tests.architecture.source_tree import Module, modules, within

# The command line looks for the dataset that the user stands in; the test support is itself a disk.
OUTSIDE = (f"{USR}.cli", f"{USR}.testing", SEAM)

ALLOWED = {
    (
        "storage.parquet",
        "pa.OSFile",
    ): "Arrow reads and writes through the path of a descriptor that the seam has opened",
    ("storage.parquet", "os.lseek"): "Arrow's own descriptor of a file that the seam has opened",
    (
        "storage.parquet_rows",
        "self._reader.open",
    ): "Arrow's reader of bytes in memory or of a file that is open",
    ("storage.artifact_file", "import io"): "bytes in memory",
    ("storage.event_log", "os.path.realpath"): "resolves a symbolic link to a log, which the seam then opens",
    ("storage.lock", ".read_text"): "/proc/self/mountinfo is no file of a dataset",
    ("dataset", "dataset.exists"): "the method of a dataset",
    ("formats.sequence_files", "dnaio.open"): "a file of the user's, only read",
    ("formats.tables", "pa.OSFile"): "a file of the user's, only read",
    ("formats.text_files", "path.open"): "a file of the user's, only read",
    ("formats.text_files", ".is_dir"): "whether what the user names is a folder",
    ("formats.text_files", ".is_file"): "whether a file of the user's can be read again",
    ("formats.text_files", "path.exists"): "whether what the user names is there",
    ("formats.text_files", "import io"): "text layers over a file of the user's, only read",
    ("formats.bounded", "import io"): "a stream that counts, over a file of the user's that is only read",
    ("operations._duck", "import tempfile"): "where DuckDB may spill: outside of every dataset",
    ("operations._spill", "import tempfile"): "what does not fit into memory: outside of every dataset",
    ("operations._spilled_keys", "import tempfile"): "keys to be compared: outside of every dataset",
    (
        "operations.export",
        "os.fdopen",
    ): "a stream over a descriptor that the seam has opened, or standard output",
}


def found() -> dict[tuple[str, str], int]:
    """Module and operation -> its first line."""
    places: dict[tuple[str, str], int] = {}
    for module in modules():
        if within(module.name, USR) and not any(within(module.name, name) for name in OUTSIDE):
            for operation in file_operations(module):
                places.setdefault((module.name.removeprefix(f"{USR}."), operation.what), operation.line)
    return places


def test_no_file_operation_goes_past_the_seam() -> None:
    assert {place: line for place, line in found().items() if place not in ALLOWED} == {}


def test_every_exception_is_needed() -> None:
    assert set(ALLOWED) - set(found()) == set()


@pytest.mark.parametrize(
    "text",
    [
        "open('x')",
        "import os\nos.rename('a', 'b')",
        "import os\nos.fsync(3)",
        "path.write_text('x')",
        "path.with_suffix('.x').unlink()",
        "(folder / 'x').mkdir()",
        "folder.iterdir()",
        "path.stat()",
        "import shutil",
        "from tempfile import mkdtemp",
        "pa.OSFile('x', 'w')",
        "pq.write_table(table, path)",
        "np.save(path, array)",
    ],
)
def test_a_file_operation_past_the_seam_is_found(text: str) -> None:
    assert file_operations(Module("dnadesign.usr.operations.x", text))


@pytest.mark.parametrize(
    "text",
    [
        "fs.rename(a, b)",
        "store.fs.stat(path)",
        "file.truncate(3)",
        "text.replace('a', 'b')",
        "self.fs.open(p, 'read')",
    ],
)
def test_a_file_operation_through_the_seam_is_left_alone(text: str) -> None:
    assert file_operations(Module("dnadesign.usr.operations.x", text)) == []
