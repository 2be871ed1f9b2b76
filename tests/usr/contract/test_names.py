"""Which known name a mistyped one is told to have meant."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnadesign.usr.contract.names import nearest
from tests.examples import examples


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("lab/nope", ["lab/mine"], None),
        ("nope", ["notes"], None),
        ("laboratory/ab", ["laboratory/cd"], None),
        ("id", ["od", "x"], None),
        ("seqence", ["source", "sequence"], "sequence"),
        ("Sequnece", ["sequence", "source"], "sequence"),
        ("seq", ["source", "sequence"], "sequence"),
        ("lenght", ["length"], "length"),
        ("lab/promotrs", ["lab/promoters", "lab/primers"], "lab/promoters"),
        ("promoters", ["lab/promoters"], None),
        ("score__y", ["score__x"], "score__x"),
        ("", ["a"], None),
    ],
)
def test_a_name_is_held_for_another_mistyped_only_if_few_letters_differ(
    name: str, known: list[str], meant: str | None
) -> None:
    assert nearest(name, known) == meant


@settings(max_examples=examples(30))
@given(st.text("abAB_", min_size=4, max_size=12), st.data())
def test_a_name_with_one_letter_wrong_or_two_swapped_is_found(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 2))
    for typed in (
        name[:at] + name[at + 1 :],
        name[:at] + "x" + name[at:],
        name[:at] + "x" + name[at + 1 :],
        name[:at] + name[at + 1] + name[at] + name[at + 2 :],
    ):
        assert nearest(typed, [name, "quite_another"]) == name
