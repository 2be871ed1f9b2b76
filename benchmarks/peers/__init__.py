"""The others, each behind the same few methods, and what each of them does not do that usr does.

They are installed by ``make setup-bench`` only, so each is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Protocol

import pyarrow as pa

NAMES = ("Lance", "Delta", "Iceberg")
_MODULES = {"Lance": "with_lance", "Delta": "with_delta", "Iceberg": "with_iceberg"}


class PeerTable(Protocol):
    """A table of another library at a path."""

    lacks: str

    def create(self, table: pa.Table) -> None:
        """Make the table with its first rows."""

    def append(self, table: pa.Table) -> None:
        """Add rows without looking at those that are there."""

    def insert_absent(self, table: pa.Table) -> None:
        """Add the rows whose ``id`` is not there."""


def peer_table(name: str, folder: Path) -> PeerTable:
    """The table of a peer in a folder."""
    module = import_module(f"benchmarks.peers.{_MODULES[name]}")
    found: PeerTable = module.Table(folder)
    return found
