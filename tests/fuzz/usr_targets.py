"""What reads the files and texts of usr, each with what must be true of a result."""

from __future__ import annotations

import contextlib
import hashlib
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa

from dnadesign.usr.contract.errors import CorruptFileError, EventLogError, SequencesError
from dnadesign.usr.contract.event_outline import outline_of
from dnadesign.usr.contract.events import MAX_LINE_BYTES, Event
from dnadesign.usr.contract.redaction import redact
from dnadesign.usr.contract.registry import Namespace, diff_registries, parse_columns_spec
from dnadesign.usr.contract.type_grammar import parse_type
from dnadesign.usr.contract.types import arrow_type_str, parse_type_str
from dnadesign.usr.storage.artifact_file import decode_arrays, encode_arrays
from dnadesign.usr.storage.filesystem import REAL, opened
from dnadesign.usr.storage.intent import Intent, parse_intent
from dnadesign.usr.storage.log_file import LogFile
from dnadesign.usr.storage.log_lines import last_line_end, read_lines, read_lines_backward
from dnadesign.usr.storage.parquet import Footer, encode, read_columns, read_footer
from dnadesign.usr.storage.parquet_footer import keep_row_groups, read_outline
from dnadesign.usr.storage.registry_edit import edit_registry
from dnadesign.usr.storage.registry_file import parse_registry, registry_bytes
from tests.fuzz.memory_file import memory_file, written

TABLE = pa.table(
    {
        "id": ["a", "b", "c"],
        "m__x": [[1, 2], None, []],
        "m__s": [{"n": 1.5, "t": "x"}, None, {"n": None, "t": ""}],
    }
)
PARQUET = encode(TABLE, {b"usr:overlay_key": b"id", b"usr:schema_version": b"1"})
FOOTER = PARQUET[-8 - int.from_bytes(PARQUET[-8:-4], "little") : -8]
_ADDED = Namespace(
    "zz", tuple(parse_columns_spec("zz__a:int64,zz__b:list<string>", namespace="zz")), owner="o: #"
)


def text_of(data: bytes) -> str:
    """The bytes as a text; what is not UTF-8 becomes single surrogates, as in the arguments of a program."""
    return data.decode("utf-8", "surrogateescape")


def type_string(data: bytes) -> None:
    tree = parse_type(text_of(data))
    spelled = str(tree)
    assert parse_type(spelled) == tree
    kind = parse_type_str(spelled)
    assert arrow_type_str(kind) == spelled
    assert parse_type_str(arrow_type_str(kind)) == kind


def column_spec(data: bytes) -> None:
    columns = parse_columns_spec(text_of(data), namespace="ns")
    spelled = ",".join(f"{column.name}:{column.type}" for column in columns)
    assert parse_columns_spec(spelled, namespace="ns") == columns


def registry(data: bytes) -> None:
    found = parse_registry(data, source="registry.yaml")
    normal = registry_bytes(found)
    again = parse_registry(normal, source="normal form")
    assert again == found
    assert registry_bytes(again) == normal
    assert diff_registries(found, again) == ()


def registry_edit(data: bytes) -> None:
    found = parse_registry(data, source="registry.yaml")
    edited = edit_registry(data, _ADDED, source="registry.yaml")
    assert parse_registry(edited, source="edited") == found.with_namespace(_ADDED)
    first = next(iter(found))
    changed = Namespace(first.name, first.columns, owner="new owner", description=first.description)
    assert parse_registry(
        edit_registry(data, changed, source="registry.yaml"), source="edited"
    ) == found.with_namespace(changed)


def event(data: bytes) -> None:
    outline = outline_of(data)
    try:
        found = Event.from_json_line(data)
    except EventLogError:
        assert outline is None, "a line that is no event has an outline"
        raise
    if outline is not None:
        assert (outline.event_id, outline.batch_id) == (found.event_id, found.batch_id)
        assert (outline.timestamp_utc, outline.action) == (found.timestamp_utc, found.action)
        assert outline.metrics == found.metrics
        assert outline.artifacts == found.artifacts
        assert outline_of(data.rstrip(b"\n") + b"\n") is not None
    if found.time.utcoffset() is None:
        raise AssertionError("an event's time has no zone")
    line = found.to_json_line()
    assert len(line) <= MAX_LINE_BYTES
    assert Event.from_json_line(line) == found


