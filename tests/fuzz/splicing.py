"""Put a part of one text in the place of a part of another: whole words, and what stands between matching brackets.

libFuzzer changes bytes, after which brackets seldom match; a reader of nested texts then hardly gets beyond the first.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

_MOST_BYTES = 1 << 12  # of a text that is taken apart; longer ones are left to libFuzzer
_TOKEN = re.compile(rb"[A-Za-z0-9_.+-]+|\"[^\"\\\n]*\"|[\[\](){}<>]")
_CLOSES = {b"]": b"[", b")": b"(", b"}": b"{", b">": b"<"}


def parts_of(text: bytes) -> list[tuple[int, int]]:
    """Where words stand, and brackets that match, with the word before them."""
    found: list[tuple[int, int]] = []
    opened: list[tuple[bytes, int]] = []
    word_start, word_end = 0, -1
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in _CLOSES.values():
            opened.append((mark, word_start if word_end == token.start() else token.start()))
        elif mark in _CLOSES:
            if opened and opened[-1][0] == _CLOSES[mark]:
                start = opened.pop()[1]
                found.append((start, token.end()))
                word_start, word_end = start, token.end()  # as in fixed_size_list<...>[8]
        else:
            word_start, word_end = token.span()
            found.append(token.span())
    return found


def spliced(text: bytes, donors: Sequence[bytes], most_bytes: int, seed: int) -> bytes | None:
    """The text with one of its parts replaced, doubled or left out; None where that cannot be done."""
    chance = random.Random(seed)
    donor = text if not donors or chance.random() < 0.3 else chance.choice(donors)
    if max(len(text), len(donor)) > _MOST_BYTES:
        return None
    places, gifts = parts_of(text), parts_of(donor)
    if not places or not gifts:
        return None
    (start, end), (first, last) = chance.choice(places), chance.choice(gifts)
    gift = donor[first:last]
    way = chance.random()
    if way < 0.1:
        gift = b""
    elif way < 0.2:
        gift = text[start:end] + b"," + gift
    made = text[:start] + gift + text[end:]
    return made if len(made) <= most_bytes else None
