"""One writer at a time, across threads, processes and what the file system can do; and a lock ends with its holder."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dnadesign.usr.contract.errors import LockTimeout, StorageError, UnsupportedFilesystem
from dnadesign.usr.contract.layout import LOCK
from dnadesign.usr.storage.filesystem import REAL
from dnadesign.usr.storage.lock import SINGLE_WRITER_VARIABLE, check_locks_exclude, exclusive_lock

HOLD = """
import sys
from pathlib import Path
from dnadesign.usr.storage.filesystem import REAL
from dnadesign.usr.storage.lock import exclusive_lock
with exclusive_lock(REAL, Path(sys.argv[1]), timeout=10, tool="holding tool"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the lock until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def is_free(folder: Path) -> bool:
    try:
        with exclusive_lock(REAL, folder, timeout=0):
            return True
    except LockTimeout:
        return False


def test_a_lock_that_stays_taken_is_an_error_that_names_the_owner(tmp_path: Path) -> None:
    waiting = exclusive_lock(REAL, tmp_path, timeout=0.05)
    with holder(tmp_path) as other, pytest.raises(LockTimeout) as caught, waiting:
        raise AssertionError("the lock was had twice")
    message = str(caught.value)
    assert f"holding tool (process {other.pid} on {os.uname().nodename}" in message
    assert "more than 0.05 s" in message
    assert "never delete the file" in message


def test_an_owner_that_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    with exclusive_lock(REAL, tmp_path):
        (tmp_path / LOCK).write_bytes(b"{")
        with (
            pytest.raises(LockTimeout, match="an unknown process"),
            exclusive_lock(REAL, tmp_path, timeout=0),
        ):
            raise AssertionError("the lock was had twice")


def test_a_waiter_gets_the_lock_once_it_is_free(tmp_path: Path) -> None:
    with holder(tmp_path) as other:
        assert other.stdin is not None
        threading.Timer(0.1, other.stdin.close).start()
        with exclusive_lock(REAL, tmp_path, timeout=30):
            pass


def test_a_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    with holder(tmp_path) as other:
        assert not is_free(tmp_path)
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        assert is_free(tmp_path)


def test_two_threads_exclude_each_other(tmp_path: Path) -> None:
    inside, most = 0, 0
    guard = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with exclusive_lock(REAL, tmp_path, timeout=30):
                with guard:
                    inside += 1
                    most = max(most, inside)
                with guard:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def forked_child_that_waits() -> tuple[int, int]:
    """A child of this process, without an exec, that lives until the pipe is written to."""
    wait, go = os.pipe()
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(told, b"x")
        os.read(wait, 1)
        os._exit(0)
    os.read(ready, 1)
    for fd in (wait, ready, told):
        os.close(fd)
    return pid, go


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # a fork beside threads is the point
def test_a_forked_child_does_not_keep_the_lock_that_its_parent_has(tmp_path: Path) -> None:
    with exclusive_lock(REAL, tmp_path, timeout=5):
        pid, go = forked_child_that_waits()
        assert not is_free(tmp_path)  # the child's end of it did not free the parent's
    assert is_free(tmp_path)
    os.write(go, b"x")
    os.close(go)
    os.waitpid(pid, 0)


FORK_AND_DIE = """
import os, sys
from pathlib import Path
from dnadesign.usr.storage.filesystem import REAL
from dnadesign.usr.storage.lock import exclusive_lock
with exclusive_lock(REAL, Path(sys.argv[1]), timeout=10):
    if os.fork() == 0:
        print("child", flush=True)
        sys.stdin.read()
        os._exit(0)
    os.kill(os.getpid(), 9)
"""


def test_a_forked_child_does_not_keep_the_lock_of_a_parent_that_was_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FORK_AND_DIE, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "child\n"
        assert process.wait() == -signal.SIGKILL
        with exclusive_lock(REAL, tmp_path, timeout=10):
            pass
        process.stdin.close()


def test_a_folder_without_write_permission_is_an_error_that_says_reading_works(tmp_path: Path) -> None:
    (tmp_path / LOCK).mkdir()  # what stops root as well
    with (
        pytest.raises(StorageError, match="cannot be opened for locking") as caught,
        exclusive_lock(REAL, tmp_path),
    ):
        pass
    assert "reading does not" in str(caught.value)


ROOT_MOUNT = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw"


def mounts(kind: str, *, options: str = "rw", of_super: str = "rw", point: str = "/mnt/lab") -> str:
    return f"{ROOT_MOUNT}\n40 22 0:50 / {point} {options} shared:2 - {kind} server:/x {of_super}\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (mounts("nfs", of_super="rw,vers=3,nolock,addr=10.0.0.1"), "'nolock'"),
        (mounts("nfs4", of_super="rw,local_lock=all"), "'local_lock=all'"),
        (mounts("nfs", of_super="rw,local_lock=flock"), "'local_lock=flock'"),
        (mounts("lustre", of_super="rw,localflock"), "'localflock'"),
        (mounts("lustre", of_super="rw,lazystatfs"), "without 'flock'"),
        (mounts("lustre", options="rw,noflock", of_super="rw"), "without 'flock'"),
    ],
)
def test_a_mount_whose_locks_are_local_is_refused_and_the_ways_out_named(text: str, reason: str) -> None:
    with pytest.raises(UnsupportedFilesystem, match=reason) as caught:
        check_locks_exclude(Path("/mnt/lab/data"), mounts=text)
    assert f"set {SINGLE_WRITER_VARIABLE}=1" in str(caught.value)
    assert "/mnt/lab (" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        mounts("nfs", of_super="rw,vers=4.2,local_lock=none"),
        mounts("nfs4", of_super="rw,local_lock=posix"),
        mounts("lustre", of_super="rw,flock,lazystatfs"),
        mounts("ext4"),
        mounts("nfs", of_super="rw,nolock", point="/mnt/laboratory"),
        mounts("nfs", of_super="rw,nolock", point="/mnt/lab/data/below"),
        "nonsense\n\n1 2 3 - \n",
    ],
)
def test_a_mount_whose_locks_exclude_other_hosts_is_fine(text: str) -> None:
    check_locks_exclude(Path("/mnt/lab/data"), mounts=text)


