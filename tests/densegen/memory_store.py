"""A ``DesignStore`` in memory that keeps the rules of usr: batches happen once, ids are unique."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dnadesign.densegen.contract.design import Design
from dnadesign.densegen.contract.ports import Json, StoredDesign, TakenError
from dnadesign.densegen.contract.sequences import reverse_complement


@dataclass
class MemoryStore:
    run_id: str = "run"
    config_sha256: str = "c" * 64
    foreign: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    batches: dict[str, list[Design]] = field(default_factory=dict)
    events: list[tuple[str, dict[str, Json], dict[str, Json]]] = field(default_factory=list)

    @property
    def designs(self) -> list[Design]:
        return [design for batch in self.batches.values() for design in batch]

    @property
    def sequences(self) -> set[str]:
        return self.foreign | {design.sequence for design in self.designs}

    def stored(self, run_id: str) -> list[StoredDesign]:
        assert run_id == self.run_id
        return [
            StoredDesign(
                one.sequence,
                one.plan,
                one.library_index,
                one.attempt_id,
                self.config_sha256,
                deleted=one.sequence in self.deleted,
            )
            for one in self.designs
        ]

    def is_committed(self, batch_id: str) -> bool:
        return batch_id in self.batches

    def taken(self, sequences: Sequence[str], *, both_strands: bool) -> set[str]:
        have = self.sequences
        return {one for one in sequences if one in have or (both_strands and reverse_complement(one) in have)}

    def commit(self, batch_id: str, designs: Sequence[Design]) -> None:
        assert batch_id not in self.batches, "a committed batch was submitted again"
        if any(design.sequence in self.sequences for design in designs):
            raise TakenError("taken")
        self.batches[batch_id] = list(designs)

    def log(self, action: str, *, args: Mapping[str, Json], metrics: Mapping[str, Json]) -> None:
        self.events.append((action, dict(args), dict(metrics)))

    def logged(self, action: str) -> Iterable[Mapping[str, Any]]:
        return [args for name, args, _ in self.events if name == action]
