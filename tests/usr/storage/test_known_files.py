"""What is remembered of files stays within its bound, however many there are and however little is known of each."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dnadesign.usr.storage.filesystem import REAL, RealFile, opened
from dnadesign.usr.storage.known_files import KnownFiles

BOUND = 1 << 18
Keep = Callable[[KnownFiles, RealFile, int], object]
KEPT: dict[str, Keep] = {
    "base rows of small parts": lambda known, file, n: known.ordinals.keep(file, np.array([n]), (n,)),
    "pages of bases of many row groups": lambda known, file, n: known.checked_of(file, 1000).extend(b""),
    "ids of small parts": lambda known, file, n: known.ids.keep(file, pa.chunked_array([[f"{n:040}"]]), (n,)),
}


@pytest.mark.parametrize("what", KEPT)
def test_memory_of_many_files_that_little_is_known_of_stays_within_a_few_times_its_bound(
    what: str, tmp_path: Path
) -> None:
    known = KnownFiles(BOUND)
    with opened(REAL, tmp_path, "read") as folder:
        KEPT[what](known, RealFile(folder.fd, tmp_path), -1)  # what is loaded when first used
        tracemalloc.start()
        try:
            for number in range(4000):
                KEPT[what](known, RealFile(folder.fd, tmp_path / f"part-{number:055}"), number)
            used, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert used < 3 * BOUND
