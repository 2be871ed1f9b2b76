"""Names as long as the grammar and file systems let them be serve everywhere where others do."""

from pathlib import Path

import pyarrow as pa
import pytest

from dnadesign.usr import Dataset, NamespaceError, list_datasets, register_namespace
from dnadesign.usr.storage.save_rule import SaveRule
from tests.usr.conftest import add
from tests.usr.operations.maintained import assert_sound

LONG = "n" * 247


@pytest.mark.parametrize("name", ["a.", "g./a..", "d" * 255, f"{'g' * 255}/{'d' * 255}"], ids=range(4))
def test_a_dataset_and_a_namespace_may_have_the_longest_names(tmp_path: Path, name: str) -> None:
    column = f"{LONG}__{'x' * 700}"
    register_namespace(tmp_path, namespace=LONG, columns=f"{column}:int64")
    dataset = Dataset(tmp_path, name).init()
    dataset._store.save_rule = SaveRule(files=1, rows=1, log_bytes=1, share=1)
    ids = add(dataset, "ACGT", "TTTT", "CCCC")
    dataset.write_overlay(LONG, pa.table({"id": [ids[0]], column: [1]}))
    dataset.write_overlay_part(LONG, pa.table({"id": [ids[1]], column: [2]}))
    dataset.compact_overlay(LONG, maintenance=True)
    dataset.archive_events(maintenance=True)
    again = Dataset.open(tmp_path, name)
    assert again.to_arrow([column]).column(column).to_pylist() == [1, 2, None]
    assert list_datasets(tmp_path) == [name]
    assert_sound(again)


def test_a_name_that_no_file_system_takes_is_refused_with_its_length(tmp_path: Path) -> None:
    with pytest.raises(NamespaceError, match="255 characters, and this has 256"):
        Dataset(tmp_path, "d" * 256)
    with pytest.raises(NamespaceError, match="has 248 characters"):
        register_namespace(tmp_path, namespace=LONG + "n", columns=f"{LONG}n__x:int64")
