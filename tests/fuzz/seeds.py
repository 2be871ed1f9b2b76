"""Real inputs to begin from: what the library itself writes, its own example files, and the docs'."""

from __future__ import annotations

import gzip
import json
import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import yaml

from dnadesign.densegen.contract.config import DesignConfig
from dnadesign.notify.contract.events import Kind
from dnadesign.notify.contract.messages import Message
from dnadesign.notify.contract.watch_state import Folded, RunState, WatchState
from dnadesign.usr import Dataset, register_namespace
from dnadesign.usr.storage.artifact_file import encode_arrays
from dnadesign.usr.storage.intent import Intent, Move, Publish, Remove

ROOT = Path(__file__).parents[2]
_SEQUENCES = ["ACGT", "acgtn", "GGGGCCCC"]
_COLUMNS = "m__score:float64,m__sites:list<string>,m__box:fixed_size_list<float32>[4],m__at:struct<x:int64,t:timestamp[us, UTC]>"

TYPES = (
    b"float64",
    b"list<large_list<string>>",
    b"fixed_size_list<float32>[16]",
    b"struct<a:int64,b:struct<c:timestamp[ms, Europe/Berlin],D:list<bool>>>",
    b" timestamp [ us , UTC ] ",
    b"struct<a:" + b"list<" * 31 + b"int8" + b">" * 32,
)
SPECS = (b"ns__a:int64", b"ns__a:list<struct<x:int64,y:string>>,ns__b:timestamp[us, UTC],ns__c:string")
FASTA = (b">one some words\nACGT\nAC\n>two\nGGGG\n", b">p|1\r\nMKV*\r\n", b">\nAC GT\n\n>x\n")
FASTQ = (b"@one\nACGT\n+\nIIII\n@two\nGG\n+two\nII\n",)
GENBANK = (
    b"""LOCUS       SCU49845                20 bp    DNA     linear   PLN 21-JUN-1999
DEFINITION  a record.
ACCESSION   U49845
VERSION     U49845.1
FEATURES             Location/Qualifiers
     source          1..20
                     /organism="Saccharomyces cerevisiae"
     CDS             complement(join(1..3,<5..>9))
                     /gene="a"
ORIGIN
        1 gatcctccat atacaacggt
//
""",
)
CSV = (b'a,b\n1,"x\ny"\n2,z\n', b"\xef\xbb\xbfid,n\r\na,[1]\r\nb,\r\nc,2026-01-02T03:04:05Z\r\n")
JSONL = (b'{"a":1,"b":[1,{"c":null}]}\n{"a":"x"}\n', b'{"a":"2026-01-02T03:04:05Z","b":1e5}\n')
PACKED = (
    gzip.compress(CSV[0], mtime=0),
    pa.compress(CSV[0], codec="zstd", asbytes=True),
)
MOTIFS = (
    b">MA0001.1\tlexA\nA [ 1 2 3 ]\nC [ 4 5 6 ]\nG [ 7 8 9 ]\nT [ 1 1 1 ]\n",
    b"MEME version 4\n\nALPHABET= ACGT\n\nBackground letter frequencies\nA 0.25 C 0.25 G 0.25 T 0.25\n\n"
    b"MOTIF MA1 lexA\nletter-probability matrix: alength= 4 w= 2 nsites= 20\n 0.5 0.5 0 0\n 0.1 0.2 0.3 0.4\n",
)
SITES = (b"tf,tfbs\nlexA,CTGTATATATATACAG\ncrp,TGTGA\n",)
REDACTED = (
    b"curl -H 'Authorization: Bearer abcdefghijklmnop' https://user:pass@host.example/x?token=abc&y=1",
    b"--token=abc --author me https://hooks.slack.com/services/T0/B0/abcdefgh postgres://u:p@h/db",
    b"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
    b"AKIA0123456789ABCDEF ghp_0123456789abcdefghijklmnopqrstuvwxyz password: hunter2",
)


