"""What the figures were taken on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = (
    "dnadesign",
    "pyarrow",
    "duckdb",
    "numpy",
    "dnaio",
    "deltalake",
    "pylance",
    "pyiceberg",
    "orjson",
)
_BUSY = 0.15  # share of the processors' time from which on figures are not to be trusted
_LOOKED = 1.0  # seconds


def describe(folder: Path) -> dict[str, Any]:
    """Processor, memory, file system, versions and the commit."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "file_system": _file_system(folder),
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "commit": _commit(),
    }


def load() -> float:
    """The share of the processors' time that others use, looked at for a second in which this process does nothing.

    Where the system does not tell it, the load average of the last minute per core, this process included.
    """
    before = _processor_times()
    if before is None:
        return os.getloadavg()[0] / (os.cpu_count() or 1)
    time.sleep(_LOOKED)
    after = _processor_times() or before
    idle, every = after[0] - before[0], after[1] - before[1]
    return 1 - idle / every if every else 0.0


def _processor_times() -> tuple[int, int] | None:
    """The time that all processors together were idle, and all their time, in ticks."""
    try:
        times = [
            int(word) for word in Path("/proc/stat").read_text(encoding="ascii").split("\n")[0].split()[1:9]
        ]
    except OSError:
        return None
    return times[3] + times[4], sum(times)


def is_busy(load_before: float) -> bool:
    """Whether others were using the machine before the benchmarks began."""
    return load_before > _BUSY


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _file_system(folder: Path) -> str:
    if sys.platform != "linux":
        return "unknown"
    mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    inside = [m for m in mounts if folder.resolve().is_relative_to(m[1])]
    return max(inside, key=lambda m: len(m[1]))[2] if inside else "unknown"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    here = Path(__file__).parent
    ended = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, check=False
    )
    return ended.stdout.strip() or None
