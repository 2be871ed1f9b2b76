"""Draw a design as text: both strands, forward parts above them, reverse parts below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dnadesign.densegen.contract.sequences import reverse_complement

_WIDTH = 100


def draw(sequence: str, detail: Sequence[Mapping[str, Any]], *, width: int = _WIDTH) -> str:
    """The drawing, cut into blocks of ``width`` bases, with a list of the parts below it.

    Args:
        sequence: The design.
        detail: Its placements, as in the column ``densegen__used_tfbs_detail``.
        width: Bases a line.
    """
    above = _lanes([one for one in detail if one["orientation"] == "fwd"], len(sequence))
    below = _lanes([one for one in detail if one["orientation"] == "rev"], len(sequence))
    other = reverse_complement(sequence)[::-1]
    lines: list[str] = []
    for start in range(0, len(sequence), width):
        block = slice(start, start + width)
        lines += [f"      {lane[block]}".rstrip() for lane in reversed(above) if lane[block].strip()]
        lines += [f"{start:>4}  {sequence[block]}", f"      {other[block]}"]
        lines += [f"      {lane[block]}".rstrip() for lane in below if lane[block].strip()]
        lines.append("")
    lines += [_described(one) for one in sorted(detail, key=lambda one: (one["offset"], one["end"]))]
    return "\n".join(lines)


def label(placement: Mapping[str, Any]) -> str:
    """What a part is called in a drawing: its factor, or its role in a promoter."""
    if placement["tf"] is not None:
        return str(placement["tf"])
    role = {"upstream": "up", "downstream": "down"}.get(str(placement["role"]), str(placement["role"]))
    return f"{placement['constraint']} {role}" if placement["constraint"] else role


def _lanes(parts: Sequence[Mapping[str, Any]], length: int) -> list[str]:
    """Parts side by side in as few lanes as it takes."""
    lanes: list[list[str]] = []
    ends: list[int] = []
    for one in sorted(parts, key=lambda part: (part["offset"], part["end"])):
        at = next((number for number, end in enumerate(ends) if end <= one["offset"]), None)
        if at is None:
            at = len(lanes)
            lanes.append([" "] * length)
            ends.append(0)
        lanes[at][one["offset"] : one["end"]] = _bar(one)
        ends[at] = one["end"] + 1
    return ["".join(lane) for lane in lanes]


def _bar(one: Mapping[str, Any]) -> str:
    """A bar as long as the part, pointing 5' to 3', with as much of its name as fits."""
    size = one["end"] - one["offset"]
    shaft = "." if one["role"] == "incidental" else "=" if one["part_kind"] == "fixed" else "-"
    name = (label(one).split(" ")[-1] if one["part_kind"] == "fixed" else label(one))[: max(0, size - 1)]
    if one["orientation"] == "fwd":
        return (name + shaft * size)[: size - 1] + ">"
    return "<" + (shaft * size + name)[-(size - 1) :] if size > 1 else "<"


def _described(one: Mapping[str, Any]) -> str:
    extra = f"  {one['site_id']}" if one["site_id"] else ""
    arrow = "->" if one["orientation"] == "fwd" else "<-"
    note = "" if one["role"] in {"site", "upstream", "downstream", "spacer"} else f"  ({one['role']})"
    return f"{one['offset']:>4}-{one['end']:<4} {arrow} {label(one):<16} {one['tfbs']}{extra}{note}"
