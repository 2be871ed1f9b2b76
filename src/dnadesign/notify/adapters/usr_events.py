"""The only door to usr: reads the committed events of a dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from dnadesign.notify.contract.errors import LogChanged, NotFound, SourceError
from dnadesign.notify.contract.events import SourceLine, event_from_line, skim_line
from dnadesign.usr import EventFollower, EventLogError, LogLine, LogPosition, SequencesError


class UsrEventSource:
    """The committed lines of one event log, from a place in it on.

    Args:
        position: Where to go on, as ``place`` gave it; None for the beginning or the end.
        start: Where to begin without a position.
        on_truncation: What to do when the log is not the one that the position knows.
    """

    def __init__(
        self,
        events_path: Path,
        *,
        position: Mapping[str, object] | None,
        start: Literal["start", "end"],
        on_truncation: Literal["error", "restart"],
    ) -> None:
        self._events_path = events_path
        self._dataset = events_path.parent.name
        try:
            known = LogPosition.from_dict(dict(position)) if position is not None else None
            self._follower = EventFollower(
                events_path, position=known, start=start, on_truncation=on_truncation, parse=False
            )
        except (SequencesError, OSError) as error:
            raise self._translated(error) from None

    def poll(self, most: int) -> list[SourceLine]:
        """At most so many lines that have come since; empty when there are none now."""
        try:
            lines = self._follower.poll(most)
        except (SequencesError, OSError) as error:
            raise self._translated(error) from None
        paths = {path: str(path) for path in {line.path for line in lines}}
        return [_source_line(line, dataset=self._dataset, path=paths[line.path]) for line in lines]

    def here(self) -> Mapping[str, object] | None:
        """The place where the next look goes on; None where nothing has been read and it is the beginning."""
        position = self._follower.position
        return position.to_dict() if position is not None else None

    def place(self, line: SourceLine) -> Mapping[str, object]:
        """The place behind a line, as JSON values to go on from later."""
        if not isinstance(line.behind, LogLine):
            raise TypeError("the line is not one of this source")
        return line.behind.after.to_dict()

    def close(self) -> None:
        """Close the log."""
        self._follower.close()

    def _translated(self, error: SequencesError | OSError) -> Exception:
        if isinstance(error, EventLogError):
            return LogChanged(
                f"{error.message}",
                mend="if the log was replaced on purpose: --on-truncation restart, or --from start or --from end",
            )
        if isinstance(error, SequencesError):
            return SourceError(error.message, mend=error.mend)
        return SourceError(f"{self._events_path}: {error.strerror or type(error).__name__}")


def events_path_of(root: Path, dataset: str) -> Path:
    """The event log of a dataset.

    Raises:
        NotFound: The name is not one that a dataset can have.
    """
    # Heavy: it loads pyarrow, which only who names a dataset needs.
    from dnadesign.usr import Dataset

    try:
        return Dataset(root, dataset).events_path
    except SequencesError as error:
        raise NotFound(error.message, mend=error.mend) from None


def _source_line(line: LogLine, *, dataset: str, path: str) -> SourceLine:
    # Known by its beginning where that will do: most events are counted or filtered out, and never read in full. What is no
    # event for usr may be one for us, that of a later version.
    event = skim_line(line.raw) if line.error is None else None
    if event is not None:
        return SourceLine(event, None, path, line.offset, line)
    event = event_from_line(line.raw, dataset=dataset, event_id=_made_up_id(line))
    problem = (
        line.error.message.removeprefix(f"{path}, byte {line.offset}: ")  # whoever tells it says where
        if line.error is not None
        else "it is not JSON, or lacks an action or a timestamp_utc"
    )
    return SourceLine(
        event=event,
        problem=None if event is not None else problem,
        path=path,
        offset=line.offset,
        behind=line,
    )


def _made_up_id(line: LogLine) -> str:
    """An id for an event of an older tool: the same whenever the line is read."""
    return f"line-{hashlib.sha256(b'%d %b' % (line.offset, line.raw)).hexdigest()[:32]}"
