"""What validation found: one line a check, for people and for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from dnadesign.usr.contract.errors import RegistryError, SchemaError, SequencesError, ValidationError
from dnadesign.usr.contract.wording import counted

Result = Literal["ok", "note", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check and what came of it.

    Attributes:
        check: What was checked, such as ``base.ids``.
        result: ``ok``, ``note`` (worth knowing, not wrong) or ``failed``.
        where: The file, with row and column where there is one.
        message: What was found.
        mend: What to do about it.
    """

    check: str
    result: Result
    where: str
    message: str = ""
    mend: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {
            "check": self.check,
            "result": self.result,
            "where": self.where,
            "message": self.message,
            "mend": self.mend,
        }


_KINDS: dict[str, type[ValidationError]] = {"registry": RegistryError, "schema": SchemaError}


@dataclass
class Report:
    """All findings of one validation, of one committed version."""

    dataset: str
    registry_mode: str
    rows: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.problems

    @property
    def problems(self) -> list[Finding]:
        """What failed."""
        return [f for f in self.findings if f.result == "failed"]

    def passed(self, check: str, where: str, message: str = "") -> None:
        """Note a check that held."""
        self.findings.append(Finding(check, "ok", where, message))

    def note(self, check: str, where: str, message: str, mend: str | None = None) -> None:
        """Note something worth knowing."""
        self.findings.append(Finding(check, "note", where, message, mend))

    def failed(self, check: str, where: str, message: str, mend: str | None = None) -> None:
        """Note a check that failed."""
        self.findings.append(Finding(check, "failed", where, message, mend))

    def error(self, check: str, where: str, error: SequencesError) -> None:
        """Note a check that an error ended."""
        self.failed(check, where, error.message, error.mend)

    def raise_problems(self) -> None:
        """Raise one error with all that failed; nothing if nothing did.

        Raises:
            ValidationError: Something failed; of the narrower kind where all problems are of one.
        """
        problems = self.problems
        if not problems:
            return
        count = counted(len(problems), "problem")
        lines = [f"{self.dataset}: {count}", *_lines(problems)]
        areas = Counter(p.check.split(".")[0] for p in problems)
        kind = _KINDS.get(next(iter(areas)), ValidationError) if len(areas) == 1 else ValidationError
        raise kind("\n".join(lines))

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {
            "dataset": self.dataset,
            "registry_mode": self.registry_mode,
            "rows": self.rows,
            "ok": self.ok,
            "findings": [f.to_dict() for f in self.findings],
        }


def _lines(problems: list[Finding]) -> Iterator[str]:
    for problem in problems:
        yield f"  {problem.check}: {problem.where}: {problem.message}"
        if problem.mend:
            yield f"    mend: {problem.mend}"
