"""Times and days of years before 0 and after 9999 as text: ISO 8601 with a sign before the year, such as ``+12345-01-01T00:00:00``.

Python has no such years, and Arrow writes the year modulo 65,536 and reads none of them.
"""

from __future__ import annotations

import calendar
import re

import pyarrow as pa

_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_DAY_SECONDS = 86_400
_CYCLE_DAYS = 146_097  # of 400 years, after which all days come again
_FIRST_DAY = -719_528  # 0000-01-01, counted from 1970-01-01
_NEAR_DAYS = range(_FIRST_DAY, 2_932_897)  # the days of the years 0 to 9999
_LONGEST = (1 << 63) - 1
_FAR = re.compile(
    r"([+-])(\d{4,7})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)


def is_near(kind: pa.DataType, value: int) -> bool:
    """Whether a time or day, as the number that it is stored as, is of the years 0 to 9999."""
    if pa.types.is_timestamp(kind):
        value //= _DAY_SECONDS * 10 ** _DIGITS[kind.unit]
    return value in _NEAR_DAYS


def text_of(kind: pa.DataType, value: int) -> str:
    """A time or day of any year as text, those with a zone in UTC; ``value`` is the number that it is stored as."""
    if pa.types.is_date(kind):
        return _day(value)
    digits = _DIGITS[kind.unit]
    seconds, rest = divmod(value, 10**digits)
    day, second = divmod(seconds, _DAY_SECONDS)
    fraction = f".{rest:0{digits}d}" if digits else ""
    clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}{fraction}"
    return f"{_day(day)}T{clock}{'Z' if kind.tz else ''}"


def _day(number: int) -> str:
    cycles, left = divmod(number - _FIRST_DAY, _CYCLE_DAYS)
    year = left // 366  # not after the year that it is, and at most one before it
    while _days_before(year + 1) <= left:
        year += 1
    left -= _days_before(year)
    month = 1
    while left >= (days := _days_of(year, month)):
        left, month = left - days, month + 1
    year += 400 * cycles
    shown = f"{year:04d}" if 0 <= year <= 9999 else f"{year:+05d}"
    return f"{shown}-{month:02d}-{left + 1:02d}"


def _days_before(year: int) -> int:
    """The days of the years from 0 up to, and without, this one."""
    last = year - 1
    return 365 * year + last // 4 - last // 100 + last // 400 + 1


def _days_of(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def may_be_far(text: str) -> bool:
    """Whether a text begins as such a time does: with a sign."""
    return text.lstrip()[:1] in ("+", "-")


def value_of(text: str, kind: pa.DataType) -> int:
    """The number that a time or day with a sign before its year is stored as.

    Raises:
        ValueError: It is none, or of another kind, or cannot be held; the message says why, if it is known.
    """
    found = _FAR.fullmatch(text.strip())
    if found is None:
        raise ValueError
    sign, years, *parts, fraction, zone = found.groups()
    month, day, hour, minute, second = (int(part or 0) for part in parts)
    year = int(sign + years)
    if not (
        1 <= month <= 12 and 1 <= day <= _days_of(year, month) and hour < 24 and minute < 60 and second < 60
    ):
        raise ValueError
    number = _FIRST_DAY + _days_before(year) + sum(_days_of(year, m) for m in range(1, month)) + day - 1
    if pa.types.is_date(kind):
        return _held_day(number, clock=parts[2])
    if bool(zone) != bool(kind.tz):
        raise ValueError(
            "expected a zone, such as Z or +01:00" if kind.tz else "expected a time without zone"
        )
    seconds = number * _DAY_SECONDS + hour * 3600 + minute * 60 + second - _offset(zone or "Z")
    digits = _DIGITS[kind.unit]
    if len((fraction or "").rstrip("0")) > digits:
        raise ValueError(f"it has more digits than {kind.unit} can hold")
    value = seconds * 10**digits + int((fraction or "")[:digits].ljust(digits, "0") or 0)
    if abs(value) * 10 ** max(0, _DIGITS["us"] - digits) > _LONGEST:
        raise ValueError(
            f"it is out of the range of {'nanoseconds' if kind.unit == 'ns' else 'microseconds'}"
        )
    return value


def _held_day(number: int, *, clock: str | None) -> int:
    if clock is not None:
        raise ValueError("expected a day without a time")
    if not -(1 << 31) <= number < 1 << 31:
        raise ValueError("it is out of the range of date32")
    return number


def _offset(zone: str) -> int:
    """The seconds that a zone is ahead of UTC."""
    digits = zone[1:].replace(":", "").ljust(4, "0")
    if zone == "Z":
        return 0
    if int(digits[:2]) > 23 or int(digits[2:]) > 59:
        raise ValueError
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if zone[0] == "-" else seconds
