"""A dataset as a few dictionaries: slow, in memory, and simple enough to be trusted, to compare a real one with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dnadesign.usr.contract.errors import DuplicateIDError, DuplicateKeyError, MissingKeyError
from dnadesign.usr.contract.identity import compute_id, normalize_sequence

Values = Mapping[str, Any]


@dataclass
class DatasetModel:
    """What a dataset holds after the changes that it acknowledged.

    Attributes:
        records: The base rows by id, in order; ``id``, ``bio_type``, ``sequence``, ``alphabet``, ``length``, ``source``.
        overlays: For each namespace the derived values of each id that has a row.
        deleted: The ids with a tombstone.
        actions: The actions of all events, in order.
    """

    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    overlays: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    actions: list[str] = field(default_factory=lambda: ["init"])

    def add_sequences(
        self,
        sequences: Iterable[str],
        *,
        bio_type: str,
        alphabet: str,
        source: str = "",
        on_conflict: str = "error",
    ) -> int:
        """Add sequences and return how many were new.

        Raises:
            DuplicateIDError: One is there already, or twice in the input, and conflicts are errors; nothing is added.
        """
        added: dict[str, dict[str, Any]] = {}
        for text in sequences:
            sequence = normalize_sequence(text, bio_type=bio_type, alphabet=alphabet)
            key = compute_id(bio_type, sequence)
            if key in self.records or key in added:
                if on_conflict == "error":
                    raise DuplicateIDError(f"{key} is there already")
                continue
            added[key] = {
                "id": key,
                "bio_type": bio_type,
                "sequence": sequence,
                "alphabet": alphabet,
                "length": len(sequence),
                "source": source,
            }
        self.records |= added
        if added:  # what changes nothing is no event
            self.actions.append("import_rows")
        return len(added)

    def write_overlay_part(self, namespace: str, rows: Mapping[str, Values]) -> int:
        """Give records derived values and return how many got some; ``rows`` has them by id.

        Raises:
            MissingKeyError: An id is not in the base; nothing is written.
            DuplicateKeyError: An id has a row in the namespace already; nothing is written.
        """
        there = self.overlays.get(namespace, {})
        for key in rows:
            if key not in self.records:
                raise MissingKeyError(f"{key} is not in the base")
            if key in there:
                raise DuplicateKeyError(f"{key} is in the namespace already")
        self.overlays[namespace] = there | {key: dict(values) for key, values in rows.items()}
        self.actions.append("write_overlay_part")
        return len(rows)

    def remove_overlay(self, namespace: str) -> None:
        """Drop a namespace's values.

        Raises:
            KeyError: It has none.
        """
        del self.overlays[namespace]
        self.actions.append("remove_overlay")

    def tombstone(self, keys: Iterable[str]) -> None:
        """Mark records as deleted."""
        self.deleted |= set(keys)
        self.actions.append("tombstone")

    def restore(self, keys: Iterable[str]) -> None:
        """Take the marks away."""
        self.deleted -= set(keys)
        self.actions.append("restore")

    def note(self, action: str) -> None:
        """A change that leaves all rows as they are, such as compaction or a tool's own event."""
        self.actions.append(action)

    def rows(
        self, columns: Mapping[str, Iterable[str]], *, include_deleted: bool = False
    ) -> list[dict[str, Any]]:
        """The merged rows, in base order.

        Args:
            columns: The derived columns of each namespace; what a record has no value for is None.
            include_deleted: Also the records that are marked as deleted.
        """
        found = []
        for key, record in self.records.items():
            if include_deleted or key not in self.deleted:
                merged = dict(record)
                for namespace, names in columns.items():
                    values = self.overlays.get(namespace, {}).get(key, {})
                    merged |= {name: values.get(name) for name in names}
                found.append(merged)
        return found
