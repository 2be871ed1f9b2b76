"""Read position weight matrices in MEME (minimal) or JASPAR format, every fault with its line."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

from dnadesign.densegen.adapters.inputs.odd_files import not_text
from dnadesign.densegen.contract.config import PwmInput
from dnadesign.densegen.contract.errors import InputError
from dnadesign.densegen.contract.motifs import BASES, UNIFORM, Motif
from dnadesign.densegen.contract.wording import counted

type _Row = tuple[float, float, float, float]

_SUM_TOLERANCE = 0.02
_MOST_CHARACTERS = 1 << 26


def read_motifs(spec: PwmInput, path: Path) -> tuple[Motif, ...]:
    """The matrices of a file, in file order.

    Raises:
        InputError: The file or a line does not fit.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(_MOST_CHARACTERS + 1)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file (input {spec.name!r})") from None
    except UnicodeDecodeError:
        raise not_text(path) from None
    if len(text) > _MOST_CHARACTERS:
        raise InputError(
            f"{path}: has more than {_MOST_CHARACTERS:,} characters, far more than all motifs that are known "
            f"(input {spec.name!r})"
        )
    numbered = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    read = _meme if spec.format == "meme" else _jaspar
    motifs = tuple(read(path, numbered))
    if not motifs:
        raise InputError(f"{path}: no matrix in {spec.format} format found (input {spec.name!r})")
    names = [motif.tf for motif in motifs]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"{path}: the name {repeated[0]!r} belongs to more than one matrix")
    return motifs


def _numbers(path: Path, number: int, text: str, *, count: int | None = None) -> tuple[float, ...]:
    try:
        values = tuple(float(word) for word in text.split())
    except ValueError:
        raise InputError(f"{path}:{number}: expected numbers, found {text[:60]!r}") from None
    if count is not None and len(values) != count:
        raise InputError(f"{path}:{number}: expected {counted(count, 'number')}, found {len(values)}")
    if not values or any(not math.isfinite(value) or value < 0 for value in values):
        raise InputError(f"{path}:{number}: expected numbers of at least 0, found {text[:60]!r}")
    return values


def _quartet(path: Path, number: int, values: tuple[float, ...]) -> _Row:
    """Four values scaled to a sum of one."""
    total = sum(values)
    if total <= 0:
        raise InputError(f"{path}:{number}: the values of a position sum to 0")
    a, c, g, t = (value / total for value in values)
    return a, c, g, t


def _meme(path: Path, lines: list[tuple[int, str]]) -> Iterator[Motif]:
    background: _Row = UNIFORM
    name: list[str] = []
    rows: list[_Row] = []
    width: int | None = None
    in_matrix = in_background = False
    for number, line in [*lines, (len(lines) + 1, "MOTIF")]:
        if line.startswith("MOTIF"):
            if name:
                yield _finished(path, number, name=name, rows=rows, width=width, background=background)
            name, rows, width, in_matrix = line.split()[1:3], [], None, False
        elif line.startswith("Background letter frequencies"):
            in_background = True
        elif in_background and line:
            background, in_background = _background(path, number, line), False
        elif line.startswith("letter-probability matrix"):
            found = re.search(r"\bw\s*=\s*(\d+)", line)
            width, in_matrix = int(found[1]) if found else None, True
        elif in_matrix and line and (width is None or len(rows) < width) and line[0] in "0123456789.":
            values = _numbers(path, number, line, count=4)
            if abs(sum(values) - 1) > _SUM_TOLERANCE:
                raise InputError(f"{path}:{number}: probabilities sum to {sum(values):.3f}, expected 1")
            rows.append(_quartet(path, number, values))


def _background(path: Path, number: int, line: str) -> _Row:
    words = line.split()
    if words[::2] != list(BASES):
        raise InputError(
            f"{path}:{number}: expected the background as 'A p C p G p T p', found {line[:60]!r}"
        )
    values = _numbers(path, number, " ".join(words[1::2]), count=4)
    if min(values) == 0:
        raise InputError(f"{path}:{number}: a background frequency is 0")
    return _quartet(path, number, values)


def _finished(
    path: Path, number: int, *, name: list[str], rows: list[_Row], width: int | None, background: _Row
) -> Motif:
    if not rows or (width is not None and len(rows) != width):
        expected = counted(width, "row") if width is not None else "rows of probabilities"
        raise InputError(f"{path}:{number}: matrix {name[0]!r}: expected {expected}, found {len(rows)}")
    return Motif(motif_id=name[0], tf=name[-1], rows=tuple(rows), background=background)


def _jaspar(path: Path, lines: list[tuple[int, str]]) -> Iterator[Motif]:
    header: list[str] = []
    counts: list[tuple[float, ...]] = []
    for number, line in [*lines, (len(lines) + 1, ">")]:
        if line.startswith(">"):
            if header:
                yield _from_counts(path, number, header, counts)
            header, counts = line[1:].split(maxsplit=1), []
        elif line and not line.startswith("#"):
            if not header or len(counts) == len(BASES):
                raise InputError(f"{path}:{number}: expected '>ID NAME' before four rows of counts")
            labelled = re.fullmatch(r"([ACGT])\s*\[(.*)\]", line)
            if labelled and labelled[1] != BASES[len(counts)]:
                raise InputError(
                    f"{path}:{number}: expected the row of {BASES[len(counts)]}, found {labelled[1]}"
                )
            counts.append(_numbers(path, number, labelled[2] if labelled else line))


def _from_counts(path: Path, number: int, header: list[str], counts: list[tuple[float, ...]]) -> Motif:
    if len(counts) != len(BASES) or len({len(row) for row in counts}) != 1:
        raise InputError(
            f"{path}:{number}: matrix {header[0]!r}: expected four rows (A, C, G, T) of one length"
        )
    rows = tuple(_quartet(path, number, column) for column in zip(*counts, strict=True))
    return Motif(motif_id=header[0], tf=header[-1].strip(), rows=rows)
