from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dnadesign.usr.contract.layout import EVENTS, INTENT, INTENT_SYNCED, PRIVATE
from dnadesign.usr.storage.event_follow import EventFollower
from dnadesign.usr.storage.event_log import LogSource, last_lines, read_all_events
from dnadesign.usr.storage.filesystem import REAL, FileStat, Mode, RealFile, RealFileSystem
from dnadesign.usr.storage.intent import Intent
from dnadesign.usr.storage.log_file import LogPosition
from dnadesign.usr.storage.visibility import CommittedLog, committed_log_end
from tests.examples import examples
from tests.usr.storage.stepped_log import FATES, Fate, SteppedFileSystem, SteppedWriter, event_line

FATE = st.sampled_from(FATES)
CHANGES = st.lists(
    st.tuples(st.just("archive"), FATE, st.just(1)) | st.tuples(st.just("commit"), FATE, st.integers(1, 3)),
    min_size=1,
    max_size=7,
)
# How many steps the writer takes before each call of the reader; 0 by default, so that most are at odd places.
PACE = st.lists(st.sampled_from([0, 0, 0, 1, 1, 2, 3, 5, 8, 13]), max_size=150)


class Race:
    """A writer and whoever reads through ``fs``; the writer takes the steps that ``pace`` says between the reads."""

    def __init__(self, folder: str, changes: list, pace: list[int]) -> None:
        self.dataset = Path(folder) / "ds"
        self.writer = SteppedWriter(self.dataset)
        self.fs = SteppedFileSystem(self._step)
        self._steps = chain.from_iterable(self._change(*change) for change in changes)
        self._pace = iter(pace)
        self.over = False

    def _change(self, kind: str, fate: str, lines: int) -> Iterator[None]:
        if kind == "archive":
            return self.writer.archive(fate)  # type: ignore[arg-type]  # drawn from FATES
        return self.writer.commit([event_line() for _ in range(lines)], fate)  # type: ignore[arg-type]  # likewise

    def _step(self) -> None:
        for _ in range(next(self._pace, 1)):
            if next(self._steps, self) is self:
                self.over = True

    def finish(self) -> None:
        """Let the writer do the rest, and a last writer recover."""
        for _ in chain(self._steps, self.writer.recover()):
            pass
        self.over = True


