from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.usr import Dataset, Event, ValidationError, use_actor
from dnadesign.usr.cli.app import run
from dnadesign.usr.contract.layout import INTENT
from dnadesign.usr.contract.moments import parse_moment
from tests.usr.storage.stepped_log import FATES, SteppedWriter, event_line

USR = [sys.executable, "-m", "dnadesign.usr.cli.app"]
PATIENCE = 60  # seconds, for a busy machine; nothing waits that long when it works


@pytest.fixture
def root(tmp_path: Path) -> Path:
    dataset = Dataset(tmp_path, "lab/a")
    dataset.init()
    with use_actor(tool="densegen", run_id="r7"):
        for n in range(12):
            dataset.log_event("densegen_health", metrics={"designs": n})
    dataset.add_sequences(["ACGT", "TTTT"], bio_type="dna", alphabet="dna_4")
    return tmp_path


def log_lines(root: Path) -> list[bytes]:
    return (root / "lab/a/.events.log").read_bytes().splitlines(keepends=True)


def shown(capfdbinary: pytest.CaptureFixture[bytes], *args: str, status: int = 0) -> tuple[bytes, str]:
    assert run(["events", "tail", *args]) == status
    out, err = capfdbinary.readouterr()
    return out, err.decode()


@contextmanager
def following(root: Path, *args: str) -> Iterator[subprocess.Popen[bytes]]:
    """A ``usr events tail --follow`` whose output goes into a pipe."""
    command = [*USR, "events", "tail", "lab/a", "--root", str(root), "--follow", *args]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def next_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
        assert ready, "nothing came"
        piece = os.read(process.stdout.fileno(), 1)
        assert piece, "the output ended"
        line += piece
    return line


