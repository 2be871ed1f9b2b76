"""Random namespaces and registries."""

from __future__ import annotations

from hypothesis import strategies as st

from dnadesign.usr.contract.registry import USR_STATE, Namespace, Registry, RegistryColumn
from tests.usr.contract.type_examples import field_names, type_trees

# Words that YAML 1.1 or 1.2 takes for something else than text, and characters that need quoting
_TRICKY = [
    "on",
    "off",
    "yes",
    "no",
    "y",
    "n",
    "null",
    "~",
    "true",
    "3",
    "1.5",
    "1e3",
    "0x1",
    "0o7",
    "12:30:45",
]
_TRICKY += [
    "2026-01-01",
    "<<",
    "=",
    "a: b",
    "a #b",
    "- a",
    "? a",
    "[a]",
    "{a}",
    "&a",
    "*a",
    "!a",
    "%a",
    "@a",
    "`a",
]
_TRICKY += [
    "'a'",
    '"a"',
    " a",
    "a ",
    "a\nb",
    "\n",
    "a\n",
    "\ta",
    "a\r\nb",
    "|",
    ">",
    "---",
    "...",
    "é",
    "\x85",
    "😀",
]
_TRICKY += ["\u2028", "\ufeff", "\x00", "\x07", "a, b", "x" * 300, "word " * 60]

notes = st.none() | st.sampled_from(_TRICKY) | st.text(st.characters(codec="utf-8"), max_size=12)
namespace_names = st.sampled_from(["a", "on", "no", "y", "n1", "a_b", "null", "mock"]) | st.from_regex(
    r"[a-z][a-z0-9]{0,5}", fullmatch=True
).filter(lambda name: name != "usr")


@st.composite
def namespaces(draw: st.DrawFn, name: str | None = None) -> Namespace:
    name = draw(namespace_names) if name is None else name
    fields = draw(st.lists(field_names, min_size=1, max_size=4, unique_by=str.lower))
    columns = tuple(RegistryColumn(f"{name}__{field}", str(draw(type_trees))) for field in fields)
    return Namespace(name=name, columns=columns, owner=draw(notes), description=draw(notes))


registries = st.lists(namespaces(), max_size=3, unique_by=lambda namespace: namespace.name).map(
    lambda found: Registry((USR_STATE, *found))
)
