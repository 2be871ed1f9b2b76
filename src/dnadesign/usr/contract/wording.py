"""Counts in sentences."""

from __future__ import annotations


def counted(number: int, unit: str, several: str | None = None) -> str:
    """How many of something: ``1 row``, ``2 rows``; ``several`` is the plural where it is not made with an s."""
    return f"{number} {unit if number == 1 else several or f'{unit}s'}"


def part_of(number: int, total: int, unit: str) -> str:
    """How many of how many, with the verb that follows: ``1 of 3 keys is``, ``2 of 3 keys are``."""
    return f"{number} of {counted(total, unit)} {'is' if number == 1 else 'are'}"
