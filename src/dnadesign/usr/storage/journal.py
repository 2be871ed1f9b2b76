"""Stage, commit by event, apply, recover: how a change becomes durable, whole and exactly once.

The order of the steps is the whole point; each sync here was shown to be needed:

1. Stage files under ``.usr`` (hidden) and sync each.
2. Under the lock, after recovery: write the intent hidden beside them, sync it, rename it into place, sync the
   folder, which has all these names.
3. Write the event lines at the log's end and sync the log. *This is the commit.* Rename the intent to its
   synced name, which tells readers that the event counts. The folder is synced once more only where nothing that
   is done next would tell them so after a power cut (see ``Intent.shows``).
4. Apply: moves, removes, publishes (base first); sync the folders touched; only then remove the intent.

Recovery looks at the intent and at the log's bytes, never at anything else, and so needs no guess.
"""

from __future__ import annotations

import contextlib
import errno
import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from dnadesign.usr.contract.errors import (
    CommitOutcomeUnknown,
    CorruptFileError,
    EventLogError,
    SequencesError,
    StorageError,
)
from dnadesign.usr.contract.layout import EVENTS, INTENT, INTENT_SYNCED, PRIVATE, TORN
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.storage.filesystem import (
    FileStat,
    FileSystem,
    OpenFile,
    make_dirs,
    opened,
    write_all,
    write_file,
)
from dnadesign.usr.storage.intent import Intent, Publish, read_intent
from dnadesign.usr.storage.log_lines import last_line_end
from dnadesign.usr.storage.staging import Staging, hash_file, hash_range, remove_dead_staging

_log = logging.getLogger("dnadesign.usr")
_COPY_BYTES = 1 << 20
_SPARE_BYTES = 1 << 20  # free space that a commit leaves for its own log line, intent and folders


def commit(fs: FileSystem, dataset: Path, staging: Staging, intent: Intent) -> None:
    """Make one change durable and visible; the caller holds the lock and has recovered.

    Args:
        fs: The file system.
        dataset: The dataset's folder.
        staging: The staged files that the intent publishes.
        intent: What to write and do; its ``log_offset`` is the length of the log now.

    Raises:
        StorageError: The change failed and left nothing behind.
        CommitOutcomeUnknown: The event could neither be made durable nor taken back.
    """
    staging.check_process()
    try:
        _write_intent(fs, dataset, intent)
    except BaseException as error:
        _drop(fs, (dataset / INTENT, _hidden(dataset, intent)))
        if isinstance(error, OSError):
            raise storage_error(error, dataset) from error
        raise
    staging.keep(intent.publishes)  # recovery drops or publishes them from here on
    _write_events(fs, dataset, intent)
    _tell_readers(fs, dataset, intent)
    try:
        apply(fs, dataset, intent, again=False)
        fs.unlink(dataset / INTENT_SYNCED)
    except OSError as error:  # committed: the next lock does what is left, readers count it already
        _keep_told(fs, dataset, intent)  # no file with its name may show it
        _log.warning("%s: change %s is committed; finishing it is left to the next writer (%s)",
                     dataset, intent.txid, error)  # fmt: skip


def _write_intent(fs: FileSystem, dataset: Path, intent: Intent) -> None:
    hidden = _hidden(dataset, intent)
    write_file(fs, hidden, intent.to_bytes())
    fs.rename(hidden, dataset / INTENT)
    fs.sync_dir(dataset / PRIVATE)


def _hidden(dataset: Path, intent: Intent) -> Path:
    return dataset / PRIVATE / f".intent-{intent.txid}"


def _drop(fs: FileSystem, paths: Iterable[Path]) -> None:
    """Remove what no event names; what stays is dropped by the next recovery: the log lacks the intent's bytes."""
    for path in paths:
        with contextlib.suppress(OSError):
            fs.unlink(path)


