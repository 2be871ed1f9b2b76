"""Which names are taken, and which known name a mistyped one is told to have meant."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dnadesign.usr.contract.errors import NamespaceError
from dnadesign.usr.contract.names import check_dataset_id, check_namespace, nearest
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


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}(/[A-Za-z0-9][A-Za-z0-9_.-]{0,254})?", fullmatch=True))
@example("a.")
@example("a..b/c...")
@example("a" * 255 + "/" + "b" * 255)
def test_every_name_of_the_grammar_is_a_dataset_id(name: str) -> None:
    if name.partition("/")[0].lower() != "archived":
        assert check_dataset_id(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a/..",
        "/a",
        "a/",
        "a/b/c",
        "-a",
        "_a",
        ".a",
        "a b",
        "\u00e4",
        "a\n",
        "archived/a",
        "a" * 256,
    ],
)
def test_every_other_name_is_refused(name: str) -> None:
    with pytest.raises(NamespaceError, match="is not a dataset id"):
        check_dataset_id(name)


@given(st.from_regex(r"[a-z](_?[a-z0-9]){0,100}", fullmatch=True))
@example("a" * 247)
def test_every_name_of_the_grammar_is_a_namespace(name: str) -> None:
    if name not in ("usr",):
        assert check_namespace(name) == name


@pytest.mark.parametrize("name", ["", "A", "1a", "a__b", "a_", "a-b", "a.b", "usr", "a" * 248])
def test_every_other_name_is_no_namespace(name: str) -> None:
    with pytest.raises(NamespaceError):
        check_namespace(name)
