"""A DuckDB connection set up for this library: quiet, bounded, offline, and keeping the base's order.

Rows come out of an outer join in the order of its left side if one thread runs it, the optimizer does not swap the
sides, and nothing is held back (see ``_base_source``); rows of several threads are put in order (see ``_reorder``). The
readers check that this held (see ``_merge``).
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dnadesign.usr.contract.errors import CorruptFileError, SequencesError, StorageError, ValidationError

if TYPE_CHECKING:  # loaded at the first query: commands that only look at footers or events do without it
    import duckdb

MEMORY_VARIABLE = "USR_MEMORY_LIMIT"
DEFAULT_MEMORY = "1GB"

_NOT_OURS = "'usr validate' says whether a file is damaged; if none is, please report it"
_KEEPS_ORDER = frozenset({"join_order", "build_side_probe_side", "statistics_propagation"})
_BY_STATISTICS = frozenset(
    {"filter_pushdown", "join_filter_pushdown", "partial_aggregate_pushdown", "row_group_pruner",
     "statistics_propagation"}
)  # fmt: skip


def connect(
    *, keep_order: bool, threads: int | None = None, statistics: bool = False
) -> duckdb.DuckDBPyConnection:
    """A connection of its own, in memory.

    Args:
        keep_order: Whether the left side of a join must be the one whose rows come as they are read: in their order if
            one thread reads them, piece by piece if there are more.
        threads: How many threads it may use; as many as there are processors when None.
        statistics: Whether rows may be left out unread where the statistics in a file say that none is wanted. Nothing
            tells whether these are damaged: they stand in headers of pages, of which no checksum is kept.

    Raises:
        ValidationError: ``USR_MEMORY_LIMIT`` is no size such as ``2GB``.
    """
    import duckdb  # heavy, see above

    spill = Path(tempfile.gettempdir()) / f"usr-duckdb-{os.getpid()}"
    limit = os.environ.get(MEMORY_VARIABLE) or DEFAULT_MEMORY
    try:
        connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": limit,
                "temp_directory": str(spill),
                "autoinstall_known_extensions": False,
            },
        )
    except duckdb.Error as error:
        raise ValidationError(
            f"{MEMORY_VARIABLE} is {limit!r}: {first_line(error)}", mend="give a size such as 2GB or 500MB"
        ) from error
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    if threads is not None:
        connection.execute(f"SET threads = {threads}")
    _do_without(
        connection, (_KEEPS_ORDER if keep_order else set()) | (set() if statistics else _BY_STATISTICS)
    )
    return connection


def _do_without(connection: duckdb.DuckDBPyConnection, optimizers: Set[str]) -> None:
    if optimizers:
        connection.execute(f"SET disabled_optimizers = '{','.join(sorted(optimizers))}'")


@contextmanager
def without_statistics(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Have a connection that may leave rows out by statistics read all of them in this block."""
    _do_without(connection, _BY_STATISTICS)
    yield  # where it fails, the connection is done with
    connection.execute("RESET disabled_optimizers")


def first_line(error: BaseException) -> str:
    """What an error says, without the lines that only point at it."""
    return str(error).split("\n", 1)[0]


@contextmanager
def told_as_ours(where: str) -> Iterator[None]:
    """Tell what DuckDB raises as errors of this library.

    Raises:
        ValidationError: The query is wrong.
        StorageError: Memory or disk ran out.
        CorruptFileError: A file cannot be read.
    """
    import duckdb  # heavy, see above

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise StorageError(
            f"{where}: {first_line(error)}",
            mend=f"raise {MEMORY_VARIABLE} (now {os.environ.get(MEMORY_VARIABLE) or DEFAULT_MEMORY}), or read fewer "
            "columns",
        ) from error
    except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException) as error:
        raise ValidationError(f"{where}: {first_line(error)}", mend=_NOT_OURS) from error
    except (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException) as error:
        raise ValidationError(f"{where}: {first_line(error)}", mend=_NOT_OURS) from error
    except (duckdb.IOException, duckdb.SerializationException) as error:
        if os.strerror(errno.EMFILE) in str(error):
            raise StorageError(
                f"{where}: has more files than this process may open",
                mend="merge the parts of its overlays (usr maintenance overlay-compact --namespace NAME --reason TEXT), or raise 'ulimit -n'",
            ) from error
        raise CorruptFileError(
            f"{where}: a file cannot be read: {first_line(error)}", mend="'usr validate' names the file"
        ) from error
    except duckdb.Error as error:
        raise SequencesError(f"{where}: {first_line(error)}", mend=_NOT_OURS) from error


def identifier(name: str) -> str:
    """A column name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string as SQL."""
    return "'" + text.replace("'", "''") + "'"
