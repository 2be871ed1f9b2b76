"""How a plain value looks in a cell, and how wide that is."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

NOTHING = "-"  # a null; an empty text is an empty cell
_EXACT = 10


def cell(value: Any) -> str:
    """A plain value for people: on one line, with nothing in it that steers a terminal."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        exact = repr(value)
        return exact if len(exact) <= _EXACT else f"{value:.7g}"
    if isinstance(value, (list, tuple, dict)):
        return printable(json.dumps(value, ensure_ascii=False))
    return printable(str(value))


def printable(text: str) -> str:
    r"""``text`` with line ends and control characters spelled out, such as ``\n`` and ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def width(text: str) -> int:
    """How many columns of a terminal a printable text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in {"W", "F"} for c in text)
    return len(text) + wide - sum(bool(unicodedata.combining(c)) for c in text)


def cut(text: str, room: int) -> str:
    """``text``, or as much of it as there is room for with an ellipsis behind."""
    if width(text) <= room:
        return text
    while text and width(text) >= room:
        text = text[: max(room - 1, 0)] if width(text) == len(text) else text[:-1]
        if width(text) < room:
            break
    return f"{text}…"


def size(count: int) -> str:
    """Bytes for people, such as ``12.3 MB`` (a MB being a million bytes)."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"


def moment(stamp: str) -> str:
    """A time in ISO 8601 for people, to the second, such as ``2026-11-22 20:26:32Z``."""
    day, _, rest = stamp.partition("T")
    return f"{day} {rest[:8]}Z" if stamp.endswith("Z") and len(rest) > 8 else stamp
