"""What was measured, by workload, and how runs of single workloads come together in one file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.measure import Line


@dataclass(frozen=True, slots=True)
class Taken:
    """When and on what a workload was measured.

    Attributes:
        date: The day.
        commit: Of the repository.
        load: The machine's load average per core, before.
        busy: Whether that is too much for figures to be trusted.
        scale: Which sizes.
        packages: The versions of what took part.
    """

    date: str
    commit: str | None
    load: float
    busy: bool
    scale: str
    packages: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        return {
            "date": self.date,
            "commit": self.commit,
            "load": self.load,
            "busy": self.busy,
            "scale": self.scale,
            "packages": dict(self.packages),
        }


@dataclass(frozen=True, slots=True)
class Measured:
    """One workload: its lines, and when they were taken."""

    workload: str
    lines: tuple[Line, ...]
    taken: Taken


@dataclass(frozen=True, slots=True)
class Results:
    """All workloads that were measured, the machine, and what the peers do not do."""

    measured: tuple[Measured, ...]
    machine: dict[str, Any]
    lacks: dict[str, str]

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines of all workloads."""
        return tuple(line for found in self.measured for line in found.lines)

    def with_later(self, later: Results, *, order: Iterable[str]) -> Results:
        """These results, with those workloads replaced or added that a later run has measured.

        Args:
            later: The later run.
            order: All workloads, as the table has them; one that is not among them any more is left out.
        """
        found = {m.workload: m for m in (*self.measured, *later.measured)}
        measured = tuple(found[name] for name in order if name in found)
        return replace(later, measured=measured, lacks=later.lacks or self.lacks)

    def to_json(self) -> str:
        """Everything, samples included."""
        workloads = {
            found.workload: {
                "taken": found.taken.to_dict(),
                "lines": [line.to_dict() for line in found.lines],
            }
            for found in self.measured
        }
        return (
            json.dumps({"machine": self.machine, "peers": self.lacks, "workloads": workloads}, indent=1)
            + "\n"
        )

    @classmethod
    def read(cls, path: Path) -> Results | None:
        """The results in a file, or None if there is none."""
        if not path.exists():
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
        measured = tuple(
            Measured(name, tuple(Line.from_dict(line) for line in one["lines"]), Taken(**one["taken"]))
            for name, one in found["workloads"].items()
        )
        return cls(measured, found["machine"], found["peers"])