@settings(max_examples=examples(150))
@given(
    changes=CHANGES,
    pace=PACE,
    restarts=st.lists(st.booleans(), max_size=10),
    most=st.none() | st.integers(1, 3),
)
def test_a_follower_sees_each_committed_line_once_in_order_and_never_another_one(
    changes: list, pace: list[int], restarts: list[bool], most: int | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        race = Race(folder, changes, pace)
        follower = EventFollower(race.writer.log, fs=race.fs)
        seen: list[bytes] = []
        restart = iter(restarts)
        while not race.over:
            seen += [line.raw for line in follower.poll(most)]
            if next(restart, False):
                position = follower.position
                again = LogPosition.from_dict(position.to_dict()) if position is not None else None
                follower.close()
                follower = EventFollower(race.writer.log, position=again, fs=race.fs)
        race.finish()
        while lines := follower.poll(most):
            seen += [line.raw for line in lines]
        follower.close()
        assert seen == race.writer.committed


@settings(max_examples=examples(150))
@given(changes=CHANGES, pace=PACE)
def test_what_lies_below_the_committed_end_stays_for_good(changes: list, pace: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        race = Race(folder, changes, pace)
        prefixes: list[tuple[CommittedLog, bytes]] = []
        while not race.over:
            found = committed_log_end(race.fs, race.dataset)
            if race.writer.log.exists() and race.writer.log.stat().st_ino == found.inode:
                prefixes.append((found, race.writer.log.read_bytes()[: found.end]))
        race.finish()
        committed = set(race.writer.committed)
        for found, prefix in prefixes:
            assert len(prefix) == found.end
            assert set(prefix.splitlines(keepends=True)) <= committed
        end = committed_log_end(REAL, race.dataset).end
        assert end == race.writer.log.stat().st_size
        assert len(list(read_all_events(REAL, race.dataset, end=end))) == len(race.writer.committed)


@settings(max_examples=examples(75))
@given(changes=CHANGES, pace=PACE, count=st.none() | st.integers(0, 5))
def test_the_last_lines_at_any_moment_are_committed_ones_without_a_gap(
    changes: list, pace: list[int], count: int | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        race = Race(folder, changes, pace)
        looks = []
        while not race.over:
            lines, _ = last_lines(LogSource.at(race.fs, race.writer.log), count=count)
            looks.append([line.raw for line in lines])
        race.finish()
        committed = race.writer.committed
        for found in looks:
            assert len(found) <= (len(committed) if count is None else count)
            start = committed.index(found[0]) if found else 0
            assert committed[start : start + len(found)] == found


class Meanwhile(RealFileSystem):
    """Lets others act, once each, at chosen moments of a look at the log."""

    def __init__(self, **acts: Callable[[], None]) -> None:
        self._acts = acts

    def act(self, moment: str) -> None:
        act = self._acts.pop(moment, None)
        if act is not None:
            act()

    def open(self, path: Path, mode: Mode, *, like: FileStat | None = None) -> RealFile:
        if path.name == Path(INTENT).name:
            self.act("before_intent")
        try:
            file = super().open(path, mode, like=like)
        finally:
            if path.name == Path(INTENT_SYNCED).name:
                self.act("after_intent")
        return FileMeanwhile(file.fd, path, self) if path.name == EVENTS else file


class FileMeanwhile(RealFile):
    __slots__ = ("_fs",)

    def __init__(self, fd: int, path: Path, fs: Meanwhile) -> None:
        super().__init__(fd, path)
        self._fs = fs

    def read_at(self, offset: int, count: int) -> bytes:
        if count > 1:  # one byte is read to see whether the file ends in a newline
            self._fs.act("before_last_line")
        return super().read_at(offset, count)


def until(steps: Iterator[None], reached: Callable[[], bool]) -> None:
    while not reached():
        next(steps)


class Script:
    """A dataset with one committed line, and a second writer whose line is in the log and will be rolled back."""

    def __init__(self, folder: Path, lines: int = 1) -> None:
        self.dataset = folder / "ds"
        self.writer = SteppedWriter(self.dataset)
        self.line = len(event_line())
        self.run(self.writer.commit([event_line()], "done"))
        self.doomed = self.begin("rolled back", lines)

    @staticmethod
    def run(steps: Iterator[None]) -> None:
        for _ in steps:
            pass

    def begin(self, fate: Fate, lines: int = 1) -> Iterator[None]:
        """Start a writer and stop it where all its bytes are in the log and its intent is pending."""
        size = self.writer.log.stat().st_size + lines * self.line
        steps = self.writer.commit([event_line() for _ in range(lines)], fate)
        until(steps, lambda: self.writer.log.stat().st_size == size)
        return steps

    def roll_back(self) -> None:
        self.run(self.doomed)

    def write_over(self) -> None:
        self.doomed = self.begin("rolled back")

    def end(self, **acts: Callable[[], None]) -> int:
        return committed_log_end(Meanwhile(**acts), self.dataset).end


def test_bytes_that_are_rolled_back_and_written_over_during_a_look_do_not_count(tmp_path: Path) -> None:
    script = Script(tmp_path)
    assert script.end(before_intent=script.roll_back, after_intent=script.write_over) == script.line


def test_bytes_that_are_cut_off_while_the_last_line_is_read_do_not_count(tmp_path: Path) -> None:
    script = Script(tmp_path)
    assert script.end(before_last_line=script.roll_back, after_intent=script.write_over) == script.line


def test_a_synced_change_vouches_for_its_own_bytes_only(tmp_path: Path) -> None:
    script = Script(tmp_path, lines=2)
    synced: Iterator[None] = iter(())

    def replace_by_a_synced_one() -> None:
        nonlocal synced
        script.roll_back()
        synced = script.writer.commit([event_line()], "done")
        until(synced, (script.dataset / INTENT_SYNCED).exists)

    def finish_and_write_over() -> None:
        script.run(synced)
        script.write_over()

    end = script.end(before_intent=replace_by_a_synced_one, after_intent=finish_and_write_over)
    assert end == 2 * script.line


def write_intent(dataset: Path, intent: Intent, *, synced: bool) -> None:
    (dataset / PRIVATE).mkdir(exist_ok=True)
    (dataset / (INTENT_SYNCED if synced else INTENT)).write_bytes(intent.to_bytes())


def test_bytes_of_a_pending_intent_are_not_there_and_those_of_a_synced_one_are(tmp_path: Path) -> None:
    first, second = event_line(), event_line()
    (tmp_path / EVENTS).write_bytes(first + second)
    assert committed_log_end(REAL, tmp_path).end == len(first + second)
    write_intent(tmp_path, Intent("0" * 32, len(first), second), synced=False)
    pending = committed_log_end(REAL, tmp_path)
    assert (pending.end, pending.size_seen) == (len(first), len(first + second))
    assert pending.intent is not None
    assert not pending.intent.synced
    (tmp_path / INTENT).rename(tmp_path / INTENT_SYNCED)
    synced = committed_log_end(REAL, tmp_path)
    assert synced.end == len(first + second)
    assert synced.intent is not None
    assert synced.intent.synced


def test_a_partial_last_line_does_not_count(tmp_path: Path) -> None:
    line = event_line()
    (tmp_path / EVENTS).write_bytes(line + line[:-1])
    assert committed_log_end(REAL, tmp_path).end == len(line)
    (tmp_path / EVENTS).write_bytes(line[:-1])
    assert committed_log_end(REAL, tmp_path).end == 0


def test_where_there_is_no_log_nothing_is_committed(tmp_path: Path) -> None:
    assert committed_log_end(REAL, tmp_path / "nowhere") == CommittedLog(0, 0, 0, 0, None)


def test_a_log_between_the_two_renames_of_its_archiving_is_the_new_one(tmp_path: Path) -> None:
    writer = SteppedWriter(tmp_path / "ds")
    for _ in writer.commit([event_line()], "done"):
        pass
    for _ in writer.archive("done"):
        if not writer.log.exists():
            found = committed_log_end(REAL, tmp_path / "ds")
            assert found.end == len(event_line("events_archive"))
            assert [e.action for e in read_all_events(REAL, tmp_path / "ds", end=found.end)] == [
                "made_up",
                "events_archive",
            ]
            break
    else:
        raise AssertionError("archiving never had the log away")
