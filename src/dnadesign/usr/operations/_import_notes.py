"""What is worth saying about a file that was imported though nothing is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.mends import Mend, spelled
from dnadesign.usr.contract.records import compute_ids
from dnadesign.usr.storage.id_digests import digests_of
from dnadesign.usr.storage.key_index import Digests, KeySet

_TWINS = spelled(
    "see {}", ("dedupe(key='sequence_ci')", "usr maintenance dedupe --key sequence_ci --dry-run")
)


@dataclass
class ImportNotes:
    """Looks at the records of a file as they pass."""

    proteins: int = 0
    like_bases: int = 0
    _upper: list[Digests] = field(default_factory=list)

    def look(self, records: pa.Table) -> None:
        """Look at some more records."""
        sequences = records.column("sequence")
        proteins = sequences.filter(pc.equal(records.column("bio_type"), "protein"))
        self.proteins += len(proteins)
        self.like_bases += _count(pc.match_substring_regex(proteins, "^[ACGTUNacgtun]+$"))
        lower = pc.and_(
            pc.equal(records.column("alphabet"), "dna_4"), pc.match_substring_regex(sequences, "[acgt]")
        )
        if _count(lower):
            some = records.filter(lower)
            upper = pc.utf8_upper(some.column("sequence")).combine_chunks()
            ids = compute_ids(some.column("bio_type").combine_chunks(), upper)
            self._upper.append(digests_of(ids, where="upper case"))

    def told(self, digests: Digests, base: KeySet, *, refused: int) -> tuple[Mend, ...]:
        """What there is to say, given the ids of all records and those of the dataset before."""
        notes = []
        if not len(digests) and not refused:
            notes.append(Mend("the file has no rows"))
        if self.proteins and self.like_bases == self.proteins:
            notes.append(
                spelled(
                    "all its proteins consist of A, C, G, T, U and N alone: if they are DNA or RNA, {}",
                    ("pass alphabet='dna_4' or another", "use --alphabet dna_4 or another"),
                )
            )
        twins = self._twins(digests, base)
        if twins:
            differ = "1 differs" if twins == 1 else f"{twins} differ"
            notes.append(
                Mend(
                    f"{differ} from another record only in case; {_TWINS}",
                    f"{differ} from another record only in case; {_TWINS.command}",
                )
            )
        return tuple(notes)

    def _twins(self, digests: Digests, base: KeySet) -> int:
        """How many of the records with lower-case symbols are there in upper case too."""
        if not self._upper:
            return 0
        upper = np.unique(np.concatenate(self._upper), axis=0)
        keys = KeySet()
        keys.add(upper)
        there = base.find(upper) >= 0
        inside = keys.find(digests)
        there[inside[inside >= 0]] = True
        return int(there.sum())


def _count(flags: pa.ChunkedArray) -> int:
    return pc.sum(flags).as_py() or 0
