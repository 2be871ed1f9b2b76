"""Read a dataset: head, get, schema, and SQL on one pinned version."""

from __future__ import annotations

import json
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from dnadesign.usr.contract.arguments import count_of, ids_of
from dnadesign.usr.contract.errors import MissingKeyError
from dnadesign.usr.contract.mends import spelled
from dnadesign.usr.contract.wording import part_of
from dnadesign.usr.operations._duck import connect as duck_connect
from dnadesign.usr.operations._duck import told_as_ours
from dnadesign.usr.operations._few_rows import few_rows
from dnadesign.usr.operations._join import KEEP, ROW, duplicate_keys, merge_sql
from dnadesign.usr.operations._merge import merged_batches
from dnadesign.usr.operations._reads import reads_of
from dnadesign.usr.operations._scan import BATCH_ROWS, open_view, scan
from dnadesign.usr.operations._view import Query, View, check_fits
from dnadesign.usr.storage.event_log import read_all_events
from dnadesign.usr.storage.id_digests import digests_of
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import Version

if TYPE_CHECKING:  # only a name in signatures, see _duck
    import duckdb

SHOWN = 5
_SHOW_DELETED = spelled(
    "to see deleted records too, pass {}; to bring them back: {}",
    ("include_deleted=True", "--include-deleted"),
    ("restore", "usr restore"),
)
_LOOK = spelled("see that the ids are of this dataset; {} shows some", ("head", "usr head"))


def head(
    store: Store, n: int, *, columns: Sequence[str] | None, where: str | None = None, include_deleted: bool
) -> pa.Table:
    """The first ``n`` rows in base order: the base says which, then the overlays are asked for those only.

    With a condition, the first ones that fulfil it, found by a scan that ends there.
    """
    count_of(n, what="head: rows")
    if where is not None:
        found = scan(store, columns, where=where, include_deleted=include_deleted, limit=n)
        return found.read_all()
    short = few_rows(store, columns=columns, include_deleted=include_deleted, first=n)
    if short is not None:
        return short
    version, view, _ = open_view(store, columns=columns)
    with version:
        picked = tuple(view.pick(columns))
        key = tuple(view.pick(["id"]))
        first = _table(view, Query(columns=key, limit=n, include_deleted=include_deleted))
        wanted = tuple(first.column("id").to_pylist())
        return _table(view, Query(columns=picked, ids=wanted, include_deleted=include_deleted))


def get(
    store: Store, ids: Sequence[str], *, columns: Sequence[str] | None, include_deleted: bool
) -> pa.Table:
    """The rows of these ids, in base order.

    Raises:
        MissingKeyError: An id is not in the dataset, or deleted.
    """
    wanted = list(dict.fromkeys(ids_of(ids)))
    digests_of(pa.array(wanted, pa.string()), where="ids")
    found = few_rows(store, columns=columns, include_deleted=include_deleted, ids=wanted)
    if found is None:
        found = _joined_rows(store, wanted, columns=columns, include_deleted=include_deleted)
    missing = set(wanted) - set(found.column("id").to_pylist())
    if missing:
        raise _missing(store, [one for one in wanted if one in missing], len(wanted))
    return found if columns is None else found.select(range(len(columns)))


def _joined_rows(
    store: Store, ids: Sequence[str], *, columns: Sequence[str] | None, include_deleted: bool
) -> pa.Table:
    """The rows of these ids as the join gives them, the id behind the columns if it is not among them."""
    version, view, _ = open_view(store, columns=columns)
    with version:
        picked = tuple(view.pick(columns))
        key = [column for column in view.pick(["id"]) if column not in picked]
        query = Query(columns=(*picked, *key), ids=tuple(ids), include_deleted=include_deleted)
        return _table(view, query)


def _missing(store: Store, missing: list[str], total: int) -> MissingKeyError:
    """The error for ids that are not shown: those of deleted records, and those that no record has."""
    hidden = _joined_rows(store, missing, columns=["id"], include_deleted=True)
    deleted = set(hidden.column("id").to_pylist())
    strange = [one for one in missing if one not in deleted]
    problems = [
        f"{part_of(len(ids), total, 'id')} {what}: {', '.join(ids[:SHOWN])}{', ...' * (len(ids) > SHOWN)}"
        for ids, what in (
            (strange, "not there"),
            ([i for i in missing if i in deleted], "of deleted records"),
        )
        if ids
    ]
    return MissingKeyError(
        f"{store.dir}: {'; '.join(problems)}",
        mend=_SHOW_DELETED if deleted else _LOOK,
    )


def _table(view: View, query: Query) -> pa.Table:
    schema = pa.schema([(c.name, c.type) for c in query.columns])
    return pa.Table.from_batches(list(merged_batches(view, query, batch_size=BATCH_ROWS)), schema)


def schema(store: Store) -> pa.Schema:
    """The schema of the merged view."""
    version, view, _ = open_view(store)
    with version:
        return view.schema


def connect(store: Store, *, include_deleted: bool) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection with the views ``records`` and ``events`` of one pinned version.

    Raises:
        DuplicateKeyError: A key has several rows in a namespace, so that its record would come twice.
    """
    version, view, _ = open_view(store)
    try:
        check_fits(view, view.columns)
        connection = duck_connect(keep_order=False, statistics=True)
        query = Query(columns=tuple(view.columns), include_deleted=include_deleted)
        reads = reads_of(view, query)
        reads.check_all()
        with reads.told(), told_as_ours(str(store.dir)):
            inner = merge_sql(connection, view, query)
            if version.overlays:
                _check_once(connection, view, inner)
            connection.execute(
                f"CREATE VIEW records AS SELECT * EXCLUDE ({ROW}, {KEEP}) FROM ({inner}) WHERE {KEEP}"
            )
            _make_events(connection, store, version)
    except BaseException:
        version.close()
        raise
    weakref.finalize(connection, version.close)
    return connection


def _check_once(connection: duckdb.DuckDBPyConnection, view: View, inner: str) -> None:
    """Refuse a join that has more rows than the base."""
    found = connection.execute(f"SELECT count(*) FROM ({inner})").fetchone()
    if found is None or found[0] != view.version.base.footer.rows:
        raise duplicate_keys(view)


_EVENT_COLUMNS = (
    "timestamp_utc TIMESTAMPTZ, action VARCHAR, event_id VARCHAR, txid VARCHAR, batch_id VARCHAR, tool VARCHAR, "
    "run_id VARCHAR, host VARCHAR, pid BIGINT, registry_hash VARCHAR, args JSON, metrics JSON, artifacts JSON, "
    "maintenance JSON, fingerprint JSON, version VARCHAR"
)


def _make_events(connection: duckdb.DuckDBPyConnection, store: Store, version: Version) -> None:
    connection.execute(f"CREATE TABLE usr_events ({_EVENT_COLUMNS})")
    rows = []
    for event in read_all_events(store.fs, store.dir, end=version.log.end, log=version.log):
        found = event.to_dict()
        nested = [
            json.dumps(found[name]) for name in ("args", "metrics", "artifacts", "maintenance", "fingerprint")
        ]
        actor = event.actor
        rows.append(
            [event.timestamp_utc, event.action, event.event_id, event.txid, event.batch_id, actor.tool, actor.run_id,
             actor.host, actor.pid, event.registry_hash, *nested, event.version]
        )  # fmt: skip
    if rows:
        connection.executemany(f"INSERT INTO usr_events VALUES ({', '.join('?' * len(rows[0]))})", rows)
    connection.execute("CREATE VIEW events AS SELECT * FROM usr_events")
