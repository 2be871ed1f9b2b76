"""The turns of a soak that no other test takes look at what they should, and find what is wrong."""

from collections.abc import Callable
from random import Random

import pytest

from dnadesign.usr.storage import staging
from tests.faults import soak
from tests.faults.mutants import rewritten
from tests.faults.soak import TURNS, Turn, break_a_verb, flip_bits, meet_faults, take
from tests.faults.strace import needs_strace

Note = Callable[[str, int], None]


def taken(seed: int) -> tuple[Turn, list[str]]:
    turn = Turn(Random(seed), lambda: False, set())
    return turn, take(break_a_verb, turn, seed)


def test_a_random_verb_of_a_random_history_is_done_whole_or_not_at_all(note: Note) -> None:
    turn, problems = taken(1)
    assert problems == []
    assert turn.counts["real verbs with a fault"] > 20
    note("states of real datasets recovered and checked", turn.counts["states of real datasets"])
    assert break_a_verb in TURNS


def test_what_a_turn_finds_is_told_with_how_to_take_it_again() -> None:
    with rewritten(staging.Staging.create, ("file.sync()", "pass")):
        for seed in range(20):
            _, problems = taken(seed)
            if (
                problems and "Traceback" not in problems[0]
            ):  # not in the history, but in what is broken after it
                break
    assert problems[0].startswith(f"--again break_a_verb {seed}: ")
    assert "Traceback" not in problems[0]


def test_a_turn_of_flipped_bits_finds_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "FLIPS", 30)
    turn = Turn(Random(7), lambda: False, set())
    assert take(flip_bits, turn, 7) == []
    assert turn.counts["bits flipped"] == 30
    assert flip_bits in TURNS


@needs_strace
def test_a_turn_of_failing_system_calls_plays_its_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "FAULTY_ROUNDS", 1)
    turn = Turn(Random(7), lambda: False, set())
    assert take(meet_faults, turn, 7) == []
    assert turn.counts["rounds of writers whose system calls fail"] == 1
    assert meet_faults in TURNS
