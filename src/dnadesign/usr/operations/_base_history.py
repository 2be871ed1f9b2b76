"""Whether each event that appends to the base, or copies it, begins with the base that the event before it left.

An append says which bytes it kept of the file before, how many bytes it is longer, and how many rows it added; so what
there was before follows, and a line of the log that was taken out, put elsewhere or changed leaves a break. What writes
the base as a whole says nothing of the one before, but takes a snapshot of it first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dnadesign.usr.contract.event_outline import EventOutline
from dnadesign.usr.contract.events import Event
from dnadesign.usr.contract.layout import RECORDS
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.storage.key_index import is_append

_ADDS_ROWS = frozenset(
    {"import_rows", "merge"}
)  # actions whose ``rows`` are those that they added to the base
_TELLS_GROWTH = "import_rows"  # the action whose ``bytes`` are what the base grew by


@dataclass(frozen=True, slots=True)
class Break:
    """An event that does not follow from the one before it.

    Attributes:
        number: Which event of the whole log it is, archived segments included, from 1.
        event_id: Its id.
        message: What it says of the base before it, and what the event before says.
    """

    number: int
    event_id: str | None
    message: str


@dataclass(frozen=True, slots=True)
class _Base:
    """The base as an event left it; sizes in bytes, None where the event does not say."""

    told_by: str
    bytes: int
    data_end: int
    rows: int | None


@dataclass
class _Write:
    """One new base, which all events of its transaction tell of in the same words.

    Attributes:
        entry: The words.
        before: The base before it; None where that is not known.
        number: The first event of them.
        event_ids: The ids of all of them.
        added: How many rows they say that they added; None where one does not say.
    """

    entry: Mapping[str, Any]
    before: _Base | None
    number: int
    event_ids: list[str | None]
    added: int | None = 0

    def after(self) -> _Base | None:
        size, footer, rows = (self.entry.get(name) for name in ("bytes", "footer_bytes", "rows"))
        if not isinstance(size, int):
            return None
        told_by = f"event {self.number} (id {self.event_ids[0]})"
        data_end = size - footer if isinstance(footer, int) else size
        return _Base(told_by, size, data_end, rows if isinstance(rows, int) else None)


@dataclass
class BaseHistory:
    """The fold of what the events say of the base."""

    _breaks: list[Break] = field(default_factory=list)
    _last: _Write | None = None

    def breaks(self) -> list[Break]:
        """The events that do not follow from the ones before them, in order."""
        return [*self._breaks, *_rows_missing(self._last)]

    def forget(self) -> None:
        """An event may have written the base and does not say how: what comes next cannot be held against it."""
        self._breaks += _rows_missing(self._last)
        self._last = None

    def add(self, entry: Mapping[str, Any], event: Event | EventOutline, number: int) -> None:
        """Fold in that an event wrote the base.

        Args:
            entry: What it says of the new one.
            event: The event.
            number: Which event of the whole log it is.
        """
        last = self._last
        if last is None or last.entry != entry:
            self._breaks += _rows_missing(last)
            before = last.after() if last is not None else None
            last = self._last = _Write(entry, before, number, [])
        last.event_ids.append(event.event_id)
        metrics = event.metrics if is_append(entry) else {}
        added = metrics.get("rows") if event.action in _ADDS_ROWS else None
        added = 0 if event.action == "registry_freeze" else added
        last.added = last.added + added if last.added is not None and isinstance(added, int) else None
        grown = metrics.get("bytes") if event.action == _TELLS_GROWTH else None
        if is_append(entry) and last.before is not None:
            self._breaks += [
                Break(number, event.event_id, message) for message in _misfits(entry, last.before, grown)
            ]

    def copied(self, event: Event | EventOutline, number: int) -> None:
        """Hold the size and rows of a snapshot against the base that it is a copy of."""
        base = self._last.after() if self._last is not None else None
        if base is None:
            return
        metrics = event.metrics
        for name, unit, there in (("bytes", "byte", base.bytes), ("rows", "row", base.rows)):
            found = metrics.get(name)
            if isinstance(found, int) and there is not None and found != there:
                message = f"copied a base of {counted(found, unit)}; {base.told_by} left one of {there}"
                self._breaks.append(Break(number, event.event_id, message))
                return


def _misfits(entry: Mapping[str, Any], before: _Base, grown: object) -> Iterator[str]:
    """What an append says of the file before it that is not what that was."""
    kept, size = entry.get("prefix_bytes"), entry.get("bytes")
    if not isinstance(size, int) or not isinstance(kept, int):
        yield f"does not say how many bytes it kept of the base that {before.told_by} left"
    elif isinstance(grown, int) and size - grown != before.bytes:
        yield f"appended to a base of {counted(size - grown, 'byte')}; {before.told_by} left one of {before.bytes}"
    elif kept > before.data_end:
        yield (
            f"kept the first {counted(kept, 'byte')} of the base; "
            f"{before.told_by} left one with {before.data_end} before its footer"
        )


def _rows_missing(write: _Write | None) -> list[Break]:
    """Where an append and the rows that it added do not give the rows that the base has then."""
    if write is None or write.before is None or not is_append(write.entry):
        return []
    rows, before, added = write.entry.get("rows"), write.before.rows, write.added
    if before is None or added is None or not isinstance(rows, int) or rows == before + added:
        return []
    message = (
        f"added {counted(added, 'row')} to a base that has {rows} then; {write.before.told_by} left {before}"
    )
    return [Break(write.number, write.event_ids[0], message)]


def tells_nothing_of_base(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of an event's files cannot be, or have in it, the base: false for files folded with it."""
    path = str(entry.get("path", ""))
    return path != RECORDS and not ("files" in entry and path == "")