def event_log(data: bytes) -> None:
    file = memory_file(data)
    end = last_line_end(file, len(data))
    assert end == data.rfind(b"\n") + 1
    lines = list(read_lines(file, 0, end))
    assert lines == list(read_lines_backward(file, end))[::-1]
    assert b"".join(line.raw for line in lines) == data[:end]
    log = LogFile.of(file, Path("memory"))
    for raw in lines:
        line = log.line(raw)
        assert (line.event is None) == (line.error is not None) == (not line.is_event)
        assert line.after.offset == raw.end
    log.last_event_id()


def redaction(data: bytes) -> None:
    text = text_of(data)
    once = redact(text)
    assert redact(once) == once
    pair = redact({"given": [text, text[::-1]], text: text})
    assert redact(pair) == pair


def signed(line: bytes) -> bytes:
    """An intent's first line with the checksum that fits it: what it says is what is looked for."""
    body = line.split(b"\n", 1)[0]
    return body + b"\n" + hashlib.sha256(body).hexdigest().encode() + b"\n"


def intent(data: bytes) -> None:
    with contextlib.suppress(CorruptFileError):
        found = parse_intent(data, path=Path("intent.json"), synced=False)
        assert parse_intent(found.to_bytes(), path=Path("intent.json"), synced=False) == found
    found = parse_intent(signed(data), path=Path("intent.json"), synced=True)
    _check_intent(found)
    encoded = found.to_bytes()
    again = parse_intent(encoded, path=Path("intent.json"), synced=True)
    assert again == found
    assert again.to_bytes() == encoded


def _check_intent(found: Intent) -> None:
    """What recovery relies on: paths are texts, sizes and offsets numbers."""
    assert type(found.log_offset) is int
    assert found.log_offset >= 0
    texts = [found.txid, *(path for move in found.moves for path in (move.source, move.target))]
    texts += [path for publish in found.publishes for path in (publish.staged, publish.target)]
    texts += [remove.target for remove in found.removes]
    assert all(type(text) is str for text in texts)
    assert all(type(p.bytes) is int and (p.sha256 is None or type(p.sha256) is str) for p in found.publishes)


def parquet_footer(data: bytes) -> None:
    file = memory_file(PARQUET[: -8 - len(FOOTER)] + data + struct.pack("<I", len(data)) + b"PAR1")
    for keep in (0, 1):
        with contextlib.suppress(CorruptFileError):
            keep_row_groups(data, keep)
    glance = read_outline(file)
    try:
        footer = Footer.parse(data, file.stat().size)
    except (OSError, ValueError, pa.ArrowException):
        return  # what a glance takes for whole may be nothing to Arrow, which looks at all of it
    assert glance.rows == footer.rows
    assert glance.columns == tuple(footer.schema.names)
    assert glance.key_values == footer.key_values


def parquet_file(data: bytes) -> None:
    with opened(REAL, written(data, "table.parquet"), "read") as file:
        with contextlib.suppress(SequencesError):
            read_outline(file)
        footer = read_footer(file)
        keep_row_groups(footer.thrift, max(0, footer.metadata.num_row_groups - 1))
        table = read_columns(file)
    assert table.num_rows == footer.rows


def npz_file(data: bytes) -> None:
    found = decode_arrays(data, where="x.npz", sha256=hashlib.sha256(data).hexdigest())
    made = encode_arrays(found)
    again = decode_arrays(made.data, where="x.npz", sha256=made.sha256)
    assert sorted(again) == sorted(found)
    for name, array in found.items():
        assert again[name].shape == array.shape
        np.testing.assert_array_equal(again[name], array)
    assert encode_arrays(again).data == made.data
