"""A profile of Hypothesis that looks further afield does so in every test of usr."""

import re

from hypothesis import settings

from tests.architecture.source_tree import ROOT
from tests.examples import examples

FIXED = re.compile(r"max_examples=\d")


def test_no_test_fixes_the_number_of_examples_whatever_the_profile() -> None:
    fixed = [path.name for path in (ROOT / "tests/usr").rglob("test_*.py") if FIXED.search(path.read_text())]
    assert fixed == []


def test_the_number_of_examples_is_that_of_the_profile_unless_it_is_the_one_of_every_day() -> None:
    before = settings.get_current_profile_name()
    try:
        settings.load_profile("repeatable")
        assert examples(30) == 30
        settings.load_profile("explore")
        assert examples(30) == 2_000
        assert examples(8, share=0.02) == 40
    finally:
        settings.load_profile(before)
