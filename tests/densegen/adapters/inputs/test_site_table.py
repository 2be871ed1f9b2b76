"""Tables of sites: what is taken, and what is refused at which line."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from dnadesign.densegen.adapters.inputs.site_table import read_sites
from dnadesign.densegen.contract.config import SitesInput
from dnadesign.densegen.contract.errors import InputError


def table(tmp_path: Path, text: str, **columns: str) -> tuple[SitesInput, Path]:
    path = tmp_path / "sites.csv"
    path.write_text(text, encoding="utf-8")
    spec = {"name": "sites", "kind": "sites", "path": "sites.csv", "columns": columns}
    return SitesInput.model_validate(spec), path


def test_sites_are_read_in_order_without_repeats_and_with_their_names(tmp_path: Path) -> None:
    text = "tf,tfbs,name,source\nCRP,TGTGA,one,a\nLexA,ctgta,two,b\nCRP,TGTGA,three,c\n\n"
    sites = read_sites(*table(tmp_path, text, site_id="name", source="source"))
    assert [(one.tf, one.sequence, one.site_id, one.source) for one in sites] == [
        ("CRP", "TGTGA", "one", "a"),
        ("LexA", "CTGTA", "two", "b"),
    ]


def test_columns_are_found_by_the_names_given(tmp_path: Path) -> None:
    (site,) = read_sites(*table(tmp_path, "site,x,factor\nACGT,1,CRP\n", tf="factor", tfbs="site"))
    assert (site.tf, site.sequence) == ("CRP", "ACGT")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (",ACGT", "is empty"),
        ("CRP,", "found nothing"),
        ("CRP,ACNT", "'N'"),
        ("CRP,aaaACGTaaa", "mixed case"),
        ("CRP,ACGT,more", "expected 2 cells, found 3"),
        ("CRP,AC GT", "' '"),
    ],
)
def test_a_row_that_does_not_fit_is_named_with_its_line(tmp_path: Path, row: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        read_sites(*table(tmp_path, f"tf,tfbs\nCRP,ACGT\n{row}\n"))
    assert ":3:" in str(caught.value)
    assert says in str(caught.value)


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no column 'tfbs'.*tf, sequence"):
        read_sites(*table(tmp_path, "tf,sequence\nCRP,ACGT\n"))


@pytest.mark.parametrize("text", ["", "tf,tfbs\n", "tf,tf,tfbs\nA,B,ACGT\n", 'tf,tfbs\nCRP,"AC\n'])
def test_a_table_without_usable_rows_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError):
        read_sites(*table(tmp_path, text))


def test_the_sites_that_ship_are_of_three_factors_with_name_and_source() -> None:
    path = Path(str(files("dnadesign.densegen") / "data" / "ecoli_sites.csv"))
    columns = {"site_id": "name", "source": "source"}
    spec = SitesInput.model_validate({"name": "s", "kind": "sites", "path": "x", "columns": columns})
    sites = read_sites(spec, path)
    assert {one.tf for one in sites} == {"CRP", "LexA", "CpxR"}
    assert all(one.site_id and one.source for one in sites)
