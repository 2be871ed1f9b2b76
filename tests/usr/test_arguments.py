"""Whatever a caller hands in, the answer is a result or an error of this library, never one of what lies below it."""

import inspect
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dnadesign import usr
from dnadesign.usr import Dataset, SequencesError
from tests.usr.conftest import add, scores

ODD: list[Any] = [
    None, 5, -1, 10**30, 1.5, float("nan"), True, "", "x", "id", "..", "a\0b", "\ud800", b"x", object(),
    [], [None], [5], ["x"], [[1]], ["\ud800"], (), ("x",), {}, {"a": 1}, {1: "a"}, {"id": "x"},
    pa.table({"a": [1]}), pa.table({"id": [1]}),
]  # fmt: skip
INTERNAL = {"self", "fs", "progress", "wait"}  # for tests, and callables


def sensible(dataset: Dataset, ids: tuple[str, ...], folder: Path) -> dict[str, Any]:
    """A value for each argument that has no default."""
    return {
        "namespace": "score", "data": scores(ids[:1], [1.0]), "ids": [ids[0]], "pattern": "AC", "name": "lab/new",
        "path": folder / "none.csv", "action": "tool_x", "rows": ["AAAA"], "bio_type": "dna", "alphabet": "dna_4",
        "reason": "x", "batch_id": "b", "columns": "score__x:float64", "root": dataset.root, "spec": "score__x:int64",
        "other": dataset, "name_or_path": dataset.name, "sequence": "ACGT", "text": "int64", "kind": pa.int64(),
        "t": pa.int64(), "s": "int64", "ref": "x", "arrays": {"x": [1]}, "start": ids[0], "actor": None, "to": "x",
        "sha256": "0" * 64, "dataset_dir": dataset.dir, "type_str": "int64", "arrow_type": pa.int64(),
    }  # fmt: skip


def targets() -> dict[str, Callable[..., Any]]:
    """Every public method of a dataset (as a function of it), and every public function."""
    found: dict[str, Callable[..., Any]] = {}
    for name, method in inspect.getmembers(Dataset, callable):
        if not name.startswith("_"):
            found[f"Dataset.{name}"] = method
    for name in usr.__all__:
        thing = getattr(usr, name)
        if inspect.isfunction(thing):
            found[name] = thing
    return found


@pytest.mark.parametrize("name", sorted(targets()))
def test_no_value_of_a_wrong_kind_brings_up_an_error_of_something_else(
    name: str, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"  # where a path that is taken literally would lead, ".." too
    here.mkdir()
    monkeypatch.chdir(here)
    ids = add(dataset, "ACGT", "CCCC")
    good, function = sensible(dataset, ids, tmp_path), targets()[name]
    takes_dataset = (
        name.startswith("Dataset.") and next(iter(inspect.signature(function).parameters), "") == "self"
    )
    if takes_dataset:
        function = getattr(dataset, name.removeprefix("Dataset."))
    parameters = [
        p
        for p in inspect.signature(function).parameters.values()
        if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]
    needed = {p.name for p in parameters if p.default is p.empty} - INTERNAL
    assert needed <= set(good), "tell the test a sensible value"
    raw, bare = [], []
    for parameter in parameters:
        for odd in [] if parameter.name in INTERNAL else ODD:
            given = {n: good[n] for n in needed} | {parameter.name: odd}
            try:
                consume(function(**given))
            except SequencesError as error:
                bare += [] if error.mend else [f"{parameter.name}={odd!r:.40}: {error}"]
            except Exception as error:  # noqa: BLE001 - what it may be is the question
                raw.append(f"{parameter.name}={odd!r:.40}: {type(error).__name__}: {error}")
    assert raw == []
    assert sorted(set(bare)) == [], "an error without a mend"


def consume(result: Any) -> None:
    """Take a little of what comes lazily, and let go of the rest."""
    if hasattr(result, "__enter__") and hasattr(result, "result"):
        with result:
            pass
    elif hasattr(result, "__next__"):
        list(itertools.islice(result, 3))
        result.close()


@pytest.mark.parametrize("where", ["", " ", "\n"])
def test_an_empty_condition_is_refused_everywhere(where: str, dataset: Dataset, tmp_path: Path) -> None:
    add(dataset, "ACGT")
    for call in (
        lambda: dataset.scan(where=where),
        lambda: dataset.to_arrow(where=where),
        lambda: dataset.describe(where=where),
        lambda: dataset.grep("A", where=where),
        lambda: dataset.export(tmp_path / "out.csv", where=where),
    ):
        with pytest.raises(usr.ValidationError, match="the condition is empty"):
            call()


@pytest.mark.parametrize("timeout", ["x", -1, float("nan"), None])
def test_a_timeout_that_is_none_is_refused_when_the_dataset_is_made(timeout: Any, dataset: Dataset) -> None:
    with pytest.raises(usr.ValidationError, match="lock_timeout"):
        Dataset(dataset.root, dataset.name, lock_timeout=timeout)


def test_a_single_name_where_several_belong_is_told_how_to_be_a_list(dataset: Dataset) -> None:
    add(dataset, "ACGT")
    for call in (dataset.scan, dataset.head, dataset.to_arrow, dataset.describe):
        with pytest.raises(usr.ValidationError, match=r"pass a list: \['sequence'\]"):
            call(columns="sequence")
