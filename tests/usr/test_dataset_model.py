"""A dataset does what a few dictionaries do, in whatever order its verbs come, also across processes' caches."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dnadesign.usr import (
    Dataset,
    DuplicateKeyError,
    OverlayLayoutError,
    ValidationError,
    compute_id,
    register_namespace,
)
from tests.examples import examples
from tests.usr.storage.cached_keys import eager

SEQUENCES = [a + b + c for a in "ACGT" for b in "AC" for c in "AG"]
ALL_IDS = [compute_id("dna", s) for s in SEQUENCES]
TYPES = {
    "m__n": pa.int64(),
    "m__v": pa.list_(pa.float32(), 2),
    "m__s": pa.list_(pa.struct([("tf", pa.string()), ("at", pa.int64())])),
}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "m__n": st.none() | st.integers(-(2**63), 2**63 - 1),
    "m__v": st.none()
    | st.tuples(st.floats(width=32, allow_nan=False), st.floats(width=32, allow_nan=False)).map(list),
    "m__s": st.none()
    | st.lists(
        st.fixed_dictionaries({"tf": st.none() | st.text(max_size=3), "at": st.integers(0, 9)}), max_size=2
    ),
}
COLUMNS = st.lists(st.sampled_from(sorted(TYPES)), min_size=1, unique=True)
STATE: dict[str, st.SearchStrategy[Any]] = {
    "masked": st.none() | st.booleans(),
    "qc_status": st.sampled_from([None, "pass", "fail", "warn", "unknown"]),
    "split": st.sampled_from([None, "train", "val", "test", "holdout"]),
    "lineage": st.none() | st.lists(st.text(max_size=3), max_size=2),
}


class DatasetAgainstModel(RuleBasedStateMachine):
    """Two handles on one dataset take turns, so that each has to notice what the other did."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="usr-model-"))
        self.base: list[str] = []
        self.overlay: dict[str, dict[str, Any]] = {}
        self.columns: set[str] = set()
        self.layout = "none"
        self.deleted: dict[str, str | None] = {}
        self.states: dict[str, dict[str, Any]] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        register_namespace(
            self.folder,
            namespace="m",
            columns="m__n:int64,m__v:fixed_size_list<float32>[2],m__s:list<struct<tf:string,at:int64>>",
        )
        Dataset(self.folder, "d").init()
        self.handles = [Dataset(self.folder, "d"), eager(Dataset(self.folder, "d"))]

    def handle(self, data: st.DataObject) -> Dataset:
        return self.handles[data.draw(st.integers(0, 1))]

    def table(self, data: st.DataObject, ids: list[str]) -> tuple[pa.Table, list[dict[str, Any]]]:
        columns = data.draw(COLUMNS)
        rows = [{name: data.draw(VALUES[name]) for name in columns} for _ in ids]
        arrays = {name: pa.array([row[name] for row in rows], TYPES[name]) for name in columns}
        return pa.table({"id": pa.array(ids, pa.string())} | arrays), rows

    def some_ids(self, data: st.DataObject) -> list[str]:
        return data.draw(st.lists(st.sampled_from(self.base), min_size=1, max_size=5, unique=True))

    @rule(data=st.data())
    def add(self, data: st.DataObject) -> None:
        picked = data.draw(st.lists(st.sampled_from(SEQUENCES), min_size=1, max_size=4, unique=True))
        result = self.handle(data).add_sequences(
            picked, bio_type="dna", alphabet="dna_4", on_conflict="ignore"
        )
        new = [key for key in result.ids if key not in self.base]
        assert result.added == len(new)
        self.base += new

    @precondition(lambda self: self.base)
    @rule(data=st.data())
    def write_part(self, data: st.DataObject) -> None:
        ids = self.some_ids(data)
        table, rows = self.table(data, ids)
        if any(key in self.overlay for key in ids):
            with pytest.raises(DuplicateKeyError):
                self.handle(data).write_overlay_part("m", table)
            return
        self.handle(data).write_overlay_part("m", table)
        self.overlay |= dict(zip(ids, rows, strict=True))
        self.columns |= set(rows[0])
        self.layout = "parts"

    @precondition(lambda self: self.base)
    @rule(data=st.data(), leave=st.booleans())
    def write_file(self, data: st.DataObject, leave: bool) -> None:
        ids = self.some_ids(data)
        table, rows = self.table(data, ids)
        if self.layout == "parts":
            with pytest.raises(OverlayLayoutError):
                self.handle(data).write_overlay("m", table, allow_overwrite=leave)
            return
        if not leave and self.columns & set(rows[0]):
            with pytest.raises(ValidationError):
                self.handle(data).write_overlay("m", table)
            return
        result = self.handle(data).write_overlay("m", table, allow_overwrite=leave)
        assert result.rows_new == len([key for key in ids if key not in self.overlay])
        for key, row in zip(ids, rows, strict=True):
            self.overlay[key] = self.overlay.get(key, {}) | row
        self.columns |= set(rows[0])
        self.layout = "file"

    @precondition(lambda self: self.layout != "none")
    @rule(data=st.data(), layout=st.sampled_from(["file", "part"]))
    def compact(self, data: st.DataObject, layout: Any) -> None:
        result = self.handle(data).compact_overlay("m", maintenance=True, layout=layout)
        assert result.rows == len(self.overlay)
        self.layout = "file" if layout == "file" else "parts"

    @precondition(lambda self: self.layout != "none")
    @rule(data=st.data(), mode=st.sampled_from(["archive", "delete"]))
    def remove(self, data: st.DataObject, mode: Any) -> None:
        result = self.handle(data).remove_overlay("m", maintenance=True, mode=mode)
        assert result.rows == len(self.overlay)
        self.overlay, self.columns, self.layout = {}, set(), "none"

    @precondition(lambda self: self.base)
    @rule(data=st.data(), reason=st.none() | st.text(min_size=1, max_size=3))
    def tombstone(self, data: st.DataObject, reason: str | None) -> None:
        ids = self.some_ids(data)
        result = self.handle(data).tombstone(ids, reason=reason)
        new = [key for key in ids if key not in self.deleted]
        assert (result.rows, result.rows_unchanged) == (len(new), len(ids) - len(new))
        self.deleted |= dict.fromkeys(new, reason)

    @precondition(lambda self: self.base)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        ids = self.some_ids(data)
        self.handle(data).restore(ids)
        for key in ids:
            self.deleted.pop(key, None)

    @precondition(lambda self: self.base)
    @rule(data=st.data())
    def set_state(self, data: st.DataObject) -> None:
        ids = self.some_ids(data)
        names = data.draw(st.lists(st.sampled_from(sorted(STATE)), min_size=1, unique=True))
        fields = {name: data.draw(STATE[name]) for name in names}
        self.handle(data).set_state(ids, **fields)
        for key in ids:
            self.states[key] = self.states.get(key, {}) | fields

    @precondition(lambda self: self.base)
    @rule(data=st.data())
    def clear_state(self, data: st.DataObject) -> None:
        ids = self.some_ids(data)
        names = data.draw(st.none() | st.lists(st.sampled_from(sorted(STATE)), min_size=1, unique=True))
        self.handle(data).clear_state(ids, names)
        for key in ids:
            self.states[key] = {} if names is None else self.states.get(key, {}) | dict.fromkeys(names)

    @invariant()
    def reads_are_those_of_the_model(self) -> None:
        if not self.base:
            return
        found = self.handles[0].to_arrow(["id", *TYPES])
        assert found.schema.types[1:] == list(TYPES.values())
        visible = [key for key in self.base if key not in self.deleted]
        expected = [{"id": key} | dict.fromkeys(TYPES) | self.overlay.get(key, {}) for key in visible]
        assert found.to_pylist() == expected
        fresh = Dataset(self.folder, "d")
        assert fresh.head(len(self.base), columns=["id", *TYPES]).equals(found)
        if visible:
            assert fresh.get(visible[::-2], columns=["id", *TYPES]).equals(
                found.filter(pa.array([key in visible[::-2] for key in visible]))
            )

    @invariant()
    def states_are_those_of_the_model(self) -> None:
        if not self.base:
            return
        rows = self.handles[1].get_state(self.base).to_pylist()
        for key, row in zip(self.base, rows, strict=True):
            assert row["id"] == key
            assert {name: row[f"usr_state__{name}"] for name in STATE} == dict.fromkeys(
                STATE
            ) | self.states.get(key, {})

    @invariant()
    def coverage_and_layout_are_those_of_the_model(self) -> None:
        dataset = self.handles[0]
        found = dataset.coverage("m", limit=None, include_deleted=True)
        assert found.missing_ids == tuple(key for key in self.base if key not in self.overlay)
        overlays = {overlay.namespace: overlay for overlay in dataset.list_overlays()}
        assert ("m" in overlays) == (self.layout != "none")
        if "m" in overlays:
            assert overlays["m"].layout == self.layout
            assert overlays["m"].rows == len(self.overlay)

    @invariant()
    def everything_is_valid_and_accounted_for(self) -> None:
        self.handles[1].validate()


DatasetAgainstModel.TestCase.settings = settings(max_examples=examples(5, share=0.02), stateful_step_count=20)
test_a_dataset_does_what_the_model_does = DatasetAgainstModel.TestCase
