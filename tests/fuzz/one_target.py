"""Fuzz one target in this process with Atheris, which never returns: ``python -m tests.fuzz.one_target NAME SECONDS HOME``.

libFuzzer, which Atheris drives, keeps inputs that reach new branches of the instrumented Python and makes others from them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["dnadesign", "tests.fuzz.usr_targets", "tests.fuzz.file_targets"]):
    from tests.fuzz.limits import MOST_RESIDENT_MIB, MOST_SECONDS, run_within_limits
    from tests.fuzz.splicing import spliced
    from tests.fuzz.targets import TARGETS, Target, found_inputs


def begin(name: str, seconds: int, home: Path) -> None:
    """Fuzz for so many seconds, or until the first find."""
    target = TARGETS[name]
    corpus, seeds, words = home / "corpus" / name, home / "seeds" / name, home / "words" / f"{name}.dict"
    for folder in (corpus, seeds, words.parent, home / "finds"):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate([*target.seeds(), *(path.read_bytes() for path in found_inputs(name))]):
        (seeds / f"{number:03}").write_bytes(seed)
    words.write_text("".join(f'"{_spelled(word)}"\n' for word in target.words), encoding="ascii")
    options = {
        "max_total_time": seconds,
        "max_len": target.most_bytes,
        "timeout": round(2 * MOST_SECONDS),  # for what never ends; what does is timed by itself
        "rss_limit_mb": MOST_RESIDENT_MIB,
        "artifact_prefix": f"{home / 'finds' / name}-",
        **({"dict": words} if target.words else {}),
        "print_final_stats": 1,
        "detect_leaks": 0,
    }
    given = [f"-{key}={value}" for key, value in options.items()]
    atheris.Setup(
        [sys.argv[0], *given, str(corpus), str(seeds)],
        lambda data: run_within_limits(target.read, data),
        **({"custom_mutator": _splicing(target)} if target.words else {}),
    )
    atheris.Fuzz()


def _splicing(target: Target) -> Callable[[bytes, int, int], bytes]:
    """What makes a new input of an old one: half of the time by whole parts, else as libFuzzer does."""
    donors = [*target.seeds(), *(word.encode("utf-8", "surrogatepass") for word in target.words)]

    def mutate(data: bytes, most_bytes: int, seed: int) -> bytes:
        made = spliced(data, donors, most_bytes, seed) if seed % 2 else None
        return made if made is not None else atheris.Mutate(data, most_bytes)

    return mutate


def _spelled(word: str) -> str:
    r"""A word as libFuzzer's dictionaries have it: bytes other than plain ones as ``\xAB``."""
    return "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\x{byte:02x}"
        for byte in word.encode("utf-8", "surrogatepass")
    )


if __name__ == "__main__":
    begin(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