def _write_events(fs: FileSystem, dataset: Path, intent: Intent) -> None:
    log: OpenFile | None = None
    begun = False
    try:
        log = fs.open(dataset / EVENTS, "write")
        _check_log_is_ours(log, dataset, intent)
        begun = True
        write_all(log, intent.log_offset, intent.event_bytes)
        log.sync()
    except BaseException as error:
        if log is not None and begun:  # else it may have what is another's
            _take_back(log, dataset, intent, error)
        if _is_pending(fs, dataset, intent):
            _drop(fs, [dataset / INTENT])
        _drop(fs, (dataset / publish.staged for publish in intent.publishes))
        if isinstance(error, OSError):
            raise EventLogError(
                f"{dataset / EVENTS}: the event could not be written ({error.strerror or error}), so the change was "
                "not made",
                mend="see to disk space, quota and permissions, then repeat the change",
            ) from error
        raise
    finally:
        if log is not None:
            log.close()


def _is_pending(fs: FileSystem, dataset: Path, intent: Intent) -> bool:
    """Whether the intent in place is this one, and not one of whoever came in spite of the lock."""
    try:
        found = read_intent(fs, dataset)
    except (OSError, SequencesError):
        return False  # recovery will look at it
    return found is not None and found.txid == intent.txid


def _check_log_is_ours(log: OpenFile, dataset: Path, intent: Intent) -> None:
    """Refuse to write over what another has appended since the lock was taken, which shows that the lock is none."""
    size = log.stat().size
    if size != intent.log_offset:
        raise EventLogError(
            f"{dataset / EVENTS}: the log went from {intent.log_offset:,} bytes to {size:,} while its lock was held "
            "here, so the change was not made",
            mend="something writes to the log that does not hold the lock, or locks do not reach all hosts on this file "
            "system: have one process at a time write to the dataset, then run 'usr events verify'",
        )


def _tell_readers(fs: FileSystem, dataset: Path, intent: Intent) -> None:
    """Give the intent its synced name: readers count what was committed from now on, also after a power cut."""
    try:
        fs.rename(dataset / INTENT, dataset / INTENT_SYNCED)
    except OSError as error:
        raise _not_told(dataset, intent, error) from error
    if not intent.shows:
        _keep_told(fs, dataset, intent)


def _keep_told(fs: FileSystem, dataset: Path, intent: Intent) -> None:
    """Have the intent's synced name on the disk."""
    try:
        fs.sync_dir(dataset / PRIVATE)
    except OSError as error:
        raise _not_told(dataset, intent, error) from error


def _not_told(dataset: Path, intent: Intent, error: OSError) -> CommitOutcomeUnknown:
    return CommitOutcomeUnknown(
        f"{dataset / EVENTS}: the event of change {intent.txid} is written, but readers may not count it yet ({error})",
        mend="the next writer settles it; then look for the change in the log by its txid or batch_id",
    )


def _take_back(log: OpenFile, dataset: Path, intent: Intent, cause: BaseException) -> None:
    try:
        if log.stat().size > intent.log_offset + len(intent.event_bytes):
            raise OSError(errno.EBUSY, "another has written behind it, in spite of the lock")
        log.truncate(intent.log_offset)
        log.sync()
    except OSError as error:
        raise CommitOutcomeUnknown(
            f"{dataset / EVENTS}: the event of change {intent.txid} could not be written ({cause}) and not be taken "
            f"back ({error})",
            mend="the next writer settles it; then look for the change in the log by its txid or batch_id",
        ) from cause


def storage_error(error: OSError, dataset: Path) -> StorageError:
    """An error of the operating system as ours, with what to do about it."""
    where = error.filename if isinstance(error.filename, str) else str(error.filename or dataset)
    mends = {
        errno.ENOSPC: "free some disk space, then repeat the change",
        errno.EDQUOT: "your disk quota is used up: free some space, then repeat the change",
        errno.EACCES: "writing needs write permission in the dataset's folder",
        errno.EROFS: "the file system is mounted read-only",
    }
    mend = mends.get(error.errno or 0, "look at the disk and the system's log, then repeat the change")
    return StorageError(f"{where}: {error.strerror or error}; nothing was changed", mend=mend)


def check_space(fs: FileSystem, dataset: Path, needed: int) -> None:
    """Refuse a change that the disk has no room for, before anything is written.

    Raises:
        StorageError: Fewer than ``needed`` bytes and some spare ones are free.
    """
    free = fs.free_bytes(dataset)
    if free < needed + _SPARE_BYTES:
        raise StorageError(
            f"{dataset}: {needed + _SPARE_BYTES:,} bytes are needed and {free:,} are free; nothing was changed",
            mend="free some disk space, then repeat the change",
        )


