"""Commits one transaction to a dataset and says what came of it: done, failed or unknown.

python -m tests.faults.single_writer ROOT
"""

import sys
from pathlib import Path

import pyarrow as pa

from dnadesign.usr import CommitOutcomeUnknown, Dataset, SequencesError, compute_id

ROWS = ["ACGTACGT", "TTTTCCCC"]
BATCH = "single:1"


def main(root: Path) -> str:
    try:
        with Dataset(root, "set").transaction(batch_id=BATCH) as tx:
            tx.add_sequences(ROWS, bio_type="dna", alphabet="dna_4")
            ids = [compute_id("dna", row) for row in ROWS]
            tx.write_overlay_part("lab", pa.table({"id": ids, "lab__x": [1, 2]}))
    except CommitOutcomeUnknown:
        return "unknown"
    except SequencesError:
        return "failed"
    return "done"


if __name__ == "__main__":
    sys.stdout.write(main(Path(sys.argv[1])))
