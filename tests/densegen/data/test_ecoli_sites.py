"""The binding sites that ship with densegen are what their README says."""

import csv
import re
from collections import Counter
from importlib import resources

import pytest

CONSENSUS = {
    "CRP": re.compile("TGTGA.{6}TCACA"),
    "LexA": re.compile("..CTG.{10}CAG.."),
    "CpxR": re.compile("TTAC.{6}TTAC"),
}
COUNTS = {"CRP": 13, "LexA": 15, "CpxR": 13}
DATA = resources.files("dnadesign.densegen") / "data"


def reverse_complement(site: str) -> str:
    return site[::-1].translate(str.maketrans("ACGT", "TGCA"))


@pytest.fixture(scope="module")
def sites() -> list[dict[str, str]]:
    text = (DATA / "ecoli_sites.csv").read_text(encoding="ascii")
    return list(csv.DictReader(text.splitlines(), strict=True))


def test_the_table_has_the_four_columns_and_no_empty_cell(sites: list[dict[str, str]]) -> None:
    assert [list(site) for site in sites] == [["tf", "tfbs", "name", "source"]] * len(sites)
    assert all(value and value == value.strip() for site in sites for value in site.values())


def test_each_factor_has_as_many_sites_as_the_readme_says(sites: list[dict[str, str]]) -> None:
    assert Counter(site["tf"] for site in sites) == COUNTS
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    assert f"{sum(COUNTS.values())} sites of CRP, LexA and CpxR" in readme
    for factor, count in COUNTS.items():
        assert f"- **{factor}** ({count} sites):" in readme


def test_each_site_is_dna_of_a_length_that_leaves_room_for_a_promoter_in_60_bp(
    sites: list[dict[str, str]],
) -> None:
    for site in sites:
        assert re.fullmatch("[ACGT]{14,20}", site["tfbs"]), site


def test_each_site_matches_the_consensus_of_its_factor(sites: list[dict[str, str]]) -> None:
    for site in sites:
        assert CONSENSUS[site["tf"]].fullmatch(site["tfbs"]), site


def test_no_site_is_there_twice_on_either_strand(sites: list[dict[str, str]]) -> None:
    seen = Counter(min(site["tfbs"], reverse_complement(site["tfbs"])) for site in sites)
    assert max(seen.values()) == 1, seen.most_common(3)


def test_a_site_is_named_once_within_its_factor(sites: list[dict[str, str]]) -> None:
    assert len({(site["tf"], site["name"]) for site in sites}) == len(sites)


def test_every_source_that_a_site_names_is_in_the_readme(sites: list[dict[str, str]]) -> None:
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    for source in {key for site in sites for key in site["source"].split("; ")}:
        assert f"- **{source}**: " in readme


def test_textbook_sos_boxes_are_among_the_sites(sites: list[dict[str, str]]) -> None:
    boxes = {site["name"]: site["tfbs"] for site in sites if site["tf"] == "LexA"}
    assert boxes["recA"] == "TACTGTATGAGCATACAGTA"
    assert boxes["umuDC"] == "TACTGTATATAAAAACAGTA"
    assert boxes["sulA"] == "TACTGTACATCCATACAGTA"