def apply(fs: FileSystem, dataset: Path, intent: Intent, *, again: bool) -> None:
    """Do the renames of a committed intent; doing it again changes nothing.

    Args:
        fs: The file system.
        dataset: The dataset's folder.
        intent: The committed intent.
        again: After a crash, when some renames may be done and the folders made may not be durable.
    """
    touched: dict[Path, None] = {}
    for move in intent.moves:
        target = dataset / move.target
        make_dirs(fs, target.parent, sure_below=dataset if again else None)
        if not again or fs.stat(target) is None:
            if again and fs.stat(dataset / move.source) is None:
                raise _lost(dataset, move.target, move.source, intent)
            fs.rename(dataset / move.source, target)
        touched |= {target.parent: None, (dataset / move.source).parent: None}
    for remove in intent.removes:
        with contextlib.suppress(FileNotFoundError):  # removed before the crash
            fs.unlink(dataset / remove.target)
        touched[(dataset / remove.target).parent] = None
    for publish in sorted(intent.publishes, key=_base_first):
        target = dataset / publish.target
        make_dirs(fs, target.parent, sure_below=dataset if again else None)
        if not again or fs.stat(dataset / publish.staged) is not None:
            fs.rename(dataset / publish.staged, target)
        elif not _published(fs, target, publish):
            raise _lost(dataset, publish.target, publish.staged, intent)
        touched[target.parent] = None
    for folder in touched:
        fs.sync_dir(folder)


def _base_first(publish: Publish) -> bool:
    return "/" in publish.target


def _published(fs: FileSystem, target: Path, publish: Publish) -> bool:
    """Whether a file is the one that was staged, and not one that it was to replace."""
    found = fs.stat(target)
    if found is None or found.size != publish.bytes:
        return False
    return publish.sha256 is None or hash_file(fs, target)[1] == publish.sha256


def _lost(dataset: Path, target: str, source: str, intent: Intent) -> CorruptFileError:
    return CorruptFileError(
        f"{dataset / target}: change {intent.txid} is committed, but what it names so is neither there nor at {source}",
        mend=f"put it back from a backup under one of the two names ({_described(intent, target)}), then run "
        "'usr maintenance recover' in the dataset",
    )


def _described(intent: Intent, target: str) -> str:
    """What the file has to be, as far as the intent says."""
    publish = next((p for p in intent.publishes if p.target == target), None)
    if publish is None:
        return "what lay there before the change"
    return f"{publish.bytes} bytes" + (f", sha256 {publish.sha256}" if publish.sha256 is not None else "")


def recover(
    fs: FileSystem, dataset: Path, *, warn: bool = True, sound_log: FileStat | None = None
) -> list[str]:
    """Finish or undo what a writer that died left behind; the caller holds the lock.

    Idempotent, appends no event, and never guesses: the log's bytes at the intent's offset decide.

    Args:
        fs: The file system.
        dataset: The dataset's folder.
        warn: Log a warning where bytes are cut off the log; not for those who show what is returned.
        sound_log: The log when it was known to end in a whole event, if it was: the same file needs no second look.

    Returns:
        What was found and done, a sentence each; nothing where nothing was left behind.

    Raises:
        CorruptFileError: The intent, or a file it needs, is damaged or gone.
        EventLogError: The log is damaged in a way that no crash leaves.
    """
    done: list[str] = []
    # The folder first: on NFS a name once looked for in vain stays unknown for seconds, until its folder is opened.
    private = fs.names(dataset / PRIVATE)
    # Again and again: a power cut may bring back one that was done before.
    while (intent := read_intent(fs, dataset)) is not None:
        done.append(_settle(fs, dataset, intent))
        private = fs.names(dataset / PRIVATE)
    torn = _cut_torn_tail(fs, dataset, sound_log)
    if torn is not None:
        done.append(torn)
        if warn:
            _log.warning("%s: %s", dataset, torn)
    for name in private:
        if name.startswith(".intent-"):
            fs.unlink(dataset / PRIVATE / name)
    dead = remove_dead_staging(fs, dataset, private)
    if dead:
        done.append(f"removed {counted(dead, 'file')} staged by writers that died before they committed")
    return done


