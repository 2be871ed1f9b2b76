"""Random choices as a pure function of their name, the same on every machine and Python version.

Python promises a stable sequence only for ``random.random()``, not for ``sample`` or ``shuffle``; a design run
that goes on after an interpreter upgrade must draw the same libraries, so the draws are spelled out here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import accumulate


class Stream:
    """An endless stream of random numbers named by a seed and a path, such as ``(7, "library", "plan", 3)``.

    The n-th block is SHA-256 of the name and n; numbers are read from it eight bytes at a time.
    """

    __slots__ = ("_block", "_key", "_words")

    def __init__(self, *name: int | str) -> None:
        spelled = "\x1f".join(f"{type(part).__name__}:{part}" for part in name)
        self._key = hashlib.sha256(spelled.encode()).digest()
        self._block = 0
        self._words: list[int] = []

    def word(self) -> int:
        """The next number of 64 bits."""
        if not self._words:
            digest = hashlib.sha256(self._key + self._block.to_bytes(8, "big")).digest()
            self._words = [int.from_bytes(digest[at : at + 8], "big") for at in (24, 16, 8, 0)]
            self._block += 1
        return self._words.pop()

    def below(self, bound: int) -> int:
        """A number from 0 to bound - 1, each equally likely."""
        limit = (1 << 64) - (1 << 64) % bound
        while True:
            word = self.word()
            if word < limit:
                return word % bound

    def unit(self) -> float:
        """A number in [0, 1) of 53 bits."""
        return (self.word() >> 11) * 2.0**-53

    def shuffled[T](self, items: Sequence[T]) -> list[T]:
        """The items in random order (Fisher and Yates)."""
        deck = list(items)
        for last in range(len(deck) - 1, 0, -1):
            other = self.below(last + 1)
            deck[last], deck[other] = deck[other], deck[last]
        return deck

    def weighted(self, weights: Sequence[float]) -> int:
        """An index with probability in proportion to its weight; the weights need not sum to one."""
        bounds = list(accumulate(weights))
        at = self.unit() * bounds[-1]
        return next((index for index, bound in enumerate(bounds) if at < bound), len(bounds) - 1)

    def dna(self, length: int, *, gc: float = 0.5) -> str:
        """A random sequence whose symbols are G or C with the given probability."""
        drawn = []
        for _ in range(length):
            pair = "GC" if self.unit() < gc else "AT"
            drawn.append(pair[self.below(2)])
        return "".join(drawn)
