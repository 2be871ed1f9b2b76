"""What is left of a config when its faulty values are taken out, so that the rest can be checked as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from dnadesign.densegen.contract.config import BROKEN_RULE, DesignConfig

type Loc = tuple[int | str, ...]

_ROUNDS = 30
_GONE = object()
# What no check of names looks at, in place of what is faulty or missing.
_STAND_INS: Mapping[str, Any] = {
    "schema_version": 1,
    "run": {"id": "run", "seed": 0},
    "target": {"length": 1},
    "output": {"root": "datasets", "dataset": "designs"},
    "seed": 0,
    "quota": 1,
    "upstream": "A",
    "downstream": "A",
    "spacer": 1,
}


@dataclass(frozen=True, slots=True)
class Salvage:
    """The config without its faulty values.

    Attributes:
        places: For each list, by its place in the config, which items of the file its items are.
        lost: The places in the file that are left out, as whole values.
        broken: Faults that values have together, and that showed once others were taken out: place and message.
    """

    config: DesignConfig
    places: Mapping[Loc, tuple[int, ...]]
    lost: frozenset[Loc]
    broken: tuple[tuple[Loc, str], ...] = ()


def salvage(tree: dict[str, Any], meant: Callable[[Loc], str]) -> Salvage | None:
    """What is left of the values of a faulty config; None where that is nothing to speak of.

    Args:
        tree: The values as the file has them; changed.
        meant: The key that an unknown one is likely to be, or nothing.
    """
    lost: set[Loc] = set()
    broken: list[tuple[Loc, str]] = []
    for turn in range(_ROUNDS):
        places: dict[Loc, tuple[int, ...]] = {}
        values = _compact(tree, (), places)
        try:
            return Salvage(DesignConfig.model_validate(values), places, frozenset(lost), tuple(broken))
        except ValidationError as error:
            found = [(one, in_file(tuple(one["loc"]), places)) for one in error.errors(include_url=False)]
        faults = [(one["type"], loc) for one, loc in found]
        if turn:  # those of the first are known
            broken += [(loc, one["msg"]) for one, loc in found if _is_broken(one, loc, lost)]
        # Misspelled keys first: put right, they are missing no longer.
        for kind, loc in sorted(faults, key=lambda fault: fault[0] != "extra_forbidden"):
            if not _take_out(tree, loc, kind, meant, lost):
                return None
    return None


def _is_broken(fault: Mapping[str, Any], loc: Loc, lost: set[Loc]) -> bool:
    """Whether values that the file has do not go together; not those that stand in for what was taken out."""
    if fault["type"] != BROKEN_RULE:
        return False
    return not any(place[: len(loc) + 1] == (*loc, key) for key in fault["ctx"]["of"] for place in lost)


def _take_out(tree: dict[str, Any], loc: Loc, kind: str, meant: Callable[[Loc], str], lost: set[Loc]) -> bool:
    """Remove the value that a fault is about; False where that would be the whole config."""
    path = _inside(tree, loc[:-1] if kind == "missing" else loc, lost)
    if path is None:
        return True
    if kind == "missing":
        parent, key = _at(tree, path), str(loc[-1])
        if isinstance(parent, dict) and (key in parent or key in _STAND_INS):
            parent.setdefault(key, _STAND_INS.get(key))
            return True
    elif kind == "extra_forbidden" and path:
        parent = _at(tree, path[:-1])
        value = parent.pop(path[-1], None)
        name = meant(loc)
        if name and name != path[-1]:  # one that is known elsewhere is put right no further
            parent.setdefault(name, value)
        return True
    if not path:
        return False
    lost.add(path)
    parent = _at(tree, path[:-1])
    if isinstance(parent, list):
        parent[int(path[-1])] = _GONE
    else:
        parent.pop(path[-1], None)
    return True


def _inside(tree: Any, loc: Loc, lost: set[Loc]) -> Loc | None:
    """The steps of a location that are in the tree, without the tags that pydantic adds; None if taken out already."""
    node: Any = tree
    path: Loc = ()
    for step in loc:
        if (*path, step) in lost:
            return None
        inside = (
            step in node
            if isinstance(node, dict)
            else isinstance(node, list) and isinstance(step, int) and step < len(node)
        )
        if inside:
            path = (*path, step)
            node = node[step]
    return path


def _at(tree: Any, path: Loc) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def _compact(node: Any, at: Loc, places: dict[Loc, tuple[int, ...]]) -> Any:
    """The values without those taken out; notes which items of each list are left."""
    if isinstance(node, dict):
        return {key: _compact(value, (*at, key), places) for key, value in node.items()}
    if not isinstance(node, list):
        return node
    left = [number for number, value in enumerate(node) if value is not _GONE]
    places[at] = tuple(left)
    return [_compact(node[number], (*at, place), places) for place, number in enumerate(left)]


def in_file(loc: Loc, places: Mapping[Loc, tuple[int, ...]]) -> Loc:
    """The place in the file of a place in what was salvaged; it may have the tags of unions in it, as pydantic adds."""
    found: list[int | str] = []
    at: Loc = ()
    for step in loc:
        items = places.get(at)
        known = items is not None and isinstance(step, int) and step < len(items)
        found.append(items[int(step)] if items is not None and known else step)
        if known or any(key[: len(at) + 1] == (*at, step) for key in places):
            at = (*at, step)
    return tuple(found)