def _settle(fs: FileSystem, dataset: Path, intent: Intent) -> str:
    """Finish a committed change, or drop one that was not; what was done, as a sentence."""
    landed = _log_was_moved(fs, dataset, intent) or _landed(fs, dataset, intent)
    if not landed:
        for publish in intent.publishes:
            with contextlib.suppress(FileNotFoundError):  # dropped by an earlier recovery
                fs.unlink(dataset / publish.staged)
        fs.unlink(dataset / INTENT)
        return f"dropped change {intent.txid}: its writer died before its event was on the disk"
    if not intent.synced:
        fs.rename(dataset / INTENT, dataset / INTENT_SYNCED)
    fs.sync_dir(dataset / PRIVATE)
    apply(fs, dataset, replace(intent, synced=True), again=True)
    fs.unlink(dataset / INTENT_SYNCED)
    return f"finished change {intent.txid}: it was committed, and its writer died before all files had their names"


def _log_was_moved(fs: FileSystem, dataset: Path, intent: Intent) -> bool:
    """Whether the log was archived by this very change, which proves that its event had been committed before."""
    return any(move.source == EVENTS and fs.stat(dataset / move.target) is not None for move in intent.moves)


def _landed(fs: FileSystem, dataset: Path, intent: Intent) -> bool:
    """Whether the log has the intent's bytes, which are made durable then; else the log is cut to where it was."""
    with opened(fs, dataset / EVENTS, "write") as log:
        size = log.stat().size
        end = intent.log_offset + len(intent.event_bytes)
        landed = size >= end and log.read_at(intent.log_offset, len(intent.event_bytes)) == intent.event_bytes
        if landed:
            # Pages that a failed sync has marked clean: dirty again.
            write_all(log, intent.log_offset, intent.event_bytes)
            log.sync()
        elif intent.synced or size < intent.log_offset:
            raise EventLogError(
                f"{dataset / EVENTS}: the log lacks bytes from offset {min(size, intent.log_offset)} that were on the "
                f"disk when change {intent.txid} was made",
                mend="restore the log from a backup, then run 'usr maintenance recover'",
            )
        else:
            log.truncate(intent.log_offset)
            log.sync()
    return landed


def _cut_torn_tail(fs: FileSystem, dataset: Path, sound: FileStat | None) -> str | None:
    """Save and cut off bytes after the last newline: they were never acknowledged.

    The log is opened in any case: on NFS that tells how long it is now, where a look at its name may tell an older size.
    """
    try:
        log = fs.open(dataset / EVENTS, "write")
    except FileNotFoundError:
        return None
    try:
        found = log.stat()
        size = found.size
        end = size if found == sound else last_line_end(log, size)
        if end == size:
            return None
        make_dirs(fs, dataset / TORN, sure_below=dataset)  # a recovery that was killed may have made it
        torn = _save_tail(fs, dataset, log, end, size)
        log.truncate(end)
        log.sync()
        return (
            f"cut {counted(size - end, 'byte')} after the last whole event off the log, saved in {torn}; "
            "'usr events verify' tells whether the log and the files are in order"
        )
    finally:
        log.close()


def _save_tail(fs: FileSystem, dataset: Path, log: OpenFile, start: int, end: int) -> Path:
    """Copy bytes of the log into a file of their own, named by their place and hash, in bounded memory."""
    torn = dataset / TORN / f"events-at-{start}-{hash_range(log, start, end)[:16]}"
    with contextlib.suppress(FileNotFoundError):  # what an earlier recovery, cut short, may have left
        fs.unlink(torn)
    with opened(fs, torn, "create") as saved:
        for at in range(start, end, _COPY_BYTES):  # a tail may be longer than the memory
            write_all(saved, at - start, log.read_at(at, min(_COPY_BYTES, end - at)))
        saved.sync()
    fs.sync_dir(torn.parent)
    return torn


def log_length(fs: FileSystem, dataset: Path) -> int:
    """The length of the log in bytes; the caller holds the lock and has recovered."""
    found = fs.stat(dataset / EVENTS)
    return found.size if found else 0


def events_of(lines: Iterable[bytes]) -> bytes:
    """Event lines as the bytes that one commit writes."""
    data = b"".join(lines)
    if not data.endswith(b"\n"):
        raise SequencesError(
            "an event line must end in a newline", mend="this is a fault of the library: please report it"
        )
    return data
