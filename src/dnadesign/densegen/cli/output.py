"""Hand out what a command found: a table for people, JSON for programs, a file that is whole or not there."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from dnadesign.densegen.cli.file_problems import STANDARD_OUTPUT, file_error, is_fed


class Format(StrEnum):
    """How a command prints what it found."""

    TABLE = "table"
    JSON = "json"


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows with a header, columns aligned; numbers to the right."""
    if not rows:
        return
    names = list(rows[0])
    cells = [[_spelled(row[name]) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[at]) for line in cells)) for at, name in enumerate(names)]
    right = [all(isinstance(row[name], (int, float)) for row in rows) for name in names]
    for line in [names, *cells]:
        padded = [
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(line, widths, right, strict=True)
        ]
        print("  ".join(padded).rstrip())


def _spelled(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{count} {name}" for name, count in value.items()) or "-"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None else str(value)


def write_output(target: Path, data: bytes) -> None:
    """Write a file that a user named: whole or not at all, unless it is a pipe or a device, which stays what it is.

    Raises:
        FileError: It cannot be written.
    """
    if str(target) in STANDARD_OUTPUT:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    hidden = target.resolve().with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        if is_fed(target):
            target.write_bytes(data)
            return
        hidden.write_bytes(data)
        hidden.replace(target.resolve())  # a link goes on pointing to what it pointed to
    except OSError as error:  # told of the name that was asked for, not of the hidden one
        hidden.unlink(missing_ok=True)
        raise file_error(error, target) or error from None
