"""Work is done once, by a thread or by whoever asks for it."""

import threading

import pytest

from dnadesign.usr.storage.threads import Threads
from tests.usr.storage.failing_threads import refuse_threads


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("failing", [range(0), range(1), range(1, 2), range(1, 9), range(2), range(99)])
def test_each_piece_of_work_is_done_once(count: int, failing: range, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_threads(monkeypatch, "tried", failing)
    done: list[int] = []

    def work(number: int) -> int:
        done.append(number)
        return -number

    with Threads(count, "tried") as threads:
        asked = [threads.begin(work, number) for number in range(40)]
        assert [future.result() for future in asked] == [-number for number in range(40)]
    assert sorted(done) == list(range(40))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tried")]


@pytest.mark.parametrize("failing", [range(0), range(99)])
def test_an_error_is_raised_where_the_result_is_asked_for(
    failing: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_threads(monkeypatch, "tried", failing)
    with Threads(2, "tried") as threads:
        asked = threads.begin(int, "no number")
        with pytest.raises(ValueError, match="no number"):
            asked.result()


def test_ctrl_c_is_not_kept_for_somebody_who_may_never_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_threads(monkeypatch, "tried", range(99))

    def work() -> None:
        raise KeyboardInterrupt

    with Threads(2, "tried") as threads, pytest.raises(KeyboardInterrupt):
        threads.begin(work)