def test_the_innermost_and_latest_mount_counts() -> None:
    outer = mounts("nfs", of_super="rw,nolock", point="/mnt")
    check_locks_exclude(Path("/mnt/lab/data"), mounts=outer + mounts("ext4").splitlines()[1])
    over = mounts("ext4") + mounts("nfs", of_super="rw,nolock").splitlines()[1]
    with pytest.raises(UnsupportedFilesystem):
        check_locks_exclude(Path("/mnt/lab/data"), mounts=over)


def test_a_mount_point_with_a_space_is_found() -> None:
    text = mounts("nfs", of_super="rw,nolock", point="/mnt/our\\040lab")
    with pytest.raises(UnsupportedFilesystem):
        check_locks_exclude(Path("/mnt/our lab/data"), mounts=text)


def test_single_writer_mode_is_asked_for_explicitly(monkeypatch: pytest.MonkeyPatch) -> None:
    text = mounts("nfs", of_super="rw,nolock")
    check_locks_exclude(Path("/mnt/lab/data"), mounts=text, single_writer=True)
    monkeypatch.setenv(SINGLE_WRITER_VARIABLE, "1")
    check_locks_exclude(Path("/mnt/lab/data"), mounts=text)
    monkeypatch.setenv(SINGLE_WRITER_VARIABLE, "yes")
    with pytest.raises(UnsupportedFilesystem):
        check_locks_exclude(Path("/mnt/lab/data"), mounts=text)


def test_this_machines_own_mounts_are_read(tmp_path: Path) -> None:
    check_locks_exclude(tmp_path)
