"""The key set finds what a dictionary would, also where keys begin alike."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.usr.storage.key_index import KeySet, repeated

# Few distinct beginnings, so that many keys share their first 64 bits and the rest has to tell them apart.
KEYS = st.builds(
    lambda head, tail: bytes([head]) * 8 + bytes([tail]) * 12, st.integers(0, 3), st.integers(0, 9)
)


def digests(keys: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, 20)


@given(st.lists(KEYS, unique=True), st.lists(st.integers(1, 7)), st.lists(KEYS))
def test_a_key_set_finds_what_a_dictionary_would(
    keys: list[bytes], sizes: list[int], wanted: list[bytes]
) -> None:
    found, start = KeySet(), 0
    for size in [*sizes, len(keys)]:
        found.add(digests(keys[start : start + size]))
        start += size
    model = {key: ordinal for ordinal, key in enumerate(keys)}
    assert len(found) == len(keys)
    assert found.find(digests(wanted)).tolist() == [model.get(key, -1) for key in wanted]


@given(st.lists(KEYS))
def test_repeated_keys_are_those_seen_before(keys: list[bytes]) -> None:
    assert repeated(digests(keys)) == [row for row, key in enumerate(keys) if key in keys[:row]]
