"""The attempts of a run as Parquet: numbered parts while it goes on, one ``attempts.parquet`` when it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from dnadesign.densegen.contract.batches import Shard
from dnadesign.densegen.contract.errors import FileError
from dnadesign.densegen.contract.ports import Attempt

_TYPES = {
    "attempt_id": pa.int64(),
    "library_index": pa.int64(),
    "solution_index": pa.int64(),
    "library_sha256": pa.string(),
    "status": pa.string(),
    "detail": pa.string(),
    "seconds": pa.float64(),
    "at": pa.string(),
    "library_done": pa.bool_(),
}
SCHEMA = pa.schema([pa.field(field.name, _TYPES[field.name]) for field in fields(Attempt)])
WHOLE_SCHEMA = pa.schema([pa.field("plan", pa.string()), pa.field("shard", pa.string()), *SCHEMA])
_BATCH = b"densegen:batch_id"


class ParquetAttemptLog:
    """Parts under ``<run folder>/attempts/<shard>/<plan>/``; a part is written whole or not at all."""

    def __init__(self, run_folder: Path, shard: Shard) -> None:
        self._run_folder = run_folder
        self._folder = run_folder / "attempts" / shard.name

    def write_part(
        self, plan: str, number: int, attempts: Sequence[Attempt], *, batch_id: str | None
    ) -> None:
        """Write (or write again) part ``number`` of a plan."""
        table = pa.Table.from_pylist([asdict(attempt) for attempt in attempts], schema=SCHEMA)
        table = table.replace_schema_metadata({_BATCH: (batch_id or "").encode()})
        _write_whole(table, self._path(plan, number))

    def parts(self, plan: str) -> Iterator[tuple[int, str | None, Sequence[Attempt]]]:
        """Number, batch and attempts of each part of a plan, in order."""
        for path in sorted((self._folder / plan).glob("part-*.parquet")):
            table = _read(path)
            batch = (table.schema.metadata or {}).get(_BATCH, b"").decode() or None
            yield int(path.stem.removeprefix("part-")), batch, [Attempt(**row) for row in table.to_pylist()]

    def drop_from(self, plan: str, number: int) -> None:
        """Remove part ``number`` of a plan and all after it, the last one first."""
        for path in sorted((self._folder / plan).glob("part-*.parquet"), reverse=True):
            if int(path.stem.removeprefix("part-")) >= number:
                path.unlink()

    @contextlib.contextmanager
    def exclusive_flush(self) -> Iterator[None]:
        """Held by one shard of the run at a time."""
        self._run_folder.mkdir(parents=True, exist_ok=True)
        with (self._run_folder / ".flush.lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _path(self, plan: str, number: int) -> Path:
        return self._folder / plan / f"part-{number:06d}.parquet"


def read_attempts(run_folder: Path) -> pa.Table:
    """All attempts of all shards of a run, with the columns ``plan`` and ``shard`` before the others."""
    tables = []
    for path in sorted((run_folder / "attempts").glob("shard-*/*/part-*.parquet")):
        table = _read(path).replace_schema_metadata(None)
        for name, value in (("shard", path.parent.parent.name), ("plan", path.parent.name)):
            table = table.add_column(0, name, pa.array([value] * len(table), pa.string()))
        tables.append(table)
    return pa.concat_tables(tables) if tables else WHOLE_SCHEMA.empty_table()


def write_attempts(run_folder: Path) -> Path:
    """Gather the parts of all shards into ``attempts.parquet``."""
    path = run_folder / "attempts.parquet"
    _write_whole(read_attempts(run_folder), path)
    return path


def _read(path: Path) -> pa.Table:
    """A part as it was written.

    Raises:
        FileError: It is damaged.
    """
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        return table.select(SCHEMA.names).cast(SCHEMA).replace_schema_metadata(table.schema.metadata)
    except (pa.ArrowException, OSError, KeyError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the system let nobody read it
            raise
        raise FileError(
            f"{path}: a part of the log of attempts is damaged: {str(error).splitlines()[0]}",
            mend=f"move it away (mv {shlex.quote(str(path))} /tmp); the designs are in the dataset, and --resume goes on "
            "from there, trying again what was tried since",
        ) from error


def _write_whole(table: pa.Table, path: Path) -> None:
    """Write under a hidden name, sync, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    pq.write_table(table, hidden, write_page_checksum=True)
    with hidden.open("rb") as handle:
        os.fsync(handle.fileno())
    hidden.replace(path)
