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
        share: The keys of the base are not written anew for fewer than this part (1/share) of them.
        between: About how many rows come between two saves.
    """

    files: int = 16
    rows: int = 1 << 16
    log_bytes: int = 1 << 22
    share: int = 16
    between: int = 1 << 14

    def wants_keys(self, index: KeyIndex, saved: Manifest | None) -> bool:
        """Whether the base's keys should be written anew; they may be on the disk though the index has them in memory."""
        stored = saved.keys.rows if saved is not None else 0
        return len(index.base) - stored >= max(self.rows, stored // self.share)

    def wants_whole(self, rows: int, later: int) -> bool:
        """Whether all of a coverage should be written anew, rather than the rows that came after its first file was.

        These are written again with every save, so that all is written anew once they are about as many as the square
        root of all rows times the rows between two saves: then both take as long, and the sum is least.

        Args:
            rows: How many base rows the coverage is of.
            later: How many came later.
        """
        return later * later > rows * self.between

    def wants(self, index: KeyIndex, saved: Manifest | None, log_end: int) -> bool:
        """Whether anything should be written."""
        changed = [c for c in index.namespaces.values() if c.new_files]
        files, rows = sum(c.new_files for c in changed), sum(c.new_rows for c in changed)
        return (
            self.wants_keys(index, saved)
            or files >= self.files
            or rows >= max(self.rows, len(index.base) // self.share)
            or (saved is not None and log_end - saved.log.end >= self.log_bytes)
        )
