"""Commits one change to a dataset and says what came of it: done, failed or unknown.

python -m tests.faults.single_writer ROOT [transact|append|append_without_...]
"""

import sys
from pathlib import Path

import pyarrow as pa

from dnadesign.usr import CommitOutcomeUnknown, Dataset, SequencesError, compute_id, register_namespace
from dnadesign.usr.storage import filesystem, journal
from tests.faults.mutants import rewritten

ROWS = ["ACGTACGT", "TTTTCCCC"]
BATCH = "single:1"


def transact(found: Dataset) -> None:
    with found.transaction(batch_id=BATCH) as tx:
        tx.add_sequences(ROWS, bio_type="dna", alphabet="dna_4")
        ids = [compute_id("dna", row) for row in ROWS]
        tx.write_overlay_part("lab", pa.table({"id": ids, "lab__x": [1, 2]}))


def append(found: Dataset) -> None:
    found.add_sequences(ROWS, bio_type="dna", alphabet="dna_4")


def append_without_taking_back(found: Dataset) -> None:
    """A broken append, which the tests have to find out."""
    with rewritten(journal._take_back, ("log.truncate(intent.log_offset)", "pass")):
        append(found)


def append_that_is_always_done(found: Dataset) -> None:
    """Another broken one: it takes a commit that readers may not count for a success."""
    with rewritten(journal._tell_readers, ("        raise _not_told", "        if False: raise _not_told")):
        append(found)


def append_without_syncs(found: Dataset) -> None:
    """One that never waits for the disk."""
    with rewritten(filesystem._full_sync, ("os.fsync(fd)", "pass")):
        append(found)


BROKEN = (append_without_taking_back, append_that_is_always_done, append_without_syncs)
CHANGES = {change.__name__: change for change in (transact, append, *BROKEN)}


def small_dataset(root: Path) -> Dataset:
    """A dataset of one row for the change to be made in."""
    register_namespace(root, namespace="lab", columns="lab__x:int64")
    found = Dataset(root, "set").init()
    found.add_sequences(["GGGG"], bio_type="dna", alphabet="dna_4")
    return found


def main(root: Path, change: str = "transact") -> str:
    try:
        CHANGES[change](Dataset(root, "set"))
    except CommitOutcomeUnknown:
        return "unknown"
    except SequencesError:
        return "failed"
    return "done"


if __name__ == "__main__":
    sys.stdout.write(main(Path(sys.argv[1]), *sys.argv[2:]))
