"""The workloads, one a file, in the order of the table: each gives the lines that it measured."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.bench import Bench
from benchmarks.measure import Line
from benchmarks.workloads import (
    add_sequences,
    compaction,
    flush,
    import_fasta,
    lookup,
    memory,
    narrow_scan,
    notify,
    part_write,
    scan,
    start_up,
    tail,
    validation,
)

Workload = Callable[[Bench], list[Line]]

WORKLOADS: dict[str, Workload] = {
    "part-write": part_write.measure,
    "add-sequences": add_sequences.measure,
    "flush": flush.measure,
    "scan": scan.measure,
    "narrow-scan": narrow_scan.measure,
    "lookup": lookup.measure,
    "compaction": compaction.measure,
    "validation": validation.measure,
    "import-fasta": import_fasta.measure,
    "tail": tail.measure,
    "notify": notify.measure,
    "start-up": start_up.measure,
    "memory": memory.measure,
}
