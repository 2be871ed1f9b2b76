"""Whether a process that knows nothing of a dataset refuses the keys that it has, and takes those that it has not."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq

from dnadesign.usr import Dataset, DuplicateIDError, DuplicateKeyError, SequencesError, compute_id
from dnadesign.usr.contract.layout import KEYS, RECORDS
from dnadesign.usr.testing.simulated import SimulatedFileSystem
from tests.faults.changes import DATASET
from tests.faults.datasets import SEQUENCES, dataset, rows_with
from tests.usr.storage.cached_keys import cached_files, eager

POSSIBLE = [*SEQUENCES, "TTTTTTTTTT", "AAAAAAAAAA", "CCCCCCCCCC", "GGGGGGGGGG", "AAAATTTTAA"]
NAMESPACES = ("alpha", "single")


def stored_ids(fs: SimulatedFileSystem, namespace: str | None) -> set[str]:
    """The ids in the base or in an overlay, as the bytes of its files have them."""
    stem = f"_derived/{namespace}"
    found: set[str] = set()
    for path, content in fs.files(DATASET).items():
        wanted = (
            path == RECORDS if namespace is None else path == f"{stem}.parquet" or path.startswith(f"{stem}/")
        )
        if wanted and content is not None:
            found |= set(pq.read_table(pa.BufferReader(content), columns=["id"]).column("id").to_pylist())
    return found  # fmt: skip


def outcome(fs: SimulatedFileSystem, attempt: Callable[[Dataset], object]) -> object:
    """What a fresh process is told; it puts the keys that it learns on the disk."""
    try:
        return attempt(eager(dataset(fs)))
    except SequencesError as error:
        return type(error)


def problems_of_refusals(fs: SimulatedFileSystem) -> list[str]:
    """Keys that are written twice, refused for nothing, or called written while they are not; ``fs`` is recovered."""
    base = stored_ids(fs, None)
    known = [s for s in POSSIBLE if compute_id("dna", s) in base]
    problems = []
    for sequence in known[:1] + known[-1:]:

        def add(found: Dataset, sequence: str = sequence) -> int:
            return found.add_sequences([sequence], bio_type="dna", alphabet="dna_4").added

        found = outcome(fs.clone(), add)
        if found is not DuplicateIDError:
            problems.append(f"a sequence that is there already: {found}")
    state, new = fs.clone(), len(POSSIBLE) - len(known)
    for expected in (new, 0):  # the second process has what the first one put on the disk
        found = outcome(state, add_all)
        if found != expected:
            problems.append(f"{expected} of {len(POSSIBLE)} sequences are not there, {found} were added")
    for namespace in NAMESPACES:
        problems += problems_of_overlay(state, namespace)
    return problems  # fmt: skip


def add_all(found: Dataset) -> int:
    return found.add_sequences(POSSIBLE, bio_type="dna", alphabet="dna_4", on_conflict="ignore").added


def problems_of_overlay(fs: SimulatedFileSystem, namespace: str) -> list[str]:
    """The same of a part: one key that the overlay has, one that it has not."""
    ids = [compute_id("dna", sequence) for sequence in POSSIBLE]
    covered = stored_ids(fs, namespace)
    bare = fs.clone()
    for name in cached_files(bare, DATASET):
        bare.unlink(DATASET / KEYS / name)
    problems = []
    for key in [*[i for i in ids if i in covered][:1], *[i for i in ids if i not in covered][:1]]:

        def write(found: Dataset, key: str = key) -> int:
            return found.write_overlay_part(namespace, rows_with(namespace, [key])).rows

        found, expected = outcome(fs.clone(), write), outcome(bare.clone(), write)
        if found != expected or (key in covered and found is not DuplicateKeyError):
            problems.append(f"{namespace}, a key that is {'' if key in covered else 'not '}there: {found}")
    return problems
