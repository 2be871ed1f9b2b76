"""The merged rows of a version in base order: by position where the cached keys say where rows belong, else by a join.

Before that, few rows that a condition on one overlay picks are looked for in its files. All ways give the same rows and the
same errors. By position nothing is hashed and no part is read before its turn, so that
memory does not grow with the overlays and the first rows come at once; whatever does not fit is left to the join, from the
row on that comes next.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from dnadesign.usr.operations._by_position import batches_by_position
from dnadesign.usr.operations._join import joined_batches
from dnadesign.usr.operations._overlay_hits import batches_of_hits
from dnadesign.usr.operations._view import Query, View, check_fits
from dnadesign.usr.storage.placement import NotPlaced


def merged_batches(view: View, query: Query, *, batch_size: int) -> Iterator[pa.RecordBatch]:
    """The rows of a query as batches of exactly the view's types, in base order.

    Raises:
        DuplicateKeyError: A key has several rows in a namespace.
        ValidationError: The condition is wrong.
        SchemaError: The condition names a column that is not there.
    """
    check_fits(view, query.columns)
    left = query.limit
    if left == 0:
        return
    for found in _batches(view, query, batch_size):
        batch = found
        if left is not None:
            batch = batch.slice(0, left)
            left -= batch.num_rows
        if batch.num_rows:
            yield batch
        if left == 0:
            return


def _batches(view: View, query: Query, batch_size: int) -> Iterator[pa.RecordBatch]:
    begin = 0
    try:
        yield from batches_of_hits(view, query, batch_size=batch_size)
        return
    except NotPlaced as found:
        begin = found.row
    try:
        if not begin:
            yield from batches_by_position(view, query, batch_size=batch_size)
            return
    except NotPlaced as found:
        begin = found.row
    yield from joined_batches(view, query, batch_size=batch_size, begin=begin)
