"""What callers hand in, held against what is meant: a wrong kind of value is told as an error of this library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Final

from dnadesign.usr.contract.errors import ValidationError
from dnadesign.usr.contract.names import nearest

MOST = 2**63 - 1


class Unset(Enum):
    """Stands for a field that is to keep its value, where None means to have none."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET


def texts_of(value: object, *, what: str, each: str = "name") -> list[str]:
    """Several texts, in order.

    Args:
        value: What was handed in.
        what: The argument, for errors.
        each: What one of them is, for errors.

    Raises:
        ValidationError: They are not a list of texts; a single text is no list.
    """
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise ValidationError(
            f"{what}: expected a list of {each}s, found {_shown(value)}",
            mend=f"pass a list: [{value!r}]" if isinstance(value, str) else f"pass a list of {each}s",
        )
    found = list(value)
    for place, one in enumerate(found):
        if not isinstance(one, str):
            article = "an" if each[0] in "aeiou" else "a"
            raise ValidationError(
                f"{what}, number {place}: expected {article} {each}, found {_shown(one)}",
                mend=f"give {article} {each} in every place",
            )
    return found


def columns_of(value: object, *, what: str = "columns") -> list[str]:
    """Names of columns, in order, each of them once.

    Raises:
        ValidationError: They are not a list of texts, or one is given twice.
    """
    found = texts_of(value, what=what)
    if len(set(found)) < len(found):
        twice = next(name for place, name in enumerate(found) if name in found[:place])
        raise ValidationError(f"{what}: {twice!r} is given twice", mend="name each column once")
    return found


def ids_of(value: object) -> list[str]:
    """Ids, one or several, in order; that they are ids is checked where they are looked up.

    Raises:
        ValidationError: They are no texts.
    """
    found = [value] if isinstance(value, str) else texts_of(value, what="ids", each="id")
    for place, each in enumerate(found):
        if not each.isascii():
            raise ValidationError(
                f"ids, number {place}: {each!r:.80} is not an id (40 lower-case hex digits)",
                mend="give ids as they stand in the column id; compute_id makes one of a sequence",
            )
    return found


def count_of(value: object, *, what: str, least: int = 0, most: int = MOST) -> int:
    """A whole number.

    Raises:
        ValidationError: It is none, or outside the limits.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        limit = f"{least} or more" if most == MOST else f"from {least} to {most}"
        raise ValidationError(
            f"{what} {value!r:.80}: expected a whole number, {limit}", mend=f"give a whole number, {limit}"
        )
    return value


def choice_of(value: object, known: Sequence[str], *, what: str) -> str:
    """One of some words.

    Raises:
        ValidationError: It is none of them; the nearest one is shown.
    """
    if isinstance(value, str) and value in known:
        return value
    meant = nearest(value, known) if isinstance(value, str) else None
    raise ValidationError(
        f"{what} {value!r:.80}: expected {' or '.join(map(repr, known))}"
        if len(known) == 2
        else f"{what} {value!r:.80}: expected one of {', '.join(map(repr, known))}",
        mend=f"did you mean {meant!r}?" if meant else f"pass {what}={known[0]!r}, or another of them",
    )


def seconds_of(value: object, *, what: str) -> float:
    """A time in seconds.

    Raises:
        ValidationError: It is no number, or less than 0.
    """
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not value >= 0:
        raise ValidationError(
            f"{what} {value!r:.40}: expected seconds, 0 or more", mend="give a number such as 30 or 0.5"
        )
    return value


def mapping_of(value: object, *, what: str) -> dict[str, Any]:
    """Names with values; nothing when None.

    Raises:
        ValidationError: It is no mapping with texts for keys.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ValidationError(
            f"{what}: expected names with values, found {_shown(value)}",
            mend="give a mapping such as {'name': value}",
        )
    return dict(value)


def text_of(value: object, *, what: str) -> str:
    """A text that can be stored.

    Raises:
        ValidationError: It is none, or has half a character in it (a lone surrogate).
    """
    if not isinstance(value, str):
        raise ValidationError(f"{what}: expected text, found {_shown(value)}", mend="give it as a str")
    if not is_text(value):
        raise ValidationError(
            f"{what} {value!r:.80}: has symbols that are no Unicode characters",
            mend="read the text that it comes from as UTF-8",
        )
    return value


def is_text(value: str) -> bool:
    """Whether a text is whole: no lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: object) -> str:
    return f"{value!r:.40}" if isinstance(value, (str, bytes, int, float)) else type(value).__name__
