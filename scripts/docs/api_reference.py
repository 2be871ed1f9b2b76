"""The page of all public names of ``dnadesign.usr``, made from their signatures and docstrings."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from textwrap import dedent
from typing import Any, Literal, get_args, get_origin

from dnadesign import usr

_WIDTH = 100
_HIDDEN = ("self", "cls", "fs", "store")  # a file system other than the real one is for tests
_OURS = {  # what only usr itself calls
    "Transaction": ("record", "check_open", "check_complete"),
    "Report": ("passed", "note", "failed", "error"),
}
_SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises):\n((?:[ \t]+.*\n?|\n)*)", re.MULTILINE)
_ENTRY = re.compile(r"^(\S[^:\n]*): (.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
_ROLE = re.compile(r":\w+:`~?([^`]+)`")
_HEAD = """\
# The Python API of `dnadesign.usr`

*Made by `make docs` from the code's own signatures and docstrings.*

Every name here is imported from `dnadesign.usr`; what is not here may change without notice. Importing the package costs
next to nothing: a name is loaded when it is first used. Whatever holds columns can be handed in: pyarrow, polars,
pandas, DuckDB (the Arrow C stream interface). The pages behind [quickstart](quickstart.md) show the names at work.
"""


def api_reference() -> str:
    """The page's text."""
    kinds: dict[str, list[str]] = {"Dataset": [], "class": [], "function": [], "error": []}
    for name in usr.__all__:
        kinds["Dataset" if name == "Dataset" else _kind(getattr(usr, name))].append(name)
    parts = [
        _HEAD,
        *_class("Dataset", level=2),
        "## Functions\n",
        *(_callable(name, getattr(usr, name), level=3) for name in kinds["function"]),
        "## Values and other classes\n",
        *(part for name in kinds["class"] for part in _class(name, level=3)),
        _errors(kinds["error"]),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _kind(value: Any) -> str:
    if not inspect.isclass(value):
        return "function"
    return "error" if issubclass(value, BaseException) else "class"


def _class(name: str, *, level: int) -> Iterator[str]:
    value = getattr(usr, name)
    yield _callable(name, value, level=level)
    members = _members(value)
    short = [_in_short(member, found) for member, found in members.items() if _is_short(found)]
    if short:
        yield "It has:\n\n" + "".join(short)
    for member, found in members.items():
        if not _is_short(found):
            yield _callable(f"{name}.{member}", found, level=level + 1)


def _members(value: type) -> dict[str, Any]:
    """Public properties and methods, a class's own before those of its bases."""
    fields = {field.name for field in dataclasses.fields(value)} if dataclasses.is_dataclass(value) else set()
    found: dict[str, Any] = {}
    for home in value.__mro__[:-1]:
        for member, kept in vars(home).items():
            if (
                member.startswith("_")
                or member in fields | found.keys()
                or member in _OURS.get(value.__name__, ())
            ):
                continue
            if isinstance(kept, property) or callable(getattr(value, member)):
                found[member] = kept if isinstance(kept, property) else getattr(value, member)
    return found


def _is_short(member: Any) -> bool:
    """Whether a line says all about a member: a property, or a method without arguments and conditions."""
    if isinstance(member, property):
        return True
    return set(inspect.signature(member).parameters) <= {"self"} and "\n" not in (
        inspect.getdoc(member) or ""
    )


def _in_short(name: str, member: Any) -> str:
    if isinstance(member, property):
        return f"- `.{name}`: {_summary(member.fget)}\n"
    return f"- `.{name}() -> {member.__annotations__['return']}`: {_summary(member)}\n"


def _callable(name: str, value: Any, *, level: int) -> str:
    text, sections = _parts(inspect.getdoc(value) or "")
    lines = [f"{'#' * level} {name}\n", f"```python\n{_signature(name, value)}\n```\n", _plain(text) + "\n"]
    for title, entries in sections.items():
        if title in {"Returns", "Yields"}:
            lines.append(f"{title}: {entries[0][1]}\n")
            continue
        lines.append("".join(f"- `{entry}`: {told}\n" for entry, told in entries if entry not in _HIDDEN))
        if title == "Raises":
            lines[-1] = f"Raises:\n\n{lines[-1]}"
    return "\n".join(lines)


def _signature(name: str, value: Any) -> str:
    signature = inspect.signature(value)
    words = vars(sys.modules[value.__module__])
    pieces: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.name in _HIDDEN:
            continue
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in pieces:
            pieces.append("*")
        pieces.append(_parameter(parameter, words))
    returns = "" if inspect.isclass(value) else f" -> {_type(signature.return_annotation, words)}"
    line = f"{name}({', '.join(pieces)}){returns}"
    if len(line) <= _WIDTH:
        return line
    return f"{name}(\n" + "".join(f"    {piece},\n" for piece in pieces) + f"){returns}"


def _parameter(parameter: inspect.Parameter, words: Mapping[str, Any]) -> str:
    stars = ""
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        stars = "*"
    elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
        stars = "**"
    text = f"{stars}{parameter.name}: {_type(parameter.annotation, words)}"
    if parameter.default is inspect.Parameter.empty:
        return text
    default = parameter.default
    shown = repr(default).replace("<factory>", "...")
    return f"{text} = {shown}".replace("'", '"')


def _type(annotation: Any, words: Mapping[str, Any]) -> str:
    """An annotation as it is written, with names for a choice of literals spelled out."""
    if not isinstance(annotation, str):
        return getattr(annotation, "__name__", str(annotation))
    spelled = re.sub(r"Literal\[([^\]]+)\]", lambda found: found[1].replace(", ", " | "), annotation)
    return re.sub(r"\b[A-Z]\w+\b", lambda word: _choice(word[0], words.get(word[0])), spelled).replace(
        "'", '"'
    )


def _choice(name: str, value: Any) -> str:
    if get_origin(value) is not Literal:
        return name
    return " | ".join(repr(choice) for choice in get_args(value))


def _parts(doc: str) -> tuple[str, dict[str, list[tuple[str, str]]]]:
    """A docstring as its text, and each section's entries."""
    sections = {}
    for found in _SECTION.finditer(doc + "\n"):
        title, body = found[1], dedent(found[2]).strip() + "\n"
        entries = (
            [(e[1], _flat(e[2])) for e in _ENTRY.finditer(body)] if title not in {"Returns", "Yields"} else []
        )
        sections[title] = entries or [("", _flat(body))]
    return _SECTION.sub("", doc + "\n").strip(), sections


def _flat(text: str) -> str:
    return _plain(" ".join(text.split()))


def _plain(text: str) -> str:
    return _ROLE.sub(r"`\1`", text).replace("``", "`")


def _summary(value: Any) -> str:
    return _plain((inspect.getdoc(value) or "").partition("\n\n")[0].replace("\n", " "))


def _errors(names: list[str]) -> str:
    rows = [
        f"| `{name}` | `{error.__base__.__name__}` | `{error.code}` | {error.exit_status} | {_summary(error)} |"
        for name in names
        for error in [getattr(usr, name)]
    ]
    return "\n".join(
        [
            "## Errors\n",
            "Each has `message`, `mend` (what to do, or None) and `to_dict()`. The code and the exit status, which the",
            "command line ends with, stay the same between versions.\n",
            "| error | is a | code | exit status | meaning |",
            "|---|---|---|---|---|",
            *rows,
        ]
    )