@cache
def _dataset_files() -> tuple[bytes, bytes, bytes]:
    """The registry, the log and the base of a dataset that has been through a few changes."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as root:
        register_namespace(
            root, namespace="m", columns=_COLUMNS, owner="the lab", description="scores: made up"
        )
        dataset = Dataset(root, "lab/a").init()
        ids = dataset.add_sequences(_SEQUENCES, bio_type="dna", alphabet="dna_5", source="seeds").ids
        rows = {"id": list(ids), "m__score": [0.5, None, 1.0]}
        dataset.write_overlay_part("m", pa.table(rows), batch_id="b-1")
        dataset.log_event(
            "densegen_completed", args={"plan": ["a", {"n": 1}]}, metrics={"rows": 3, "rate": 0.25}
        )
        dataset.freeze_registry(maintenance=True)
        log, base = dataset.events_path.read_bytes(), dataset.records_path.read_bytes()
        return Path(root, "registry.yaml").read_bytes(), log, base


def registries() -> tuple[bytes, ...]:
    data = _dataset_files()[0]
    flow = json.dumps(yaml.safe_load(data)).encode()
    return (data, flow, data.replace(b"\n", b"\r\n"), b"# kept\n" + data + b"  # at the end\n")


def event_lines() -> tuple[bytes, ...]:
    older = (
        b'{"event_version":1,"timestamp_utc":"2026-01-02T03:04:05+01:00","action":"x","extra":{"a":[1e3]}}\n'
    )
    return (*_dataset_files()[1].splitlines(keepends=True), older)


def event_logs() -> tuple[bytes, ...]:
    return (_dataset_files()[1], b"".join(event_lines()) + b'{"torn')


def intents() -> tuple[bytes, ...]:
    whole = Intent(
        txid="0" * 32,
        log_offset=10,
        event_bytes=event_lines()[0],
        moves=(Move("_derived/m.parquet", "_derived/_archived/m/x"),),
        publishes=(Publish(".usr/staging/a", "records.parquet", 3, None), Publish("c", "d", 0, "0" * 64)),
        removes=(Remove("_snapshots/records-x.auto.parquet"),),
    )
    return (whole.to_bytes(), Intent("1" * 32, 0, b"").to_bytes())


def parquet_files() -> tuple[bytes, ...]:
    return (_dataset_files()[2],)


def footers() -> tuple[bytes, ...]:
    base = _dataset_files()[2]
    return (base[-8 - int.from_bytes(base[-8:-4], "little") : -8],)


def npz_files() -> tuple[bytes, ...]:
    arrays = {
        "x": np.arange(3),
        "y": np.array(["a", "bc"]),
        "z": np.zeros((2, 0, 3), "f4"),
        "s": np.array(1 + 2j),
    }
    return (encode_arrays(arrays).data, encode_arrays({"b": np.array([True])}).data)


def configs() -> tuple[bytes, ...]:
    data = ROOT / "src/dnadesign/densegen/data"
    written = (data / "config.yaml").read_bytes()
    plain = DesignConfig.model_validate(yaml.safe_load(written)).model_dump(mode="json")
    return (written, json.dumps(plain).encode())


def profiles() -> tuple[bytes, ...]:
    page = (ROOT / "docs/notify/profiles.md").read_text(encoding="utf-8")
    shown = page.split("```yaml\n")[1].split("```")[0].encode()
    return (shown, b"version: 1\nprovider: slack\nwebhook: {env: HOOK}\nsource: {events: /a/b}\n")


def cursors() -> tuple[bytes, ...]:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    run = RunState("lab/a", "densegen", "r1", now, now, quotas={"0": 9}, done={"0": 3}, told_at=1.5)
    run.folded = Folded(events=2, rows=3, first_id="a", last_id="b")
    message = Message("k", Kind.PROGRESS, "a title", "2026-01-02T00:00:00Z", "t", "s", facts=(("rows", "3"),))
    place = {"device": 1, "inode": 2, "offset": 3, "head": "0" * 64}
    full = WatchState(position=place, runs={("lab/a", "densegen", "r1"): run}, outbox=[message])
    return (json.dumps(full.to_dict()).encode(), json.dumps(WatchState().to_dict()).encode())
