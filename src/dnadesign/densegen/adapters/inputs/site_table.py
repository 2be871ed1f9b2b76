"""Read a table of binding sites (CSV or TSV), one site a row, every fault with its line and column."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from dnadesign.densegen.adapters.inputs.odd_files import not_text
from dnadesign.densegen.contract.config import SitesInput
from dnadesign.densegen.contract.errors import InputError, NotFoundError
from dnadesign.densegen.contract.parts import Part
from dnadesign.densegen.contract.sequences import DNA
from dnadesign.densegen.contract.wording import counted

type Format = Literal["csv", "tsv"]

_SHOWN = 10
_SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas", "|": "bars (|)"}


def read_sites(spec: SitesInput, path: Path) -> tuple[Part, ...]:
    """The sites of a table in file order, repeats of (factor, sequence) left out.

    Sequences wholly in lower case are taken as upper case; mixed case is refused, for there case carries a
    meaning (a core in its flanks) that a design would lose.

    Raises:
        InputError: The file, a column or a cell does not fit; up to ten faults are listed.
    """
    with _opened(path, form=spec.format) as rows:
        return _sites(spec, path, rows)


def read_header(path: Path, *, form: Format) -> list[str]:
    """The first row of a table.

    Raises:
        InputError: The file cannot be read.
    """
    with _opened(path, form=form) as rows:
        header = next(rows, (1, []))[1]
    _check_separator(path, header, form)
    return header


def table_format(path: Path) -> Format:
    """How a table is written, by the end of its name."""
    return "tsv" if path.suffix.lower() in {".tsv", ".tab"} else "csv"


@contextmanager
def _opened(path: Path, *, form: Format) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """Line number and cells of each row."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            if not handle.read(1):
                raise InputError(f"{path}: is empty", mend="a header and a site a row belong into it")
            handle.seek(0)
            rows = csv.reader(handle, delimiter="," if form == "csv" else "\t", strict=True)
            yield ((rows.line_num, row) for row in rows)
    except FileNotFoundError:
        raise NotFoundError(
            f"{path}: there is no such file", mend="name a table of sites that is there"
        ) from None
    except UnicodeDecodeError:
        raise not_text(path) from None
    except csv.Error as error:
        raise InputError(
            f"{path}: cannot be read as {form}: {error}", mend=f"save the table as {form} anew"
        ) from None


def _sites(spec: SitesInput, path: Path, rows: Iterator[tuple[int, list[str]]]) -> tuple[Part, ...]:
    _, header = next(rows, (1, []))
    at = _columns(spec, path, header)
    sites: dict[tuple[str, str], Part] = {}
    faults: list[str] = []
    for line, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        where = f"{path}:{line}"
        if len(row) != len(header):
            faults.append(f"{where}: expected {counted(len(header), 'cell')}, found {len(row)}")
            continue
        site, fault = _site(spec, {key: row[column].strip() for key, column in at.items()})
        if fault or site is None:
            faults.append(f"{where}: {fault}")
        else:
            sites.setdefault((site.tf or "", site.sequence), site)
    if faults:
        more = f"\n... and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise InputError("\n".join(faults[:_SHOWN]) + more)
    if not sites:
        raise InputError(f"{path}: no sites below the header (input {spec.name!r})")
    return tuple(sites.values())


def _check_separator(path: Path, header: list[str], form: Format) -> None:
    """Refuse a table whose cells are separated by something else: its header is one cell that holds that.

    Raises:
        InputError: It looks so.
    """
    if len(header) != 1:
        return
    separator = next((one for one in _SEPARATORS if one in header[0]), None)
    if separator is None:
        return
    if separator == "\t":
        mend = f"name it {path.with_suffix('.tsv').name} (in a config: format: tsv)"
    elif separator == ",":
        mend = f"name it {path.with_suffix('.csv').name} (in a config: format: csv)"
    else:
        mend = (
            "save it with commas between the columns (in a spreadsheet: as CSV, with the comma as separator)"
        )
    expected = "commas" if form == "csv" else "tabs"
    raise InputError(
        f"{path}:1: the columns are separated by {_SEPARATORS[separator]}, not {expected}", mend=mend
    )


def _columns(spec: SitesInput, path: Path, header: list[str]) -> dict[str, int]:
    """Which cell holds what: role to column number."""
    _check_separator(path, header, spec.format)
    wanted = spec.columns.model_dump(exclude_none=True)
    names = [name.strip() for name in header]
    repeated = sorted({name for name in names if names.count(name) > 1 and name in wanted.values()})
    if repeated:
        raise InputError(f"{path}:1: column {repeated[0]!r} is there twice")
    missing = {role: name for role, name in wanted.items() if name not in names}
    if missing:
        role, name = next(iter(missing.items()))
        raise InputError(
            f"{path}:1: there is no column {name!r} for {role}; found {', '.join(names) or 'nothing'}",
            mend=f"name the column under inputs.columns.{role} of input {spec.name!r}",
        )
    return {role: names.index(name) for role, name in wanted.items()}


def _site(spec: SitesInput, cells: dict[str, str]) -> tuple[Part | None, str]:
    """A site, or what is wrong with its row."""
    columns = spec.columns
    tf, sequence = cells["tf"], cells["tfbs"]
    if not tf:
        return None, f"column {columns.tf!r} is empty; expected a factor's name"
    if sequence != sequence.upper() and sequence != sequence.lower():
        return None, (
            f"column {columns.tfbs!r} is in mixed case ({sequence[:30]}); expected one case, without flanks"
        )
    sequence = sequence.upper()
    odd = sorted(set(sequence) - DNA)
    if not sequence or odd:
        found = f"found {''.join(odd)!r} in {sequence[:30]}" if sequence else "found nothing"
        return None, f"column {columns.tfbs!r}: expected A, C, G, T only; {found}"
    part = Part(
        tf=tf,
        sequence=sequence,
        site_id=cells.get("site_id") or None,
        source=cells.get("source") or None,
        input=spec.name,
    )
    return part, ""
