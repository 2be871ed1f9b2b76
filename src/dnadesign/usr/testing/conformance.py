"""What every implementation of the file-system seam has to do, as checks that any test suite can run.

@pytest.mark.parametrize("check", FILESYSTEM_CHECKS, ids=lambda check: check.__name__)
def test_my_file_system(check, tmp_path):
    check(MyFileSystem(), tmp_path)
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from dnadesign.usr.storage.filesystem import (
    Entry,
    FileSystem,
    copy_range,
    descriptor_path,
    make_dirs,
    opened,
    read_bytes,
    replace_file,
    write_all,
    write_file,
)

FileSystemCheck = Callable[[FileSystem, Path], None]


def _expect(found: object, expected: object, what: str) -> None:
    if found != expected:
        raise AssertionError(f"{what}: expected {expected!r}, found {found!r}")


@contextlib.contextmanager
def _refused(*codes: int, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in codes:
            raise AssertionError(f"{what}: expected errno {codes}, found {error!r}") from error
    else:
        raise AssertionError(f"{what}: expected errno {codes}, found no error")


def a_new_file_holds_what_was_written(fs: FileSystem, folder: Path) -> None:
    """Write, read back in pieces, read over the end."""
    with opened(fs, folder / "file", "create") as file:
        write_all(file, 0, b"hello")
        write_all(file, 5, b" world")
        _expect(file.read_at(0, 100), b"hello world", "all of it")
        _expect(file.read_at(6, 3), b"wor", "a piece")
        _expect(file.read_at(11, 10), b"", "behind the end")
        _expect(file.stat().size, 11, "size")
        file.sync()
    _expect(read_bytes(fs, folder / "file"), b"hello world", "read again")


def writing_behind_the_end_leaves_zeros(fs: FileSystem, folder: Path) -> None:
    """A gap reads as zeros."""
    with opened(fs, folder / "file", "create") as file:
        write_all(file, 3, b"x")
        _expect(file.read_at(0, 9), b"\0\0\0x", "content")


def overwriting_keeps_the_rest(fs: FileSystem, folder: Path) -> None:
    """Bytes around a write stay."""
    write_file(fs, folder / "file", b"abcdef")
    with opened(fs, folder / "file", "write") as file:
        write_all(file, 2, b"XY")
        _expect(file.read_at(0, 9), b"abXYef", "content")


def truncating_cuts_and_extends(fs: FileSystem, folder: Path) -> None:
    """To less, and to more with zeros."""
    with opened(fs, folder / "file", "create") as file:
        write_all(file, 0, b"abcdef")
        file.truncate(2)
        _expect(file.read_at(0, 9), b"ab", "cut")
        file.truncate(4)
        _expect(file.read_at(0, 9), b"ab\0\0", "extended")


def creating_what_is_there_is_refused(fs: FileSystem, folder: Path) -> None:
    """``create`` is exclusive; the file stays as it was."""
    write_file(fs, folder / "file", b"first")
    with _refused(errno.EEXIST, what="create"):
        fs.open(folder / "file", "create")
    _expect(read_bytes(fs, folder / "file"), b"first", "content")


def open_or_create_opens_or_creates(fs: FileSystem, folder: Path) -> None:
    """Both ways lead to the same file."""
    with opened(fs, folder / "file", "open_or_create") as file:
        write_all(file, 0, b"first")
    with opened(fs, folder / "file", "open_or_create") as file:
        _expect(file.read_at(0, 9), b"first", "content")


def opening_what_is_missing_is_refused(fs: FileSystem, folder: Path) -> None:
    """For reading, for writing, and in a folder that is not there."""
    with _refused(errno.ENOENT, what="read"):
        fs.open(folder / "missing", "read")
    with _refused(errno.ENOENT, what="write"):
        fs.open(folder / "missing", "write")
    with _refused(errno.ENOENT, what="create in a missing folder"):
        fs.open(folder / "missing" / "file", "create")
    _expect(read_bytes(fs, folder / "missing"), None, "read_bytes")


def a_file_opened_for_reading_cannot_be_written(fs: FileSystem, folder: Path) -> None:
    """Neither bytes nor size."""
    write_file(fs, folder / "file", b"abc")
    with opened(fs, folder / "file", "read") as file:
        with _refused(errno.EBADF, what="write"):
            file.write_at(0, b"x")
        with _refused(errno.EBADF, errno.EINVAL, what="truncate"):
            file.truncate(0)
    _expect(read_bytes(fs, folder / "file"), b"abc", "content")


def listing_is_sorted_and_tells_folders(fs: FileSystem, folder: Path) -> None:
    """Names with whether they are folders; a missing folder has none."""
    write_file(fs, folder / "b", b"")
    write_file(fs, folder / ".a", b"")
    fs.mkdir(folder / "c")
    _expect(fs.list(folder), [Entry(".a", False), Entry("b", False), Entry("c", True)], "entries")
    _expect(fs.list(folder / "missing"), [], "entries of a missing folder")
    _expect(fs.names(folder), [".a", "b", "c"], "names")
    _expect(fs.names(folder / "missing"), [], "names of a missing folder")
    with _refused(errno.ENOTDIR, what="names of a file"):
        fs.names(folder / "b")
    with _refused(errno.ENOTDIR, what="listing a file"):
        fs.list(folder / "b")


def stat_tells_files_folders_and_nothing(fs: FileSystem, folder: Path) -> None:
    """Size, kind, and identity, which a rename keeps and a replacement does not."""
    write_file(fs, folder / "file", b"abc")
    found = fs.stat(folder / "file")
    if found is None:
        raise AssertionError("stat of a file: expected something, found None")
    _expect((found.size, found.is_dir), (3, False), "file")
    there = fs.stat(folder)
    _expect(there is not None and there.is_dir, True, "folder")
    _expect(fs.stat(folder / "missing"), None, "missing")
    _expect(fs.stat(folder / "file" / "below"), None, "below a file")
    fs.rename(folder / "file", folder / "moved")
    moved = fs.stat(folder / "moved")
    _expect(moved and (moved.device, moved.inode), (found.device, found.inode), "identity after a rename")
    with opened(fs, folder / "moved", "read") as old:  # else its inode could be used again
        replace_file(fs, folder / "moved", b"other", suffix="x")
        replaced = fs.stat(folder / "moved")
        same = replaced is not None and replaced.inode == old.stat().inode
        _expect(same, False, "identity after a replacement")


def making_a_folder_twice_is_fine(fs: FileSystem, folder: Path) -> None:
    """But not without its parent."""
    fs.mkdir(folder / "a")
    fs.mkdir(folder / "a")
    with _refused(errno.ENOENT, what="mkdir without a parent"):
        fs.mkdir(folder / "missing" / "a")
    make_dirs(fs, folder / "x" / "y" / "z")
    _expect(fs.list(folder / "x" / "y"), [Entry("z", True)], "make_dirs")


def only_an_empty_folder_can_be_removed(fs: FileSystem, folder: Path) -> None:
    """And only once."""
    fs.mkdir(folder / "a")
    write_file(fs, folder / "a" / "file", b"")
    with _refused(errno.ENOTEMPTY, errno.EEXIST, what="rmdir of a full folder"):
        fs.rmdir(folder / "a")
    fs.unlink(folder / "a" / "file")
    fs.rmdir(folder / "a")
    with _refused(errno.ENOENT, what="rmdir again"):
        fs.rmdir(folder / "a")


def a_rename_replaces_in_one_step(fs: FileSystem, folder: Path) -> None:
    """The name leads to the new file, an open file stays the old one."""
    write_file(fs, folder / "old", b"old")
    write_file(fs, folder / "new", b"new")
    with opened(fs, folder / "old", "read") as open_old:
        fs.rename(folder / "new", folder / "old")
        _expect(read_bytes(fs, folder / "old"), b"new", "by name")
        _expect(open_old.read_at(0, 9), b"old", "by descriptor")
    _expect(fs.stat(folder / "new"), None, "the source")
    with _refused(errno.ENOENT, what="renaming what is missing"):
        fs.rename(folder / "new", folder / "old")


def a_folder_is_renamed_with_all_in_it(fs: FileSystem, folder: Path) -> None:
    """Also into another folder, but not over one that is not empty."""
    make_dirs(fs, folder / "a" / "b")
    fs.mkdir(folder / "c")
    write_file(fs, folder / "a" / "b" / "file", b"x")
    fs.rename(folder / "a" / "b", folder / "c" / "d")
    _expect(read_bytes(fs, folder / "c" / "d" / "file"), b"x", "content")
    with _refused(errno.ENOTEMPTY, errno.EEXIST, what="renaming over a full folder"):
        fs.rename(folder / "a", folder / "c")


def an_unlinked_file_lives_while_it_is_open(fs: FileSystem, folder: Path) -> None:
    """Its name is gone at once."""
    write_file(fs, folder / "file", b"abc")
    with opened(fs, folder / "file", "read") as file:
        fs.unlink(folder / "file")
        _expect(fs.stat(folder / "file"), None, "by name")
        _expect(file.read_at(0, 9), b"abc", "by descriptor")
    with _refused(errno.ENOENT, what="unlink again"):
        fs.unlink(folder / "file")


def a_lock_excludes_every_other_opening(fs: FileSystem, folder: Path) -> None:
    """It belongs to the open file, and ends with it."""
    with opened(fs, folder / "lock", "open_or_create") as first:
        _expect(first.try_lock(), True, "first")
        _expect(first.try_lock(), True, "the holder again")
        with opened(fs, folder / "lock", "open_or_create") as second:
            _expect(second.try_lock(), False, "second")
            first.unlock()
            _expect(second.try_lock(), True, "second after the first let go")
        _expect(first.try_lock(), True, "first after the second was closed")


def a_descriptor_reads_and_writes_the_same_file(fs: FileSystem, folder: Path) -> None:
    """As libraries do that take a descriptor or its path."""
    with opened(fs, folder / "file", "create") as file:
        write_all(file, 0, b"abcdef")
        _expect(os.pread(file.fd, 9, 0), b"abcdef", "read by descriptor")
        os.pwrite(file.fd, b"XY", 2)
        _expect(file.read_at(0, 9), b"abXYef", "written by descriptor")
        again = os.open(descriptor_path(file), os.O_RDWR)
        try:
            os.pwrite(again, b"Z", 6)
        finally:
            os.close(again)
        _expect(file.stat().size, 7, "written through the descriptor's path")
        write_all(file, 7, b"!")
        _expect(os.pread(file.fd, 9, 0), b"abXYefZ!", "written through the seam")
        file.sync()
    _expect(read_bytes(fs, folder / "file"), b"abXYefZ!", "in the end")


def a_range_is_copied_to_the_same_place(fs: FileSystem, folder: Path) -> None:
    """From one file to another; a source that is too short is an error."""
    write_file(fs, folder / "source", b"0123456789")
    with opened(fs, folder / "source", "read") as source, opened(fs, folder / "target", "create") as target:
        write_all(target, 0, b"abcdef")
        copy_range(source, target, offset=2, count=7)
        _expect(target.read_at(0, 99), b"ab2345678", "content")
        with _refused(errno.EIO, what="copying more than there is"):
            copy_range(source, target, offset=0, count=11)


def a_new_file_takes_the_mode_of_another(fs: FileSystem, folder: Path) -> None:
    """For what replaces a file."""
    with opened(fs, folder / "file", "create") as file:
        like = file.stat()
    modes = (like.mode ^ 0o020, like.mode ^ 0o004)
    for number, mode in enumerate(modes):
        wanted = type(like)(like.device, like.inode, 0, mode, like.group, 0, False)
        with opened(fs, folder / str(number), "create", like=wanted) as file:
            _expect((file.stat().mode, file.stat().group), (mode, like.group), "mode and group")


def closing_twice_is_fine(fs: FileSystem, folder: Path) -> None:
    """And what is closed cannot be read."""
    file = fs.open(folder / "file", "create")
    file.close()
    file.close()
    with _refused(errno.EBADF, what="reading what is closed"):
        file.read_at(0, 1)


def syncing_a_folder_needs_one(fs: FileSystem, folder: Path) -> None:
    """A missing one is an error, and free space is some."""
    fs.sync_dir(folder)
    with _refused(errno.ENOENT, what="sync_dir"):
        fs.sync_dir(folder / "missing")
    _expect(fs.free_bytes(folder) > 0, True, "free bytes")


FILESYSTEM_CHECKS: tuple[FileSystemCheck, ...] = (
    a_new_file_holds_what_was_written,
    writing_behind_the_end_leaves_zeros,
    overwriting_keeps_the_rest,
    truncating_cuts_and_extends,
    creating_what_is_there_is_refused,
    open_or_create_opens_or_creates,
    opening_what_is_missing_is_refused,
    a_file_opened_for_reading_cannot_be_written,
    listing_is_sorted_and_tells_folders,
    stat_tells_files_folders_and_nothing,
    making_a_folder_twice_is_fine,
    only_an_empty_folder_can_be_removed,
    a_rename_replaces_in_one_step,
    a_folder_is_renamed_with_all_in_it,
    an_unlinked_file_lives_while_it_is_open,
    a_lock_excludes_every_other_opening,
    a_descriptor_reads_and_writes_the_same_file,
    a_range_is_copied_to_the_same_place,
    a_new_file_takes_the_mode_of_another,
    closing_twice_is_fine,
    syncing_a_folder_needs_one,
)
