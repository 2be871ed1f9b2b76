"""What reads the files of other programs and of people: sequences, tables, motifs, configs, profiles."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import yaml

from dnadesign.densegen.adapters.inputs.config_file import config_sha256, load_config
from dnadesign.densegen.adapters.inputs.motif_file import read_motifs
from dnadesign.densegen.adapters.inputs.site_table import read_sites
from dnadesign.densegen.contract.config import PwmInput, SitesInput
from dnadesign.notify.adapters.durable_files import read_json
from dnadesign.notify.adapters.profile_files import parse_profile
from dnadesign.notify.contract.events import event_from_line, skim_line
from dnadesign.notify.contract.watch_state import watch_state_from_dict
from dnadesign.usr.contract.errors import SchemaError
from dnadesign.usr.formats.sequence_files import read_sequences
from dnadesign.usr.formats.tables import Piece, read_pieces
from tests.fuzz.memory_file import written

_SITES = SitesInput.model_validate({"name": "s", "kind": "sites", "path": "s.csv"})
_MOTIFS = {
    form: PwmInput.model_validate({"name": "m", "kind": "pwm", "path": "m", "format": form, "count": 3})
    for form in ("meme", "jaspar")
}


def _sequences(data: bytes, name: str) -> list[str]:
    found: list[str] = []
    for piece in read_sequences(written(data, name)):
        column = piece.column("sequence", pa.string(), what="sequences", parse_json=False)
        found += column.to_pylist()
    return found


def fasta(data: bytes) -> None:
    found = _sequences(data, "a.fasta")
    if all(found):
        again = "".join(f">{number}\n{sequence}\n" for number, sequence in enumerate(found))
        assert _sequences(again.encode(), "again.fasta") == found


def fastq(data: bytes) -> None:
    found = _sequences(data, "a.fastq")
    again = "".join(
        f"@{number}\n{sequence}\n+\n{'I' * len(sequence)}\n" for number, sequence in enumerate(found)
    )
    assert _sequences(again.encode(), "again.fastq") == found


def genbank(data: bytes) -> None:
    _sequences(data, "a.gb")


def _table(data: bytes, name: str) -> None:
    for piece in read_pieces(written(data, name)):
        _columns(piece.names, piece)


def _columns(names: Iterable[str], piece: Piece) -> None:
    for name in names:
        for kind in (pa.string(), pa.float64(), pa.list_(pa.int64()), pa.timestamp("us", "UTC")):
            with contextlib.suppress(SchemaError):
                piece.column(name, kind, what="table", parse_json=True)


def csv_table(data: bytes) -> None:
    _table(data, "a.csv")


def jsonl_table(data: bytes) -> None:
    _table(data, "a.jsonl")


def packed_table(data: bytes) -> None:
    _table(data, "a.csv.gz" if data[:1] == b"\x1f" else "a.csv.zst")


def config(data: bytes) -> None:
    loaded = load_config(written(data, "config.yaml"))
    assert len(config_sha256(loaded.config, {})) == 64
    loaded.where("plans", 0, "quota")
    dumped = json.dumps(loaded.config.model_dump(mode="json"), allow_nan=False)  # JSON is YAML
    assert load_config(written(dumped.encode(), "again.yaml")).config == loaded.config


def site_table(data: bytes) -> None:
    read_sites(_SITES, written(data, "s.csv"))


def motifs(data: bytes) -> None:
    form = "jaspar" if data[:1] == b">" else "meme"
    for motif in read_motifs(_MOTIFS[form], written(data, "m.txt")):
        assert all(abs(sum(row) - 1) < 1e-6 for row in motif.rows)


def profile(data: bytes) -> None:
    found = parse_profile(data.decode("utf-8", "replace"), path=Path("p.yaml"))
    content = found.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    text = yaml.safe_dump({"version": found.version, **content}, sort_keys=False, allow_unicode=True)
    assert parse_profile(text, path=Path("again.yaml")) == found


def cursor(data: bytes) -> None:
    raw = read_json(written(data, "cursor.json"))
    assert raw is not None
    found = watch_state_from_dict(raw, path="cursor.json")
    assert watch_state_from_dict(json.loads(json.dumps(found.to_dict())), path="again.json") == found


def _repeats_a_name(data: bytes) -> bool:
    repeated = False

    def noting(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal repeated
        found = dict(pairs)
        repeated |= len(found) < len(pairs)
        return found

    json.loads(data, object_pairs_hook=noting)
    return repeated


def told_event(data: bytes) -> None:
    """An event as notify takes it: known by its beginning or read in full, it is the same."""
    full = event_from_line(data, dataset="d", event_id="e")
    glance = skim_line(data)
    if glance is None or full is None or _repeats_a_name(data):
        return  # no program that writes JSON repeats a name; a glance takes the first, JSON the last
    assert (glance.event_id, glance.action, glance.time) == (full.event_id, full.action, full.time)
    assert (glance.dataset, glance.tool, glance.run_id) == (full.dataset, full.tool, full.run_id)
    assert glance.metrics == full.metrics
