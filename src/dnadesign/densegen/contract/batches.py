"""How the work of a run is split and numbered: shards, batches, attempts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dnadesign.densegen.contract.errors import DensegenError

_SHARD = re.compile(r"([0-9]+)/([0-9]+)")


class ShardError(DensegenError):
    """A shard that is not written as ``i/n`` with 0 <= i < n."""

    code = "shard"
    exit_status = 2


@dataclass(frozen=True, slots=True)
class Shard:
    """Part ``index`` (0-based) of ``count`` parts that a run is split into."""

    index: int = 0
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``i/n``, 0-based as everywhere in usr.

        Raises:
            ShardError: It is not of that form, or i is not below n.
        """
        match = _SHARD.fullmatch(text)
        if not match or not int(match[1]) < int(match[2]):
            raise ShardError(
                f"--shard {text}: expected i/n with i from 0 to n-1, such as 0/8",
                mend="in a job array that counts from 1, pass $((TASK - 1))/8",
            )
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        """As written on the command line."""
        return f"{self.index}/{self.count}"

    def quota(self, whole: int) -> int:
        """This shard's share of a quota; the shares of all shards add up to it."""
        return whole // self.count + (self.index < whole % self.count)

    def owns(self, library_index: int) -> bool:
        """Whether that library is this shard's to try."""
        return library_index % self.count == self.index

    def library(self, ordinal: int) -> int:
        """The index of this shard's library number ``ordinal`` (from 0)."""
        return self.index + ordinal * self.count

    @property
    def name(self) -> str:
        """Spelled for file names."""
        return f"shard-{self.index}-of-{self.count}"


def batch_id(run_id: str, shard: Shard, plan: str, number: int) -> str:
    """The name of flush ``number`` (from 1) of a plan; the same work has the same name, however often it is tried."""
    return f"{run_id}:{shard.index}-of-{shard.count}:{plan}:{number:06d}"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A point in the work on a plan: the next packing to look at is ``solution`` of ``library``."""

    library: int
    solution: int = 0


def attempt_id(position: Position, *, solutions_per_library: int) -> int:
    """One number for a position; unique within a plan, and it gives the position back."""
    return position.library * solutions_per_library + position.solution


def position_of(attempt: int, *, solutions_per_library: int) -> Position:
    """The position that has this attempt number."""
    return Position(*divmod(attempt, solutions_per_library))
