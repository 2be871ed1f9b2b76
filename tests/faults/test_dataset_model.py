"""A real dataset and the model of one agree after any history of changes, refusals, kills and power cuts."""

from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dnadesign.usr import DuplicateIDError, DuplicateKeyError, MissingKeyError, compute_id
from dnadesign.usr.testing.model import DatasetModel
from tests.faults.datasets import dataset, with_registry

SEQUENCES = [a + b + c for a in "ACGT" for b in "ACGT" for c in "AC"]
COLUMNS = {namespace: [f"{namespace}__x", f"{namespace}__y"] for namespace in ("alpha", "beta")}
STRANGER = compute_id("dna", "TTTTTTTT")
HIDDEN = {"created_at"}

chosen = st.lists(st.sampled_from(SEQUENCES), min_size=1, max_size=6, unique=True)
namespaces = st.sampled_from(sorted(COLUMNS))


class Histories(RuleBasedStateMachine):
    """Changes to both; whatever the model refuses the dataset refuses with the same error, and changes nothing."""

    @initialize()
    def begin(self) -> None:
        self.fs = with_registry()
        self.model = DatasetModel()
        self.found = dataset(self.fs).init()
        self.turn = 0

    @rule(sequences=chosen, on_conflict=st.sampled_from(["error", "ignore"]))
    def add(self, sequences: list[str], on_conflict: Any) -> None:
        options: dict[str, Any] = {"bio_type": "dna", "alphabet": "dna_4", "on_conflict": on_conflict}
        self.both(
            DuplicateIDError,
            lambda: self.model.add_sequences(sequences, **options),
            lambda: self.found.add_sequences(sequences, **options).added,
        )

    @rule(namespace=namespaces, sequences=chosen, stranger=st.booleans())
    def write_part(self, namespace: str, sequences: list[str], stranger: bool) -> None:
        self.turn += 1
        keys = [
            compute_id("dna", s) for s in sequences if not self.covered(namespace, s) or self.turn % 3 == 0
        ]
        keys = [k for k in keys if k in self.model.records] + (
            [STRANGER] if stranger and self.turn % 4 == 0 else []
        )
        if keys:
            rows = {
                key: {f"{namespace}__x": self.turn + i, f"{namespace}__y": key[:4]}
                for i, key in enumerate(keys)
            }
            table = pa.Table.from_pylist([{"id": key, **values} for key, values in rows.items()])
            self.both(
                (MissingKeyError, DuplicateKeyError),
                lambda: self.model.write_overlay_part(namespace, rows),
                lambda: self.found.write_overlay_part(namespace, table).rows,
            )

    @rule(namespace=namespaces, layout=st.sampled_from(["file", "part"]))
    def compact(self, namespace: str, layout: Any) -> None:
        if self.model.overlays.get(namespace):
            self.found.compact_overlay(namespace, layout=layout, maintenance=True)
            self.model.note("compact_overlay")

    @rule(sequences=chosen)
    def tombstone(self, sequences: list[str]) -> None:
        keys = [k for k in (compute_id("dna", s) for s in sequences) if k in self.model.records]
        if keys:
            self.found.tombstone(keys)
            self.model.tombstone(keys)

    @precondition(lambda self: self.model.deleted)
    @rule()
    def restore(self) -> None:
        keys = sorted(self.model.deleted)
        self.found.restore(keys)
        self.model.restore(keys)

    @rule()
    def archive(self) -> None:
        self.found.archive_events(maintenance=True)
        self.model.note("events_archive")

    @rule(seed=st.integers(0, 1000))
    def lose_power(self, seed: int) -> None:
        states = list(self.fs.crashes(most=8, random=Random(seed)))
        self.fs = states[seed % len(states)]
        self.found = dataset(self.fs)

    @rule()
    def be_killed(self) -> None:
        self.fs = self.fs.clone()
        self.found = dataset(self.fs)

    @invariant()
    def agree(self) -> None:
        rows = self.found.to_arrow(include_deleted=True).to_pylist()
        stored = {name for row in rows for name in row}
        columns = {n: [c for c in names if c in stored] for n, names in COLUMNS.items()}
        seen = [
            {k: v for k, v in row.items() if k not in HIDDEN and not k.startswith("usr__")} for row in rows
        ]
        assert seen == self.model.rows(columns, include_deleted=True)
        visible = self.found.to_arrow(["id"]).column("id").to_pylist()
        assert visible == [row["id"] for row in self.model.rows({})]
        assert [event.action for event in self.found.events()] == self.model.actions

    def teardown(self) -> None:
        if hasattr(self, "found"):
            assert self.found.check().ok
            assert self.found.verify_events(deep=True).ok

    def covered(self, namespace: str, sequence: str) -> bool:
        return compute_id("dna", sequence) in self.model.overlays.get(namespace, {})

    def both(self, refusals: Any, on_model: Any, on_dataset: Any) -> None:
        try:
            expected = on_model()
        except refusals as refusal:
            with pytest.raises(type(refusal)):
                on_dataset()
        else:
            assert on_dataset() == expected


Histories.TestCase.settings = settings(max_examples=12, stateful_step_count=14)
TestADatasetAndItsModel = Histories.TestCase
