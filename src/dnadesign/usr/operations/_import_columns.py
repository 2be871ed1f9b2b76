"""Which columns of a file of sequences are which of the base, and what to do where that is not clear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dnadesign.usr.contract.errors import AlphabetError, SchemaError
from dnadesign.usr.contract.identity import ALPHABETS
from dnadesign.usr.contract.mends import Mend, spelled
from dnadesign.usr.contract.names import nearest
from dnadesign.usr.contract.records import CORE_COLUMNS
from dnadesign.usr.formats.sequence_files import RECORD_FORMATS
from dnadesign.usr.formats.tables import Piece
from dnadesign.usr.operations._import_rows import Defaults


@dataclass(frozen=True, slots=True)
class FileColumns:
    """The columns of a file.

    Attributes:
        path: The file.
        kind: Its format.
        given: Core column to column of the file, where that was said.
    """

    path: Path
    kind: str
    given: Mapping[str, str] | None

    def names(self, piece: Piece, defaults: Defaults) -> dict[str, str]:
        """The core columns that a piece fills, with their names in the file.

        Raises:
            SchemaError: A column is unknown, or missing.
            AlphabetError: Nothing says which alphabet the records are of.
        """
        there = piece.names
        if self.given is not None:
            self._check_renamed(self.given, there)
            names = {core: name for core, name in self.given.items() if name in there}
            missing = {core: name for core, name in self.given.items() if core not in names}
        else:
            names = {name: name for name in there}
            missing = {} if "sequence" in names else {"sequence": "sequence"}
        empty = not piece.every_name and not piece.numbers
        if missing and not empty and (piece.every_name or "sequence" not in names):
            raise self._no_column(*next(iter(missing.items())), there)
        for name in names:
            if name not in CORE_COLUMNS:
                raise self._unknown(name)
        for name, default in (("alphabet", defaults.alphabet), ("bio_type", defaults.bio_type)):
            if default is None and name not in names and not empty:
                raise self._unsaid(name)
        return names

    def _check_renamed(self, columns: Mapping[str, str], there: Sequence[str]) -> None:
        """Refuse columns of the file that are to become ones that the base does not have."""
        for core, name in columns.items():
            if core in CORE_COLUMNS:
                continue
            wanted = nearest(core, CORE_COLUMNS) or "sequence"
            raise SchemaError(
                f"columns: {core!r} is not a column of the base ({', '.join(CORE_COLUMNS)}); the file has "
                f"{', '.join(there) or 'no columns'}",
                mend=self._which(core, wanted, name if name in there else _likely(name, wanted, there)),
            )

    def _no_column(self, core: str, name: str, there: Sequence[str]) -> SchemaError:
        return SchemaError(
            f"{self.path}: has no column {name!r}; there are {', '.join(there) or 'none'}",
            mend=self._which(core, core, _likely(name, core, there)),
        )

    def _which(self, core: str, wanted: str, name: str) -> Mend:
        """Advice to take a core column (``wanted``, called ``core`` before) from that column of the file."""
        asked = {} if self.given is None else dict(self.given)
        columns = {wanted: name} | {c: n for c, n in asked.items() if c not in (core, wanted)}
        typed = ",".join(c if c == n else f"{n}={c}" for c, n in columns.items())
        return Mend(
            f"say which column is which: columns={columns}", f"say which column is which: --columns {typed}"
        )

    def _unknown(self, name: str) -> SchemaError:
        meant = nearest(name, CORE_COLUMNS)
        return SchemaError(
            f"{self.path}: column {name!r} is not a column of the base ({', '.join(CORE_COLUMNS)})",
            mend=f"did you mean {meant!r}?"
            if meant
            else spelled(
                "name the columns to take: {}, then attach the others as an overlay",
                ("columns=dict(sequence='sequence', ...)", "--columns sequence"),
            ),
        )

    def _unsaid(self, name: str) -> AlphabetError:
        known = ", ".join(ALPHABETS) if name == "alphabet" else "dna, rna, protein"
        said = "" if self.kind in RECORD_FORMATS else f"has no column {name!r}, and "
        return AlphabetError(
            f"{self.path}: {said}nothing says which {name} its records are of; it is never guessed",
            mend=Mend(f"pass {name}=..., one of {known}", f"pass --{name.replace('_', '-')}, one of {known}"),
        )


def _likely(name: str, core: str, there: Sequence[str]) -> str:
    """The column of the file that was probably meant by a name that it does not have."""
    return (
        nearest(name, there)
        or nearest(core, there)
        or next((n for n in there if n not in CORE_COLUMNS), next(iter(there), "NAME"))
    )