def test_json_is_the_lines_of_the_log_and_nothing_else(
    root: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    out, err = shown(capfdbinary, "lab/a", "--root", str(root), "--format", "json", "-n", "100")
    assert out.splitlines(keepends=True) == log_lines(root)
    assert all(json.loads(line)["event_version"] == 1 for line in out.splitlines())
    assert err == ""


def test_the_last_ten_are_shown_unless_another_number_is_asked_for(
    root: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    given = ["lab/a", "--root", str(root), "--format", "json"]
    assert shown(capfdbinary, *given)[0].splitlines(keepends=True) == log_lines(root)[-10:]
    assert shown(capfdbinary, *given, "-n", "3")[0].splitlines(keepends=True) == log_lines(root)[-3:]
    assert shown(capfdbinary, *given, "-n", "0")[0] == b""


def test_actions_are_picked_before_they_are_counted(
    root: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    given = ["lab/a", "--root", str(root), "--format", "json", "-n", "2"]
    out, _ = shown(capfdbinary, *given, "--action", "init,densegen_health")
    assert [json.loads(line)["metrics"]["designs"] for line in out.splitlines()] == [10, 11]
    out, err = shown(capfdbinary, *given, "--action", "import_row")
    assert out == b""
    assert "did you mean 'import_rows'" in err


def test_since_takes_a_time_or_an_age_and_shows_all_from_then_on(
    root: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    given = ["lab/a", "--root", str(root), "--format", "json", "--since"]
    times = [json.loads(line)["timestamp_utc"] for line in log_lines(root)]
    assert len(shown(capfdbinary, *given, times[0])[0].splitlines()) == 14
    assert len(shown(capfdbinary, *given, times[5])[0].splitlines()) == 9
    assert len(shown(capfdbinary, *given, "1h")[0].splitlines()) == 14
    assert shown(capfdbinary, *given, "2999-01-01")[0] == b""


def test_a_time_that_is_none_is_a_usage_error_and_an_unknown_dataset_is_not_found(
    root: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    out, err = shown(capfdbinary, "lab/a", "--root", str(root), "--since", "soon", status=2)
    assert (out, "'soon' is neither a time nor an age" in err) == (b"", True)
    out, err = shown(capfdbinary, "lab/b", "--root", str(root), "--format", "json", status=4)
    assert out == b""
    assert json.loads(err)["error"]["code"] == "dataset_not_found"


def test_text_is_one_aligned_line_an_event_that_cannot_steer_the_terminal(
    root: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    Dataset(root, "lab/a").log_event("x_note", metrics={"note": "\x1b[31mred\nnext"})
    out, _ = shown(capfdbinary, "lab/a", "--root", str(root), "-n", "3")
    lines = out.decode().splitlines()
    assert len(lines) == 3
    assert [line[20:42].strip() for line in lines] == ["densegen_health", "import_rows", "x_note"]
    assert "densegen/r7" in lines[0]
    assert "designs=11" in lines[0]
    assert "rows=2" in lines[1]
    assert lines[2].isprintable()
    assert len({line.index("20") for line in lines}) == 1


def test_inside_its_folder_the_dataset_need_not_be_named(
    root: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root / "lab/a")
    assert len(shown(capfdbinary, "--format", "json", "-n", "2")[0].splitlines()) == 2
    monkeypatch.chdir("/")
    monkeypatch.setenv("USR_ROOT", str(root))
    assert len(shown(capfdbinary, "lab/a", "--format", "json", "-n", "2")[0].splitlines()) == 2


def test_a_damaged_line_is_told_on_stderr_and_the_exit_status_says_so(
    root: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    good = log_lines(root)
    with (root / "lab/a/.events.log").open("ab") as log:
        log.write(b'{"event_version":2}\n' + good[-1])
    out, err = shown(capfdbinary, "lab/a", "--root", str(root), "--format", "json", "-n", "3", status=1)
    assert out.splitlines(keepends=True) == [good[-1], good[-1]]
    assert f"byte {len(b''.join(good))}: event_version is 2" in err


def test_what_is_partial_or_not_committed_is_not_shown(
    root: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    writer = SteppedWriter(root / "lab/a")
    given = ["lab/a", "--root", str(root), "--format", "json", "-n", "100"]
    for fate in FATES:
        size = writer.log.stat().st_size
        steps = writer.commit([event_line()], fate)
        while next(steps, "over") is None:
            if writer.log.stat().st_size > size and (root / "lab/a" / INTENT).exists():
                assert shown(capfdbinary, *given)[0] == b"".join(writer.committed)
        if fate == "done":
            assert shown(capfdbinary, *given)[0] == b"".join(writer.committed)
    for _ in writer.recover():
        pass
    assert shown(capfdbinary, *given)[0] == b"".join(writer.committed)
    assert writer.log.read_bytes() == b"".join(writer.committed)


@pytest.mark.parametrize("format", ["json", "text"])
def test_followed_into_a_pipe_each_event_is_there_as_soon_as_it_is_committed(root: Path, format: str) -> None:
    dataset = Dataset(root, "lab/a")
    with following(root, "--format", format, "-n", "1") as process:
        assert b"import_rows" in next_line(process)
        for n in range(3):
            dataset.log_event("x_note", metrics={"n": n})
            line = next_line(process)
            assert (line == log_lines(root)[-1]) if format == "json" else (f"n={n}".encode() in line)


def test_closing_the_pipe_ends_it_cleanly_without_waiting_for_another_event(root: Path) -> None:
    with following(root, "-n", "1") as process:
        next_line(process)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read() == b""


def test_a_pipe_closed_in_the_middle_of_much_output_ends_it_cleanly(root: Path) -> None:
    line = log_lines(root)[-1]
    with (root / "lab/a/.events.log").open("ab") as log:
        log.write(line * 5000)
    command = (
        f"{sys.executable} -m dnadesign.usr.cli.app events tail lab/a --root {root} -n 9999 --format json"
    )
    done = subprocess.run(
        ["/bin/bash", "-c", f"set -o pipefail; {command} | head -n 1"],
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(done.stdout.splitlines()) == 1


def test_ctrl_c_is_the_normal_end_of_following(root: Path) -> None:
    with following(root, "-n", "1", "--format", "json") as process:
        next_line(process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (0, b"", b"")


def test_following_goes_on_through_archiving(root: Path) -> None:
    writer = SteppedWriter(root / "lab/a")
    with following(root, "--format", "json", "-n", "100") as process:
        seen = [next_line(process) for _ in writer.committed]
        for round_ in range(2):
            for change in (writer.archive("done"), writer.commit([event_line(f"after_{round_}")], "done")):
                for _ in change:
                    pass
        seen += [next_line(process) for _ in range(4)]
    assert seen == writer.committed


def test_a_dataset_hands_out_its_events_in_python_too(root: Path) -> None:
    found = [line.event for line in Dataset(root, "lab/a").tail_events(count=2, actions=["densegen_health"])]
    assert all(isinstance(event, Event) for event in found)
    assert [event.metrics["designs"] for event in found if event] == [10, 11]


NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@given(st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from("smhdw")), min_size=1, max_size=3))
def test_an_age_counts_back_from_now(parts: list[tuple[int, str]]) -> None:
    seconds = sum(n * {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[unit] for n, unit in parts)
    assert parse_moment("".join(f"{n}{unit}" for n, unit in parts), now=NOW) == NOW - timedelta(
        seconds=seconds
    )


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1.5h", NOW - timedelta(minutes=90)),
        (" 1d 12h ", NOW - timedelta(hours=36)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T08:30", datetime(2026, 11, 20, 8, 30, tzinfo=UTC)),
        ("2026-11-20T08:30:00.123456Z", datetime(2026, 11, 20, 8, 30, 0, 123456, tzinfo=UTC)),
        ("2026-11-20T08:30+02:00", datetime(2026, 11, 20, 6, 30, tzinfo=UTC)),
        ("999999999w", datetime.min.replace(tzinfo=UTC)),
    ],
)
def test_a_moment_is_an_age_or_an_iso_time_in_utc(text: str, moment: datetime) -> None:
    assert parse_moment(text, now=NOW) == moment


@pytest.mark.parametrize("text", ["", "soon", "10", "10 minutes", "-5m", "5y", "2026-13-01", "m", "1e3s"])
def test_anything_else_is_no_moment(text: str) -> None:
    with pytest.raises(ValidationError, match="neither a time nor an age"):
        parse_moment(text, now=NOW)


@pytest.mark.parametrize(
    "count", [["-n", "5"], ["-n", "100000"], ["-n", "100000", "--action", "import_rows"]]
)
def test_lines_of_our_own_are_passed_on_without_being_parsed(
    root: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, count: list[str]
) -> None:
    parsed: list[bytes] = []
    monkeypatch.setattr(Event, "from_json_line", parsed.append)
    out, err = shown(capfdbinary, "lab/a", "--root", str(root), "--format", "json", *count)
    wanted = [line for line in log_lines(root) if "--action" not in count or b'"import_rows"' in line]
    assert out.splitlines(keepends=True) == (wanted[-5:] if count[1] == "5" else wanted)
    assert (parsed, err) == ([], "")


def test_many_lines_are_the_same_as_few_whichever_way_they_are_found(root: Path) -> None:
    dataset = Dataset(root, "lab/a")
    dataset.archive_events(maintenance=True)
    dataset.log_event("densegen_health")
    wanted = [line.raw for line in dataset.tail_events(count=1000)]
    assert len(wanted) == 16
    assert [line.raw for line in dataset.tail_events()] == wanted
    assert [line.raw for line in dataset.tail_events(count=5000)] == wanted
    assert [line.raw for line in dataset.tail_events(since=datetime(2000, 1, 1, tzinfo=UTC))] == wanted
