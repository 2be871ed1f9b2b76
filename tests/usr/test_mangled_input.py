"""Whatever bytes a file has, reading it gives a result or an error of this library, soon and in little memory."""

import gzip
import hashlib
import io
import resource
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dnadesign.densegen.adapters.inputs.config_file import load_config
from dnadesign.densegen.contract.errors import DensegenError
from dnadesign.usr.contract.errors import SequencesError
from dnadesign.usr.contract.events import Event
from dnadesign.usr.formats.sequence_files import read_sequences
from dnadesign.usr.formats.tables import read_pieces
from dnadesign.usr.storage.artifact_file import decode_arrays, encode_arrays
from dnadesign.usr.storage.filesystem import REAL, opened
from dnadesign.usr.storage.intent import Intent, Move, Publish, parse_intent
from dnadesign.usr.storage.parquet import encode, read_columns, read_footer
from dnadesign.usr.storage.parquet_footer import keep_row_groups, read_outline
from dnadesign.usr.storage.registry_file import parse_registry
from tests.examples import examples

TABLE = pa.table({"id": ["a", "b"], "m__x": [[1, 2], None], "m__s": [{"n": 1.5}, None]})
REGISTRY = b"""namespaces:
  usr_state:
    owner: null
    description: kept by usr
    columns:
      - {name: usr_state__masked, type: bool}
      - {name: usr_state__qc_status, type: string}
      - {name: usr_state__split, type: string}
      - {name: usr_state__supersedes, type: string}
      - {name: usr_state__lineage, type: list<string>}
"""
GENBANK = b"""LOCUS       SCU49845                20 bp    DNA     linear   PLN 21-JUN-1999
DEFINITION  a record.
ACCESSION   U49845
FEATURES             Location/Qualifiers
     source          1..20
ORIGIN
        1 gatcctccat atacaacggt
//
"""
CONFIG = (Path(__file__).parents[2] / "src/dnadesign/densegen/data/config.yaml").read_bytes()
EVENT = (
    b'{"event_version":1,"event_id":"901362f83fae45cbae664772ca158799","txid":"621b0c02cd0345ef9b8655706b0cb1e3","batch_id":null,'
    b'"batch_sha256":null,"timestamp_utc":"2026-11-28T05:28:22.452021Z","action":"x_y","dataset":{"name":"a","root":"/r"},'
    b'"actor":{"tool":"t","run_id":null,"host":"h","pid":1},"args":{},"metrics":{"rows":8},"artifacts":{"added":[],"removed":[]},'
    b'"maintenance":{},"fingerprint":{"rows":1,"cols":7,"size_bytes":1},"registry_hash":"' + b"0" * 64 + b'","version":"0.1.0"}\n'
)  # fmt: skip
INTENT = Intent("0" * 32, 10, EVENT, (Move("a", "b"),), (Publish("c", "d", 3, None),)).to_bytes()


def signed(body: bytes) -> bytes:
    """The lines of an intent with the checksum that fits them: damage behind it is what is looked for."""
    line = body.split(b"\n", 1)[0]
    return line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n"


def from_file(read: Callable[[Path], Any], suffix: str) -> Callable[[bytes, Path], Any]:
    def run(data: bytes, folder: Path) -> Any:
        path = folder / f"input{suffix}"
        path.write_bytes(data)
        return read(path)

    return run


def parquet(path: Path) -> None:
    with opened(REAL, path, "read") as file:
        footer = read_footer(file)
        keep_row_groups(footer.thrift, max(0, footer.metadata.num_row_groups - 1))
        read_columns(file)


def outline(path: Path) -> None:
    with opened(REAL, path, "read") as file:
        read_outline(file)


def framed(data: bytes, folder: Path) -> None:
    """A Parquet footer that is found, whatever is in it."""
    file = WHOLE[: -8 - len(FOOTER)] + data + struct.pack("<I", len(data)) + b"PAR1"
    from_file(parquet, ".parquet")(file, folder)


def outlined(data: bytes, folder: Path) -> None:
    """The same, as a glance reads it."""
    file = WHOLE[: -8 - len(FOOTER)] + data + struct.pack("<I", len(data)) + b"PAR1"
    from_file(outline, ".parquet")(file, folder)


WHOLE = encode(TABLE, {b"usr:overlay_key": b"id"})
FOOTER = WHOLE[-8 - int.from_bytes(WHOLE[-8:-4], "little") : -8]
FASTA = b">one some words\nACGT\nAC\n>two\nGGGG\n"
FASTQ = b"@one\nACGT\n+\nIIII\n@two\nGG\n+\nII\n"

