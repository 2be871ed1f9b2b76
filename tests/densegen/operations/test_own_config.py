"""The config that is written for someone's own sites."""

from __future__ import annotations

import csv
import string
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.densegen.cli.workspace import make_workspace
from dnadesign.densegen.contract.errors import ConfigError, InputError
from dnadesign.densegen.operations.own_config import guess_columns
from dnadesign.densegen.project import open_project

SYMBOLS = string.ascii_letters + string.digits + " -_.:#{}[]\"'&*!|>%@$,äβ"
NAMES = st.text(st.sampled_from(SYMBOLS), min_size=1, max_size=12).filter(lambda text: text == text.strip())
FACTORS = NAMES | st.sampled_from(["yes", "null", "1.5", "~", "0x1F"])
SITES = st.lists(st.tuples(FACTORS, st.text("ACGT", min_size=4, max_size=24)), min_size=1, max_size=12)


@given(rows=SITES, tf=NAMES, site=NAMES)
def test_any_table_of_sites_gives_a_valid_config_that_knows_all_of_it(
    rows: list[tuple[str, str]], tf: str, site: str
) -> None:
    if tf == site:
        site += "2"
    with TemporaryDirectory() as scratch:
        table, folder = Path(scratch) / "my sites.csv", Path(scratch) / "new"
        with table.open("w", newline="", encoding="utf-8") as handle:
            csv.writer(handle).writerows([(tf, site), *rows])
        assert make_workspace(folder, sites=table, tf_column=tf, site_column=site) == 0
        found = open_project(folder / "config.yaml")
        parts = {(part.tf, part.sequence) for part in found.pools["mine"].parts}
        assert parts == set(rows)
        (plan,) = found.config.plans
        assert set(plan.groups[0].members) == {factor for factor, _ in rows}
        assert found.config.target.length >= 2 * max(len(sequence) for _, sequence in rows)


@pytest.mark.parametrize(
    ("header", "tf", "site"),
    [
        (["tf", "tfbs"], "tf", "tfbs"),
        (["id", "Sequence", "TF"], "TF", "Sequence"),
        (["Regulator", " Binding Site ", "sequence"], "Regulator", "sequence"),
    ],
)
def test_columns_of_usual_names_are_found(header: list[str], tf: str, site: str) -> None:
    found = guess_columns(header, tf=None, site=None, table="t.csv", command="dense init d --sites t.csv")
    assert (found.tf, found.tfbs) == (tf, site)


def test_columns_without_usual_names_have_to_be_told() -> None:
    with pytest.raises(InputError, match=r"--site-column.*found gene, box") as caught:
        guess_columns(["gene", "box"], tf="gene", site=None, table="t.csv", command="dense init d")
    assert caught.value.mend is not None
    assert caught.value.mend.startswith("dense init d --tf-column")


def test_columns_of_no_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--sites"):
        make_workspace(tmp_path / "new", sites=None, tf_column="tf", site_column=None)
    assert not (tmp_path / "new").exists()


def test_a_faulty_table_leaves_no_folder(tmp_path: Path) -> None:
    table = tmp_path / "sites.csv"
    table.write_text("tf,tfbs\nCRP,ACGX\n", encoding="utf-8")
    with pytest.raises(InputError, match=":2:"):
        make_workspace(tmp_path / "new", sites=table, tf_column=None, site_column=None)
    assert not (tmp_path / "new").exists()
