"""Keys as the cache on the disk has them, beside keys as the files have them."""

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa

from dnadesign.usr import Dataset
from dnadesign.usr.contract.layout import KEYS
from dnadesign.usr.storage.filesystem import FileSystem, opened
from dnadesign.usr.storage.id_digests import digests_of
from dnadesign.usr.storage.key_index import KeyIndex
from dnadesign.usr.storage.key_state import follow
from dnadesign.usr.storage.save_rule import SaveRule
from dnadesign.usr.testing.simulated import SimulatedFileSystem

EAGER = SaveRule(files=1, rows=1, share=1 << 40)


def eager(dataset: Dataset) -> Dataset:
    """A dataset whose keys are put on the disk after every change that looks at them."""
    dataset._store.save_rule = EAGER
    return dataset


def told(index: KeyIndex, ids: list[str]) -> dict[str, Any]:
    """All that an index answers."""
    digests = digests_of(pa.array(ids, pa.string()), where="test")
    coverage = {}
    for namespace in sorted({*index.namespaces, *index.waiting}):
        found = index.coverage(namespace)
        names = [None, *found.files]
        files = [names[number] for number in found.numbers.tolist()]
        while files and files[-1] is None:
            files.pop()
        if found.files:
            coverage[namespace] = (files, sorted(found.files), len(found.strangers), found.repeated)
    return {
        "rows": len(index.base),
        "ordinals": dict(zip(ids, index.base.find(digests).tolist(), strict=True)),
        "coverage": coverage,
        "keyed by sequence": index.other_keys,
        "types": {name: types for name, types in index.stored_types.items() if types},
    }


def fresh_index(fs: FileSystem, folder: Path) -> KeyIndex:
    """The keys as a process that begins has them."""
    return follow(fs, folder, None).index


def index_of_files(fs: SimulatedFileSystem, folder: Path) -> KeyIndex:
    """The keys as the files have them, without any cache."""
    bare = fs.clone()
    for name in cached_files(bare, folder):
        bare.unlink(folder / KEYS / name)
    return follow(bare, folder, None).index


def cached_files(fs: FileSystem, folder: Path) -> list[str]:
    """The files of the cache."""
    return [entry.name for entry in fs.list(folder / KEYS)]


def damage(fs: FileSystem, path: Path, random: Random) -> str:
    """Delete a file, cut it, lengthen it, or change some of it; what was done."""
    how = random.choice(["deleted", "cut", "longer", "changed", "emptied", "zeroed"])
    if how == "deleted":
        fs.unlink(path)
        return how
    with opened(fs, path, "write") as file:
        size = file.stat().size
        data = bytearray(file.read_at(0, size))
        at = random.randrange(max(1, size))
        if how == "cut":
            data = data[:at]
        elif how == "longer":
            data += b"\0" * random.randrange(1, 64)
        elif how == "emptied":
            data.clear()
        elif how == "zeroed":
            data[at : at + 4096] = bytes(len(data[at : at + 4096]))
        elif data:
            data[at] ^= 1 << random.randrange(8)
        file.truncate(0)
        file.write_at(0, bytes(data))
    return f"{how} at {at}"


def random_digests(count: int, seed: int = 0) -> np.ndarray:
    """Keys without order; shape (count, 20)."""
    return np.random.default_rng(seed).integers(0, 256, (count, 20), dtype=np.uint8)