READERS: dict[str, tuple[bytes, Callable[[bytes, Path], Any]]] = {
    "registry": (REGISTRY, lambda data, _: parse_registry(data, source="registry.yaml")),
    "event": (EVENT, lambda data, _: Event.from_json_line(data)),
    "intent": (INTENT, lambda data, _: parse_intent(data, path=Path("intent.json"), synced=False)),
    "signed intent": (INTENT, lambda data, _: parse_intent(signed(data), path=Path("i"), synced=True)),
    "parquet": (WHOLE, from_file(parquet, ".parquet")),
    "parquet footer": (FOOTER, framed),
    "parquet outline": (WHOLE, from_file(outline, ".parquet")),
    "parquet footer outline": (FOOTER, outlined),
    "npz": (
        encode_arrays({"x": np.arange(3), "y": np.array(["a", "bc"])}).data,
        lambda data, _: decode_arrays(data, where="x.npz", sha256=hashlib.sha256(data).hexdigest()),
    ),
    "fasta": (FASTA, from_file(lambda p: list(read_sequences(p)), ".fasta")),
    "fasta.gz": (gzip.compress(FASTA, mtime=0), from_file(lambda p: list(read_sequences(p)), ".fasta.gz")),
    "fastq": (FASTQ, from_file(lambda p: list(read_sequences(p)), ".fastq")),
    "genbank": (GENBANK, from_file(lambda p: list(read_sequences(p)), ".gb")),
    "csv": (b'a,b\n1,"x\ny"\n2,z\n', from_file(lambda p: list(read_pieces(p)), ".csv")),
    "csv.gz": (gzip.compress(b"a,b\n1,2\n", mtime=0), from_file(lambda p: list(read_pieces(p)), ".csv.gz")),
    "jsonl": (b'{"a":1,"b":[1,{"c":null}]}\n{"a":"x"}\n', from_file(lambda p: list(read_pieces(p)), ".jsonl")),
    "table": (WHOLE, from_file(lambda p: list(read_pieces(p)), ".parquet")),
    "config": (CONFIG, from_file(load_config, ".yaml")),
}  # fmt: skip

NASTY = [
    b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n", b'"', b"[" * 3000, b"{" * 3000, b'{"a":' * 2000, b"&a [*a]",
    b"\xff" * 9, b"9" * 400, b"1e999", b"NaN", b"\\ud800", b"\xe2\x80\xa8", b"- " * 500, b"!!python/object:os.system x",
]  # fmt: skip
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(NASTY) | st.binary(max_size=6)),
    min_size=1,
    max_size=4,
)


def mangled(data: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for where, cut, put in edits:
        place = int(where * len(data))
        data = data[:place] + put + data[place + cut :]
    return data


@pytest.mark.parametrize("kind", READERS)
def test_mangled_files_are_read_or_refused_and_nothing_else(kind: str, tmp_path: Path) -> None:
    whole, read = READERS[kind]
    read(whole, tmp_path)

    @settings(
        max_examples=examples(30), deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(EDITS)
    @example([(0.0, 12, b"")])
    @example([(1.0, 0, b"\0")])
    @example([(0.5, 10**6, b"")])
    def search(edits: list[tuple[float, int, bytes]]) -> None:
        try:
            read(mangled(whole, edits), tmp_path)
        except SequencesError as error:
            assert error.message
            assert error.mend, f"an error without a mend: {error}"
        except DensegenError as error:
            assert str(error)

    search()


def bomb(size: int) -> bytes:
    """An npz whose one array claims, and unpacks to, that many bytes of zeros."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (size,)})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made, made.open("x.npy", "w") as entry:
        entry.write(header.getvalue())
        for _ in range(size >> 20):
            entry.write(bytes(1 << 20))
    return archive.getvalue()


@pytest.mark.parametrize("claimed", [(1 << 40,), (-3,), (1 << 33, 1 << 33), (2,)])
def test_an_array_that_claims_more_than_it_has_is_refused_before_room_is_made(
    claimed: tuple[int, ...],
) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": claimed})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("x.npy", header.getvalue() + b"x")
    data = archive.getvalue()
    with pytest.raises(SequencesError, match="claims"):
        decode_arrays(data, where="x.npz", sha256=hashlib.sha256(data).hexdigest())


def test_a_small_artifact_does_not_unpack_into_a_great_one() -> None:
    data = bomb(1 << 28)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SequencesError):
        decode_arrays(data, where="x.npz", sha256=hashlib.sha256(data).hexdigest())
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 << 10  # KiB
