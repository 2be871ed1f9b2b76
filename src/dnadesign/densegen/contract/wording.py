"""Numbers with their units, as people say them."""

from __future__ import annotations


def counted(number: int, unit: str, units: str = "") -> str:
    """A number with its unit: 1 site, 3,000 sites, 2 libraries."""
    return f"{number:,} {unit if number == 1 else units or unit + 's'}"
