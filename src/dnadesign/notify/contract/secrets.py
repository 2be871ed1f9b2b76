"""Secrets: how they are held, where they come from, and how they are kept out of every text that leaves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from dnadesign.notify.contract.errors import UsageProblem

REDACTED = "[redacted]"

# Values that are secrets wherever they stand, whoever wrote them. Groups 1 and 2, where there are any, are kept.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"(hooks\.slack(?:-gov)?\.com/)(?:services|workflows|triggers)/[^\s\"'<>]+", rf"\1{REDACTED}"),
        (r"(discord(?:app)?\.com/api/)(?:v\d+/)?webhooks/[^\s\"'<>]+", rf"\1{REDACTED}"),
        (r"(\.(?:logic\.azure|webhook\.office|powerplatform)\.com(?::\d+)?/)[^\s\"'<>]+", rf"\1{REDACTED}"),
        (r"(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,20}://)[^\s/@\"'<>]{1,300}@", rf"\1{REDACTED}@"),
        (
            r"([?&](?:access_token|api_?key|auth|code|key|password|sig|signature|token)=)[^\s&\"'<>]+",
            rf"\1{REDACTED}",
        ),
        (r"\b(authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?\w{1,20}\s)[a-z0-9._~+/=-]+", rf"\1{REDACTED}"),
        (r"\b(bearer\s)[a-z0-9._~+/=-]{16,}", rf"\1{REDACTED}"),
        (r"\bwhsec_[a-z0-9+/=_-]+", REDACTED),
        (r"\bxox[abeoprs]-[a-z0-9-]+", REDACTED),
        (r"\bgh[opsur]_[a-z0-9]{20,}", REDACTED),
    )
)

# Each pattern needs one of these; most texts have none, and one search tells.
_SIGNS = re.compile(r"[/@=_]|authorization|bearer|xox", re.IGNORECASE)

_SHORTEST_SEGMENT = 16
_SHORTEST_VALUE = 6


class Secret:
    """A text that does not show itself: only ``reveal()`` gives it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one call that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(...)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> tuple[object, ...]:
        """Refuse to be pickled: a secret never goes into a file or to another process."""
        raise TypeError("a secret is not written anywhere")


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is kept: the name of an environment variable or the path of a file of mode 0600."""

    kind: Literal["env", "file"]
    where: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.where}"


def parse_secret_ref(text: str) -> SecretRef:
    """``env:NAME`` or ``file:PATH`` as a reference.

    Raises:
        UsageProblem: It is neither; the text is not repeated, since it may be the secret itself.
    """
    kind, colon, where = text.partition(":")
    if colon and where and kind == "env" and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", where):
        return SecretRef("env", where)
    if colon and kind == "file" and where and not where.startswith("//"):
        return SecretRef("file", where)
    raise UsageProblem(
        "a secret reference is env:NAME or file:PATH (the one given is neither, and is not shown here)",
        mend="put the secret into an environment variable or into a file of mode 0600, and name that",
    )


def secret_parts(url: str) -> frozenset[str]:
    """The texts that would give a webhook address away: the whole, its path and query, long segments, passwords."""
    parts = {url}
    try:
        split = urlsplit(url)
    except ValueError:
        return frozenset(parts)
    tail = split.path + (f"?{split.query}" if split.query else "")
    segments = [segment for segment in split.path.split("/") if segment]
    if len(tail) >= _SHORTEST_VALUE:
        parts.add(tail)
    parts.update(segment for segment in segments if len(segment) >= _SHORTEST_SEGMENT)
    if segments and len(segments[-1]) >= _SHORTEST_VALUE and not segments[-1].isalpha():
        parts.add(segments[-1])
    parts.update(value for value in re.split(r"[&=]", split.query) if len(value) >= _SHORTEST_SEGMENT)
    parts.update(
        value for value in (split.password, split.username) if value and len(value) >= _SHORTEST_VALUE
    )
    return frozenset(parts)


class Redactor:
    """Takes known secrets, and whatever looks like one, out of text."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        known: set[str] = set()
        for secret in secrets:
            for part in secret_parts(secret.reveal()):
                known.update((part, quote(part, safe=""), unquote(part), part.removeprefix("whsec_")))
        # Longest first, so that a part never leaves the rest of the whole behind.
        self._known = sorted((text for text in known if len(text) >= _SHORTEST_VALUE), key=len, reverse=True)

    def is_clean(self, texts: Iterable[str]) -> bool:
        """Whether there is nothing to replace in any of these texts; much faster than replacing in each."""
        # What stands in one of them stands in all of them joined.
        joined = "\n".join(texts)
        if any(known in joined for known in self._known):
            return False
        return not any(pattern.search(joined) for pattern, _ in _PATTERNS)

    def text(self, text: str) -> str:
        """The text with every secret replaced."""
        for known in self._known:
            if known in text:
                text = text.replace(known, REDACTED)
        if _SIGNS.search(text):
            for pattern, replacement in _PATTERNS:
                text = pattern.sub(replacement, text)
        return text

    def value(self, value: object) -> object:
        """A JSON value with every string in it (keys too) freed of secrets."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value


def texts_in(value: object) -> Iterator[str]:
    """Every string in a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from texts_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts_in(item)
