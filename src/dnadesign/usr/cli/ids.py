"""Records named on a command line: by their ids, by how these begin, or in a file."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dnadesign import usr
from dnadesign.usr.cli.context import is_in_a_dataset, names_a_dataset, open_dataset
from dnadesign.usr.cli.errors import UsageProblem
from dnadesign.usr.contract.identity import is_id
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.formats.file_kinds import MOST_BYTES, kind_of

if TYPE_CHECKING:
    from dnadesign.usr import Dataset

_BEGINNING = re.compile(r"[0-9a-f]{6,39}", re.ASCII)
_TOO_SHORT = re.compile(r"[0-9a-f]{1,5}", re.ASCII)
_BEHIND = "g"  # the letter behind all that an id is written with
_SHOWN = 5
_LONGEST_CELL = 2**31 - 1  # an export may have sequences beside its ids


def dataset_and_ids(
    words: Sequence[str] | None, ids_from: Path | None, root_option: str | None
) -> tuple[Dataset, list[str]]:
    """``[DATASET] ID...`` as the two, with the ids that are in a file.

    A word of the command line may be the first six or more digits of an id, if only one record's id begins so.

    Args:
        words: What stands on the command line.
        ids_from: The file.
        root_option: What ``--root`` says.

    Raises:
        UsageProblem: There is no id, or no dataset is meant.
        MissingKeyError: No id begins as a word does.
        ValidationError: Several do, or the file has no ids.
        StorageError: The file cannot be read.
    """
    words = list(words or ())
    name = words.pop(0) if words and not _is_of_a_record(words[0], root_option) else None
    listed = _ids_in(ids_from) if ids_from is not None else []
    if not words and not listed:
        raise UsageProblem(
            "no id is given", mend="name ids, or a file of ids: --ids-from; usr head shows ids"
        )
    dataset = open_dataset(root_option, name)
    return dataset, [*whole_ids(dataset, words), *listed]


def _is_of_a_record(word: str, root_option: str | None) -> bool:
    """Whether the first word is an id, or the beginning of one, and so not the name of a dataset."""
    if is_id(word):
        return True
    return (
        _BEGINNING.fullmatch(word) is not None
        and not names_a_dataset(word, root_option)
        and is_in_a_dataset(root_option)
    )


def whole_ids(dataset: Dataset, words: list[str]) -> list[str]:
    """The words with each beginning of an id made whole, by one look at the ids."""
    for word in words:
        if _TOO_SHORT.fullmatch(word):
            raise UsageProblem(f"{word} is too short for an id", mend="give its first six digits, or more")
    beginnings = [word for word in dict.fromkeys(words) if _BEGINNING.fullmatch(word)]
    if not beginnings:
        return words
    condition = " OR ".join(f"(id >= '{word}' AND id < '{word}{_BEHIND}')" for word in beginnings)
    table = dataset.to_arrow(["id"], where=condition, include_deleted=True)
    there: list[str] = table.column("id").to_pylist()
    meant = {word: _only(dataset, word, [id for id in there if id.startswith(word)]) for word in beginnings}
    return [meant.get(word, word) for word in words]


def _only(dataset: Dataset, beginning: str, found: list[str]) -> str:
    if not found:
        raise usr.MissingKeyError(
            f"{dataset.dir}: no record's id begins with {beginning}", mend="usr head shows ids"
        )
    if len(found) > 1:
        more = ", ..." if len(found) > _SHOWN else ""
        raise usr.ValidationError(
            f"{dataset.dir}: the ids of {counted(len(found), 'record')} begin with {beginning}: "
            f"{', '.join(sorted(found)[:_SHOWN])}{more}",
            mend="give more digits of the one that is meant",
        )
    return found[0]


def _ids_in(file: Path) -> list[str]:
    """The ids of a file: one a line, or the column ``id`` of a table with a header line."""
    text = _text_of(file)
    first, *others = [line.strip().strip('"') for line in text.splitlines() if line.strip()] or [""]
    separator = next((mark for mark in ",\t;" if mark in first), None)
    if separator is not None:
        return list(_column(file, text, separator))
    return others if first in ("id", "") else [first, *others]


def _column(file: Path, text: str, separator: str) -> Iterator[str]:
    csv.field_size_limit(_LONGEST_CELL)
    rows = (row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(row))
    names = [name.strip() for name in next(rows)]
    if "id" not in names:
        raise usr.ValidationError(
            f"{file}: has no column 'id'; there are {', '.join(names):.200}",
            mend="give a file of ids, one a line, or a CSV with a column that is named id",
        )
    place = names.index("id")
    for number, row in enumerate(rows, 1):
        if len(row) <= place or not row[place].strip():
            raise usr.ValidationError(
                f"{file}, row {number} below the header: has no id",
                mend="give it its id, or leave the row out",
            )
        yield row[place].strip()


def _text_of(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise usr.InputFileNotFound(
            f"{file}: no such file", mend="see that its name and folder are right"
        ) from error
    except OSError as error:
        raise usr.StorageError(
            f"{file}: cannot be read: {error.strerror}", mend="see that the file is there and may be read"
        ) from error
    except UnicodeDecodeError as error:
        kind = kind_of(error.object[:MOST_BYTES])
        raise usr.ValidationError(
            f"{file}: is {kind.told}, and no text in UTF-8"
            if kind
            else f"{file}: is no text: {error.reason} at byte {error.start}",
            mend="give a text file in UTF-8, one id a line",
        ) from error
