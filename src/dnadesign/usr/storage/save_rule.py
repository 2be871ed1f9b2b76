"""When the keys that a writer knows are worth the writing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # only names in signatures
    from dnadesign.usr.storage.key_index import KeyIndex
    from dnadesign.usr.storage.key_manifest import Manifest


@dataclass(frozen=True, slots=True)
class SaveRule:
    """When keys are worth the writing: once a process that begins would have so much to read beside the cache.

    Attributes:
        files: So many overlay files.
        rows: So many rows, of the base or of overlay files.
        log_bytes: So much of the log.
        share: A file of the cache is not written anew for fewer than this part (1/share) of its rows.
        rows_a_file: For so many rows that have to be written, one more file is waited for.
    """

    files: int = 16
    rows: int = 1 << 16
    log_bytes: int = 1 << 22
    share: int = 16
    rows_a_file: int = 1 << 16

    def wants_keys(self, index: KeyIndex, saved: Manifest | None) -> bool:
        """Whether the base's keys should be written anew; they may be on the disk though the index has them in memory."""
        stored = saved.keys.rows if saved is not None else 0
        return len(index.base) - stored >= max(self.rows, stored // self.share)

    def wants(self, index: KeyIndex, saved: Manifest | None, log_end: int) -> bool:
        """Whether anything should be written."""
        changed = [c for c in index.namespaces.values() if c.new_files]
        files, rows = sum(c.new_files for c in changed), sum(c.new_rows for c in changed)
        to_write = sum(len(c.numbers) for c in changed)
        return (
            self.wants_keys(index, saved)
            or files >= max(self.files, to_write // self.rows_a_file)
            or rows >= max(self.rows, len(index.base) // self.share)
            or (saved is not None and log_end - saved.log.end >= self.log_bytes)
        )
