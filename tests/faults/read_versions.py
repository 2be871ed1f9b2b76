"""What readers saw beside a writer, held against the log: each read is one committed version, and none that is over.

The writer keeps what it committed: when, up to which event of the log, and how the dataset has to look from then on.
Each reader keeps what it saw and when it looked. Clocks are those of one machine, so that they can be compared.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from dnadesign.usr import Dataset
from dnadesign.usr.contract.layout import RECORDS, overlay_of
from dnadesign.usr.operations._accounts import Accounts


@dataclass(frozen=True)
class Commit:
    """A version that a writer committed.

    Attributes:
        began: When the call that made it began; seconds.
        ended: When that call returned.
        events: How many events the log has with it.
        looks: The digest of what each kind of read has to see.
    """

    began: float
    ended: float
    events: int
    looks: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Read:
    """What a reader saw.

    Attributes:
        kind: How it read.
        began: When it began to; seconds.
        ended: When it had.
        saw: The digest of it.
        events: How many events of the log it says that it is of, where it does.
    """

    kind: str
    began: float
    ended: float
    saw: str
    events: int | None = None


def digest_of(seen: Any) -> str:
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()


def write_lines(path: Path, found: Iterable[Commit | Read]) -> None:
    path.write_text("".join(json.dumps(asdict(one)) + "\n" for one in found), encoding="utf-8")


def read_lines[T: (Commit, Read)](path: Path, kind: type[T]) -> list[T]:
    return [kind(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def with_files(found: Dataset, commits: Sequence[Commit]) -> list[Commit]:
    """The commits, with the digest of the files that the log tells of up to each."""
    accounts, events, whole = Accounts(), found.events(), list[Commit]()
    for one in commits:
        while accounts.events < one.events and (event := next(events, None)) is not None:
            accounts.add(event)
        sizes = {path: account.bytes for path, account in accounts.files.items()}
        whole.append(replace(one, looks={**one.looks, "files": files_digest(sizes)}))
    return whole


def files_digest(sizes: Mapping[str, int | None]) -> str:
    """The digest of the base and the overlays, by their paths and sizes."""
    return digest_of({p: size for p, size in sizes.items() if p == RECORDS or overlay_of(p) is not None})


def problems_of_commits(commits: Sequence[Commit], events: int) -> list[str]:
    """What is wrong with the versions that a writer says it committed: the log has just these."""
    ends = [one.events for one in commits]
    problems = [] if ends == sorted(set(ends)) else [f"a commit left no event: {ends}"]
    return problems if ends[-1:] == [events] else [*problems, f"the log has {events} events, not {ends[-1:]}"]


def problems_of_reads(commits: Sequence[Commit], reads: Iterable[Read]) -> list[str]:
    """Reads of one reader, in their order, that are no version, one that was over, or one before that of the last read."""
    problems, last = [], 0
    for read in reads:
        same = [n for n, one in enumerate(commits) if is_version(read, one)]
        current = [n for n in same if is_current(read, commits, n)]
        later = [n for n in current if n >= last]
        if not same:
            problems.append(f"{read} is no committed version")
        elif not current:
            problems.append(f"{read} is version {same}, which was not current then")
        elif not later:
            problems.append(f"{read} is version {current}, and version {last} was read before it")
        else:
            last = later[0]
    return problems


def is_version(read: Read, commit: Commit) -> bool:
    return commit.looks[read.kind] == read.saw and read.events in (None, commit.events)


def is_current(read: Read, commits: Sequence[Commit], number: int) -> bool:
    """Whether a version may have been the newest at some moment of a read."""
    over = commits[number + 1].ended if number + 1 < len(commits) else float("inf")
    return commits[number].began <= read.ended and read.began <= over
