"""Points in time as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from dnadesign.usr.contract.errors import ValidationError

_AGE = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?[smhdw]\s?){1,5}", re.ASCII)
_PART_OF_AGE = re.compile(r"([\d.]+)([smhdw])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_moment(text: str, *, now: datetime) -> datetime:
    """A point in time: ISO 8601 (UTC unless it has a zone), or an age such as ``10m``, ``2h``, ``1d12h``.

    Args:
        text: What was typed; units are s, m, h, d, w.
        now: The time that an age counts back from.

    Raises:
        ValidationError: It is neither.
    """
    if _AGE.fullmatch(text.strip()):
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART_OF_AGE.findall(text))
        try:
            return now - timedelta(seconds=seconds)
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValidationError(
            f"{text!r} is neither a time nor an age",
            mend="give a time such as 2026-11-22T09:30 (UTC) or an age such as 10m, 2h, 3d",
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
