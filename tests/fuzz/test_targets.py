"""Every target reads its real inputs, and those that once broke it; the search itself is `make fuzz`."""

import pytest

from tests.fuzz import limits
from tests.fuzz.limits import BrokenLimit, run_within_limits, stopped_after
from tests.fuzz.splicing import parts_of, spliced
from tests.fuzz.targets import FOUND, TARGETS, found_inputs


@pytest.mark.parametrize("name", TARGETS)
def test_real_inputs_are_read_without_an_error(name: str) -> None:
    for seed in TARGETS[name].seeds():
        with stopped_after(60):
            TARGETS[name].read(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_that_once_broke_it_are_read_or_refused_soon(name: str) -> None:
    inputs = [b"", *(path.read_bytes() for path in found_inputs(name))]
    inputs += [seed[: len(seed) // 2] for seed in TARGETS[name].seeds()]
    for data in inputs:
        with stopped_after(20):
            run_within_limits(TARGETS[name].read, data)


def test_every_input_that_was_found_belongs_to_a_target() -> None:
    assert {folder.name for folder in FOUND.iterdir()} <= TARGETS.keys()


def test_what_is_not_in_the_error_trees_is_a_find() -> None:
    def reads_badly(data: bytes) -> None:
        raise ValueError(data)

    with pytest.raises(ValueError, match="x"):
        run_within_limits(reads_badly, b"x")


def test_what_takes_too_much_memory_is_a_find(monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = iter([0, limits.MOST_MEMORY + 1])
    monkeypatch.setattr(limits, "peak_memory", lambda: next(peaks))
    with pytest.raises(BrokenLimit, match="MiB"):
        run_within_limits(lambda data: None, b"x")


def test_a_part_of_one_text_takes_the_place_of_a_part_of_another() -> None:
    text, donor = b"fixed_size_list<float32>[8]", b"struct<a:timestamp[us, UTC]>"
    assert (0, len(text)) in parts_of(text)
    made = {spliced(text, [donor], 100, seed) for seed in range(500)}
    assert b"fixed_size_list<struct<a:timestamp[us, UTC]>>[8]" in made
    assert spliced(b"", [donor], 100, 1) is None
    assert spliced(text, [donor], 20, 3) in {None, *(found for found in made if found and len(found) <= 20)}


def test_what_never_ends_is_broken_off() -> None:
    def never_ends(data: bytes) -> None:
        while True:
            pass

    with pytest.raises(BrokenLimit, match="not done"), stopped_after(0.1):
        never_ends(b"")
