"""The grammar of dataset, namespace and column names; checked before any path is built."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dnadesign.usr.contract.errors import NamespaceError, ValidationError

TOMBSTONE_NAMESPACE = "usr"
STATE_NAMESPACE = "usr_state"

_NAMESPACE = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_ACTION = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_MAX_SEGMENT = 255  # what file systems take for one name
_MAX_NAMESPACE = _MAX_SEGMENT - len(".parquet")  # it is the name of a file too
_MAX_COLUMN = 1024
_MAX_ACTION = 200
_RESERVED_SEGMENTS = frozenset({"archived"})


def check_namespace(name: str, *, allow_builtin: bool = False) -> str:
    """Return ``name`` if it is a namespace that users may write to.

    Args:
        name: The candidate, ``[a-z][a-z0-9_]*`` without a double underscore.
        allow_builtin: Also accept ``usr``, the built-in namespace of the tombstones.

    Raises:
        NamespaceError: The name is outside the grammar or reserved.
    """
    if not isinstance(name, str) or not _NAMESPACE.fullmatch(name) or "__" in name:
        raise NamespaceError(
            f"{name!r} is not a namespace: expected a lower-case letter, then lower-case letters, digits and "
            "single underscores",
            mend="choose a name such as 'densegen' or 'my_scores'",
        )
    if len(name) > _MAX_NAMESPACE:
        raise NamespaceError(
            f"{name!r:.80} is not a namespace: it has {len(name)} characters, and the name of its file takes "
            f"{_MAX_NAMESPACE}",
            mend="choose a shorter name",
        )
    if name.endswith("_"):
        raise NamespaceError(
            f"{name!r} is not a namespace: it ends in an underscore, so its columns could not be told apart",
            mend=f"use {name.rstrip('_')!r}",
        )
    if name == TOMBSTONE_NAMESPACE and not allow_builtin:
        raise NamespaceError(
            "'usr' is built in (it holds the tombstones) and cannot be registered or written to",
            mend="use another namespace; to hide records use delete and restore",
        )
    return name


def check_dataset_id(name: str) -> str:
    """Return ``name`` if it is a dataset id: ``name`` or ``group/name``.

    Raises:
        NamespaceError: The id is outside the grammar (``..``, empty, absolute, ``archived/...``).
    """
    segments = name.split("/") if isinstance(name, str) else []
    fits = 1 <= len(segments) <= 2 and all(map(_SEGMENT.fullmatch, segments))
    if not fits or segments[0].lower() in _RESERVED_SEGMENTS:
        raise NamespaceError(
            f"{name!r} is not a dataset id: expected 'name' or 'group/name', each a letter or digit, then letters, "
            "digits and . _ - ('archived' is reserved)",
            mend="choose a name such as 'promoters' or 'lab/promoters'",
        )
    if (longest := max(map(len, segments))) > _MAX_SEGMENT:
        raise NamespaceError(
            f"{name!r:.80} is not a dataset id: a folder's name takes {_MAX_SEGMENT} characters, and this has {longest}",
            mend="choose a shorter name",
        )
    return name


def split_column(column: str) -> tuple[str, str]:
    """Split a derived column's name ``<namespace>__<field>`` into its two parts.

    Raises:
        NamespaceError: The name has no namespace, or either part is outside the grammar.
    """
    namespace, separator, field = column.partition("__")
    if not separator or not _FIELD.fullmatch(field) or len(column) > _MAX_COLUMN:
        raise NamespaceError(
            f"{column!r} is not a derived column: expected '<namespace>__<field>'",
            mend="name it like 'densegen__plan'",
        )
    return check_namespace(namespace, allow_builtin=True), field


def check_column(column: str, *, namespace: str) -> str:
    """Return ``column`` if it is a column of ``namespace``.

    Raises:
        NamespaceError: The name is outside the grammar or belongs to another namespace.
    """
    owner, field = split_column(column)
    if owner != namespace:
        raise NamespaceError(
            f"column {column!r} is not of namespace {namespace!r}",
            mend=f"name it '{namespace}__{field}'",
        )
    return column


def check_action(action: str) -> str:
    """Return ``action`` if it can name an event: ``[a-z][a-z0-9_]*``.

    Raises:
        ValidationError: The name is outside the grammar.
    """
    if not isinstance(action, str) or not _ACTION.fullmatch(action) or len(action) > _MAX_ACTION:
        raise ValidationError(
            f"{action!r} is not an action name: expected a lower-case letter, then lower-case letters, digits and _",
            mend="name it like 'densegen_health'",
        )
    return action


def check_batch_id(batch_id: str) -> str:
    """Return ``batch_id`` if it can name a batch: 1 to 512 printable characters.

    Whether it may name a new one is for :func:`~dnadesign.usr.contract.events.check_new_batch_id` to say.

    Raises:
        ValidationError: The id is empty, too long or has control characters.
    """
    if not isinstance(batch_id, str) or not 1 <= len(batch_id) <= 512 or not batch_id.isprintable():
        raise ValidationError(
            f"{batch_id!r:.80} is not a batch id: expected 1 to 512 printable characters",
            mend="build it from run, shard and number, such as 'run7:0/4:000012'",
        )
    return batch_id


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a mistyped one most likely meant, or None.

    One in four letters may be mistyped, counted in each part of a path by itself; case does not count. What another
    name begins with may stand for it.
    """
    near = {other: found for other in known if (found := _mistyped(name.lower(), other.lower())) is not None}
    letters = sorted(name.lower())
    return min(near, key=lambda other: (near[other], sorted(other.lower()) != letters), default=None)


_SHORTEST_BEGINNING = 3


def _mistyped(name: str, other: str) -> int | None:
    """How many letters of a name differ from another, or None if these are too many to have meant it."""
    parts, others = name.split("/"), other.split("/")
    if len(parts) != len(others):
        return None
    total = 0
    for part, wanted in zip(parts, others, strict=True):
        longest, shortest = max(len(part), len(wanted)), min(len(part), len(wanted))
        begins = shortest >= _SHORTEST_BEGINNING and part[:shortest] == wanted[:shortest]
        allowed = longest if begins else (longest + 1) // 4
        if longest - shortest > allowed or (count := _edits(part, wanted)) > allowed:
            return None
        total += count
    return total


def _edits(name: str, other: str) -> int:
    """How many letters have to be put in, taken out, replaced or swapped with the next to make one of the other."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(name, 1):
        older, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            count = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and name[i - 2] == wanted:
                count = min(count, older[j - 2] + 1)
            row.append(count)
    return row[-1]


def is_stored_namespace(name: str) -> bool:
    """Whether overlays can be stored under a name: a namespace's, or that of the tombstones."""
    try:
        check_namespace(name, allow_builtin=True)
    except NamespaceError:
        return False
    return True
