"""The config's reference in Markdown, from the same schema that editors use."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

type Schema = Mapping[str, Any]

_INTRO = """\
# The config of `dense`

This page is generated from the schema: `dense schema --markdown`. The schema itself, for editors, comes from
`dense schema`. Keys without a default are required. Unknown keys, repeated keys and values of another type are
refused, with file, line and column. Relative paths are relative to the config file.
"""


def reference(schema: Schema) -> str:
    """The whole page; one heading a section, one row a key."""
    parts = [_INTRO]
    for title, section in _sections(schema):
        parts.append(f"## `{title}`\n\n{section['description']}\n" if title else "## Top level\n")
        parts.append(_table(section))
    return "\n".join(parts)


def _sections(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Every section once, in the order of the config, with the dotted place where it stands."""
    yield "", schema
    yield from _below(schema, schema["$defs"], "")


def _below(section: Schema, known: Mapping[str, Schema], at: str) -> Iterator[tuple[str, Schema]]:
    for key, spec in section.get("properties", {}).items():
        for name, is_list in _references(spec):
            place = f"{at}.{key}" if at else key
            place += "[]" if is_list else ""
            kind = known[name].get("properties", {}).get("kind", {}).get("const")
            yield (f"{place} with kind: {kind}" if kind else place), known[name]
            yield from _below(known[name], known, place)


def _references(spec: Schema, *, is_list: bool = False) -> Iterator[tuple[str, bool]]:
    if "$ref" in spec:
        yield str(spec["$ref"]).rsplit("/", 1)[-1], is_list
    for choice in [*spec.get("anyOf", ()), *spec.get("oneOf", ())]:
        yield from _references(choice, is_list=is_list)
    if "items" in spec:
        yield from _references(spec["items"], is_list=True)


def _table(section: Schema) -> str:
    required = set(section.get("required", ()))
    lines = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for key, spec in section.get("properties", {}).items():
        default = "" if key in required else _default(spec)
        lines.append(f"| `{key}` | {_value(spec)} | {default} | {spec.get('description', '')} |")
    return "\n".join(lines) + "\n"


def _default(spec: Schema) -> str:
    value = spec.get("default")
    if value is None or isinstance(value, dict):
        return "none" if value is None else "as below" if value else "none"
    return f"`{json.dumps(value)}`" if value != [] else "none"


def _value(spec: Schema) -> str:
    """What a value may be, in words."""
    if "const" in spec:
        return f"`{json.dumps(spec['const'])}`"
    if "enum" in spec:
        return ", ".join(f"`{one}`" for one in spec["enum"])
    choices = [*spec.get("anyOf", ()), *spec.get("oneOf", ())]
    if choices:
        return " or ".join(dict.fromkeys(_value(one) for one in choices if one.get("type") != "null"))
    if "$ref" in spec:
        return "section"
    if spec.get("type") == "array":
        return f"list of {_plural(_value(spec['items']))}" if "items" in spec else "list"
    if spec.get("type") == "object":
        return f"mapping to {_value(spec['additionalProperties'])}"
    names = {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true` or `false`"}
    return names[spec["type"]] + _bounds(spec)


def _plural(value: str) -> str:
    known = {"text": "texts", "section": "sections", "number": "numbers", "whole number": "whole numbers"}
    return known.get(value, value)


def _bounds(spec: Schema) -> str:
    words = [
        f"{sign} {spec[name]:g}"
        for name, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"))
        if name in spec
    ]
    return f" {' and '.join(words)}" if words else ""
