"""Small private files that are whole or not there, also after a power cut; and locks that die with their holder."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dnadesign.notify.contract.errors import StateFileError

_MOST_BYTES = 1 << 24  # of a file that is read back; what is written is far shorter
_FILE_MODE = 0o600
_FOLDER_MODE = 0o700
CONFIG_MEND = "profiles and their secrets are kept there; name another folder with XDG_CONFIG_HOME"
_STATE_MEND = "the state is kept there; name another folder with --state-dir or XDG_STATE_HOME"


def make_private_folder(folder: Path, *, mend: str = _STATE_MEND) -> None:
    """Make a folder that only its owner can look into, with its parents.

    Args:
        folder: The folder.
        mend: What to do where the system refuses it.

    Raises:
        StateFileError: The system refuses it.
    """
    try:
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(mode=_FOLDER_MODE, exist_ok=True)
            _sync_folder(path.parent)
    except OSError as error:
        raise _refused(folder, error, mend=mend) from None


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Write a JSON file of mode 0600 so that a reader sees the old or the new one, and a crash keeps either whole.

    Raises:
        StateFileError: The system refuses it; the old file is still there.
    """
    data = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise _refused(path, error) from None


def read_json(path: Path) -> dict[str, object] | None:
    """The JSON object in a file; None where there is no file.

    Raises:
        StateFileError: It cannot be read, or is not a JSON object.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refused(path, error) from None
    try:
        value = json.loads(text) if len(text) <= _MOST_BYTES else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise StateFileError(
            f"{path} is not a JSON object of at most {_MOST_BYTES:,} bytes",
            mend="move the file away; it was changed or damaged",
        )
    return value


def remove_file(path: Path) -> None:
    """Remove a file, durably; one that has gone already is as good.

    Raises:
        StateFileError: The system refuses it.
    """
    try:
        path.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise _refused(path, error) from None


@contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold the flock on a file (made where missing); False inside if somebody else holds it and we do not wait."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
    except OSError as error:
        raise _refused(path, error) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            held = True
        except BlockingIOError:
            held = False
        except OSError as error:
            raise _refused(path, error) from None
        yield held
    finally:
        os.close(descriptor)


def next_number(path: Path, *, least: int) -> int:
    """A number of at least ``least`` and above all that the file gave out before, to whichever process.

    Not made durable: after a power cut ``least`` must be enough to go on from.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            last = os.pread(descriptor, 40, 0).strip()
            number = max(least, int(last) + 1 if last.isdigit() else 0)
            os.pwrite(descriptor, b"%039d\n" % number, 0)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _refused(path, error) from None
    return number


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refused(path: Path, error: OSError, *, mend: str = _STATE_MEND) -> StateFileError:
    return StateFileError(f"{path}: {error.strerror or type(error).__name__}", mend=mend)
