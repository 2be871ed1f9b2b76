"""What a dataset promises, seen through the facade on real files."""

import json
import os
import re
import threading
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnadesign.usr import (
    Actor,
    AlphabetError,
    BatchConflict,
    Dataset,
    DatasetNotFound,
    DuplicateIDError,
    DuplicateKeyError,
    EventFollower,
    EventLogError,
    MaintenanceRequired,
    MissingKeyError,
    NamespaceError,
    OverlayLayoutError,
    SchemaError,
    SequencesError,
    TransactionResult,
    ValidationError,
    compute_id,
    register_namespace,
    registry_hash,
    use_actor,
)
from dnadesign.usr.operations._keys import Key
from dnadesign.usr.storage.filesystem import FileStat, Mode, RealFile, RealFileSystem

from .conftest import add, scores


def events(dataset: Dataset) -> list[dict]:
    return [json.loads(line) for line in dataset.events_path.read_bytes().splitlines()]


def files(dataset: Dataset) -> dict[str, bytes]:
    """Every file of a dataset that is not private to the library."""
    return {
        str(path.relative_to(dataset.dir)): path.read_bytes()
        for path in sorted(dataset.dir.rglob("*"))
        if path.is_file() and ".usr" not in str(path.relative_to(dataset.dir))
    }


def test_a_new_dataset_is_empty_valid_and_has_one_event(dataset: Dataset) -> None:
    assert dataset.to_arrow().num_rows == 0
    assert dataset.validate().ok
    assert [e["action"] for e in events(dataset)] == ["init"]


def test_init_twice_is_refused_and_changes_nothing(dataset: Dataset) -> None:
    before = files(dataset)
    with pytest.raises(ValidationError, match="there already"):
        dataset.init()
    assert files(dataset) == before


@pytest.mark.parametrize(
    "name", ["..", "a/..", "", "/a", "a//b", "archived/x", "a/b/c", ".a", "a/.b", "a\\b", "a b"]
)
def test_names_outside_the_grammar_are_refused_before_any_path_is_built(tmp_path: Path, name: str) -> None:
    with pytest.raises(NamespaceError):
        Dataset(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_ids_are_the_hash_of_bio_type_and_trimmed_sequence_with_case_kept(dataset: Dataset) -> None:
    result = dataset.add_sequences([" ACGT\n", "acgt"], bio_type="dna", alphabet="dna_4")
    assert result.ids == (compute_id("dna", "ACGT"), compute_id("dna", "acgt"))
    assert dataset.to_arrow(["sequence", "length"]).to_pylist() == [
        {"sequence": "ACGT", "length": 4},
        {"sequence": "acgt", "length": 4},
    ]


def test_a_conflict_is_an_error_that_changes_nothing_or_a_skip_that_is_counted(dataset: Dataset) -> None:
    add(dataset, "AAAA", "CCCC")
    before = files(dataset)
    with pytest.raises(DuplicateIDError, match="row 1"):
        add(dataset, "GGGG", "AAAA")
    with pytest.raises(DuplicateIDError, match="more than once"):
        add(dataset, "TTTT", "TTTT")
    assert files(dataset) == before
    result = dataset.add_sequences(
        ["GGGG", "AAAA", "GGGG"], bio_type="dna", alphabet="dna_4", on_conflict="ignore"
    )
    assert (result.added, result.skipped) == (1, 2)
    assert dataset.to_arrow(["sequence"]).column(0).to_pylist() == ["AAAA", "CCCC", "GGGG"]
    assert events(dataset)[-1]["metrics"] | {"bytes": 0} == {
        "rows": 1, "rows_incoming": 3, "rows_skipped": 2, "bytes": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "error", "says"),
    [
        (["ACNT"], AlphabetError, "row 0, column 'sequence': symbol 'N' at position 3"),
        (["ACGT", " "], AlphabetError, "row 1, column 'sequence': the sequence is empty"),
        ([{"sequence": "ACGT", "sorce": "x"}], SchemaError, "did you mean 'source'"),
        ([{"sequence": "ACGT", "length": 5}], SchemaError, "column 'length': 5 is given, 4 follows"),
        ([{"sequence": "ACGT", "id": "0" * 40}], SchemaError, "column 'id'"),
        ([{"sequence": "ACGT", "created_at": datetime(2026, 1, 1)}], ValidationError, "no time zone"),  # noqa: DTZ001
        ([{"sequence": None}], SchemaError, "row 0, column 'sequence': is empty"),
        ([{"sequence": 5}], ValidationError, "row 0, column 'sequence': 5 is not a string"),
        ([5], ValidationError, "row 0: expected a mapping"),
        ("ACGT", ValidationError, "expected several sequences, found one text"),
        ([{"source": "x"}], SchemaError, "column 'sequence' is missing"),
    ],
)
def test_bad_rows_are_refused_by_row_and_column_and_change_nothing(
    dataset: Dataset, rows: object, error: type[SequencesError], says: str
) -> None:
    before = files(dataset)
    with pytest.raises(error, match=re.escape(says)):
        dataset.add_sequences(rows, bio_type="dna", alphabet="dna_4")
    assert files(dataset) == before


def test_rows_can_say_their_own_kind_and_time(dataset: Dataset) -> None:
    when = datetime(2025, 5, 1, tzinfo=UTC)
    dataset.import_rows(
        [
            {"sequence": "MKX", "bio_type": "protein", "alphabet": "protein_21", "created_at": when},
            {"sequence": "ACGU", "bio_type": "rna", "alphabet": "rna_4", "source": "lab"},
        ],
        source="default",
    )
    rows = dataset.to_arrow(["bio_type", "source", "created_at"]).to_pylist()
    assert [(r["bio_type"], r["source"]) for r in rows] == [("protein", "default"), ("rna", "lab")]
    assert rows[0]["created_at"] == when


def test_every_file_carries_the_registry_hash_and_the_parts_their_contract(
    dataset: Dataset, root: Path
) -> None:
    ids = add(dataset, "AAAA", "CCCC")
    result = dataset.write_overlay_part("score", scores(ids, [1.0, 2.0]))
    wanted = registry_hash(root).encode()
    base = pq.read_metadata(dataset.records_path).metadata
    part = pq.read_metadata(dataset.dir / str(result.path)).metadata
    assert base[b"usr:registry_hash"] == part[b"usr:registry_hash"] == wanted
    assert part[b"usr:overlay_namespace"] == b"score"
    assert part[b"usr:overlay_key"] == b"id"
    assert len(part[b"usr:namespace_contract_hash"]) == 64
    assert part[b"usr:txid"].decode() == events(dataset)[-1]["txid"]
    assert all(e["registry_hash"] == wanted.decode() for e in events(dataset))


def test_several_parts_are_read_as_one_in_base_order(dataset: Dataset) -> None:
    ids = add(dataset, "AAAA", "CCCC", "GGGG", "TTTT")
    dataset.write_overlay_part("score", scores((ids[3], ids[0]), [4.0, 1.0]))
    dataset.write_overlay_part("score", scores((ids[1],), [2.0]))
    assert dataset.to_arrow(["id", "score__x"]).to_pydict() == {
        "id": list(ids),
        "score__x": [1.0, 2.0, None, 4.0],
    }


def test_nested_values_come_back_in_exactly_the_registered_types(dataset: Dataset) -> None:
    ids = add(dataset, "AAAA", "CCCC", "GGGG")
    rows = {
        "id": list(ids),
        "score__vec": [[1.0, 2.5], None, [0.0, -1.0]],
        "score__sites": [[{"tf": "CRP", "offset": 3}, None], [], None],
        "score__meta": [{"name": "a", "gc": None}, None, {"name": None, "gc": 0.5}],
        "score__n": [2**62, None, -1],
        "score__when": pa.array([1_000_000_001, None, -1], pa.timestamp("ns", "UTC")),
    }
    dataset.write_overlay_part("score", pa.table(rows))
    table = dataset.to_arrow([name for name in rows if name != "score__when"])
    assert table.to_pydict() == {name: values for name, values in rows.items() if name != "score__when"}
    when = dataset.to_arrow(["score__when"]).column(0)
    assert when.type == pa.timestamp("ns", "UTC")
    assert when.cast(pa.int64()).to_pylist() == [1_000_000_001, None, -1]
    assert table.schema.field("score__vec").type == pa.list_(pa.float32(), 2)


@pytest.mark.parametrize(
    ("table", "error", "says"),
    [
        ({"score__x": [1.0]}, SchemaError, "key column 'id' is missing"),
        ({"id": ["KEY"], "score__y": [1.0]}, SchemaError, "did you mean 'score__x'"),
        ({"id": ["KEY"], "score__x": ["1"]}, SchemaError, "score__x"),
        ({"id": ["KEY"], "score__n": [1.5]}, SchemaError, "score__n"),
        ({"id": ["KEY"], "score__vec": [[1.0]]}, SchemaError, "score__vec"),
        ({"id": ["KEY"]}, SchemaError, "no column of the namespace"),
        ({"id": ["0" * 40], "score__x": [1.0]}, MissingKeyError, "1 of 1 key is not in the base"),
        ({"id": ["nonsense"], "score__x": [1.0]}, SchemaError, "'nonsense' is not an id"),
        ({"id": ["KEY", "KEY"], "score__x": [1.0, 2.0]}, DuplicateKeyError, "twice in the data"),
    ],
)
def test_a_part_that_does_not_fit_is_refused_and_changes_nothing(
    dataset: Dataset, table: dict, error: type[SequencesError], says: str
) -> None:
    (key,) = add(dataset, "ACGT")
    before = files(dataset)
    given = {name: [key if v == "KEY" else v for v in values] for name, values in table.items()}
    with pytest.raises(error, match=re.escape(says)):
        dataset.write_overlay_part("score", pa.table(given))
    assert files(dataset) == before


def test_a_key_that_another_part_has_is_refused_with_up_to_five_keys(dataset: Dataset) -> None:
    ids = add(dataset, *["".join(s) for s in ("AAAA", "CCCC", "GGGG", "TTTT", "ACAC", "AGAG", "ATAT")])
    dataset.write_overlay_part("score", scores(ids, [0.0] * 7))
    before = files(dataset)
    with pytest.raises(DuplicateKeyError, match="7 of 7 keys are in the namespace already") as caught:
        dataset.write_overlay_part("score", scores(ids, [1.0] * 7))
    assert sum(i in str(caught.value) for i in ids) == 5
    assert files(dataset) == before


def test_allow_missing_leaves_unknown_keys_out_and_says_how_many(dataset: Dataset) -> None:
    ids = add(dataset, "AAAA")
    result = dataset.write_overlay_part("score", scores((*ids, "0" * 40), [1.0, 2.0]), allow_missing=True)
    assert (result.rows, result.rows_missing) == (1, 1)
    assert events(dataset)[-1]["metrics"]["rows_missing"] == 1
    empty = dataset.write_overlay_part("score", scores(("1" * 40,), [1.0]), allow_missing=True)
    assert (empty.rows, empty.rows_missing, empty.path) == (0, 1, None)
    assert dataset.validate().ok


@pytest.mark.parametrize(
    ("key", "value"), [("sequence", "ACGT"), ("sequence_norm", " ACGT "), ("sequence_ci", "acGT")]
)
def test_sequence_keys_are_resolved_to_ids_when_written(dataset: Dataset, key: Key, value: str) -> None:
    ids = add(dataset, "ACGT")
    result = dataset.write_overlay_part(
        "score", pa.table({"seq": [value], "score__x": [1.0]}), key=key, key_col="seq"
    )
    assert pq.read_table(dataset.dir / str(result.path)).column("id").to_pylist() == list(ids)


def test_keys_are_compared_as_they_are_stored(dataset: Dataset) -> None:
    add(dataset, "ACGT")
    with pytest.raises(MissingKeyError):
        dataset.write_overlay_part(
            "score", pa.table({"sequence": [" ACGT"], "score__x": [1.0]}), key="sequence"
        )


def test_a_namespace_stored_as_file_and_as_parts_is_an_error_everywhere(dataset: Dataset) -> None:
    ids = add(dataset, "AAAA", "CCCC")
    result = dataset.write_overlay_part("score", scores(ids[:1], [1.0]))
    (dataset.dir / "_derived" / "score.parquet").write_bytes((dataset.dir / str(result.path)).read_bytes())
    for read in (
        dataset.to_arrow,
        dataset.head,
        dataset.list_overlays,
        dataset.schema,
        dataset.info,
        dataset.manifest,
    ):
        with pytest.raises(OverlayLayoutError, match="both as"):
            read()
    with pytest.raises(OverlayLayoutError):
        dataset.write_overlay_part("score", scores(ids[1:], [1.0]))
    assert "overlay.layout" in [f.check for f in dataset.check().problems]


def test_a_transaction_commits_rows_and_their_parts_together_with_an_event_each(dataset: Dataset) -> None:
    with dataset.transaction(actor=Actor(tool="densegen", run_id="r1")) as tx:
        tx.add_sequences(["AAAA", "CCCC"], bio_type="dna", alphabet="dna_4")
        tx.write_overlay_part("score", pa.table({"sequence": ["CCCC"], "score__x": [2.0]}), key="sequence")
    assert tx.result.results[0].added == 2
    first, second = events(dataset)[-2:]
    assert (first["action"], second["action"]) == ("import_rows", "write_overlay_part")
    assert first["txid"] == second["txid"] == tx.result.txid
    assert first["event_id"] != second["event_id"]
    assert second["actor"]["tool"] == "densegen"
    assert second["actor"]["run_id"] == "r1"


def test_a_transaction_that_fails_leaves_nothing(dataset: Dataset) -> None:
    add(dataset, "GGGG")
    before = files(dataset)
    with pytest.raises(MissingKeyError), dataset.transaction() as tx:
        tx.add_sequences(["AAAA"], bio_type="dna", alphabet="dna_4")
        tx.write_overlay_part("score", scores(("0" * 40,), [1.0]))
    with pytest.raises(ZeroDivisionError), dataset.transaction() as tx:
        tx.add_sequences(["AAAA"], bio_type="dna", alphabet="dna_4")
        _ = 1 / 0
    assert files(dataset) == before
    add(dataset, "AAAA")
    assert dataset.validate().ok


def test_a_batch_is_committed_once_and_other_content_under_its_name_is_refused(dataset: Dataset) -> None:
    def flush(sequence: str, value: float) -> TransactionResult:
        with dataset.transaction(batch_id="run:0:1") as tx:
            tx.add_sequences([sequence], bio_type="dna", alphabet="dna_4")
            tx.write_overlay_part("score", scores((compute_id("dna", sequence),), [value]))
        return tx.result

    assert dataset.batch("run:0:1") is None
    first = flush("AAAA", 1.0)
    before = files(dataset)
    again = flush("AAAA", 1.0)
    assert again.replayed
    assert (again.txid, again.results) == (first.txid, first.results)
    with pytest.raises(BatchConflict, match="other content"):
        flush("AAAA", 2.0)
    with pytest.raises(BatchConflict):
        dataset.write_overlay_part("score", scores((compute_id("dna", "AAAA"),), [1.0]), batch_id="run:0:1")
    assert files(dataset) == before
    record = Dataset.open(dataset.root, dataset.name).batch("run:0:1")
    assert record is not None
    assert record.actions == ("import_rows", "write_overlay_part")


def test_an_event_has_everything_that_the_format_asks_for(dataset: Dataset) -> None:
    ids = add(dataset, "AAAA")
    result = dataset.write_overlay_part("score", scores(ids, [1.0]))
    event = events(dataset)[-1]
    assert set(event) == {
        "event_version", "event_id", "txid", "batch_id", "batch_sha256", "timestamp_utc", "action", "dataset",
        "actor", "args", "metrics", "artifacts", "maintenance", "fingerprint", "registry_hash", "version",
    }  # fmt: skip
    assert event["event_version"] == 1
    assert set(event["actor"]) == {"tool", "run_id", "host", "pid"}
    assert event["actor"]["pid"] == os.getpid()
    size = (dataset.dir / str(result.path)).stat().st_size
    assert event["metrics"]["rows"] == 1
    assert event["metrics"]["bytes"] == size == event["fingerprint"]["size_bytes"]
    assert event["metrics"]["namespace"] == "score"
    assert [a["path"] for a in event["artifacts"]["added"]] == [result.path]
    assert event["dataset"] == {"name": "lab/promoters", "root": str(dataset.root)}


def test_two_threads_keep_their_own_actors(root: Path) -> None:
    def write(tool: str) -> None:
        with use_actor(tool=tool, run_id=f"run-{tool}"):
            for number in range(5):
                Dataset.open(root, "d").log_event(f"{tool}_{number}")

    Dataset(root, "d").init()
    threads = [threading.Thread(target=write, args=(tool,)) for tool in ("alpha", "beta")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [e for e in events(Dataset(root, "d")) if e["action"] != "init"]
    assert len(found) == 10
    assert all(e["action"].startswith(e["actor"]["tool"]) for e in found)
    assert all(e["actor"]["run_id"] == f"run-{e['actor']['tool']}" for e in found)


class _LogRefuses(RealFile):
    def write_at(self, offset: int, data: bytes) -> int:
        if self.path.name == ".events.log":
            raise OSError(28, "No space left on device", str(self.path))
        return super().write_at(offset, data)


class _FullLog(RealFileSystem):
    """A file system on which only the event log cannot grow."""

    def open(self, path: Path, mode: Mode, *, like: FileStat | None = None) -> RealFile:
        real = super().open(path, mode, like=like)
        file = _LogRefuses(os.dup(real.fd), path)
        real.close()
        return file


def test_an_event_that_cannot_be_written_fails_the_change_and_leaves_nothing_visible(
    dataset: Dataset,
) -> None:
    ids = add(dataset, "AAAA")
    before = files(dataset)
    full = Dataset(dataset.root, dataset.name, fs=_FullLog())
    with pytest.raises(EventLogError, match="the change was not made"):
        full.write_overlay_part("score", scores(ids, [1.0]))
    with pytest.raises(EventLogError):
        full.add_sequences(["CCCC"], bio_type="dna", alphabet="dna_4")
    assert files(dataset) == before
    dataset.write_overlay_part("score", scores(ids, [1.0]))
    assert dataset.validate().ok
    assert not [p for p in (dataset.dir / ".usr").rglob("*") if p.is_file()]


def test_maintenance_is_refused_outside_its_block_and_says_how(dataset: Dataset, root: Path) -> None:
    other = Dataset(root, "other").init()
    with pytest.raises(MaintenanceRequired, match=re.escape("with dataset.maintenance(reason=")):
        dataset.freeze_registry()
    with other.maintenance(reason="of another dataset"), pytest.raises(MaintenanceRequired):
        dataset.freeze_registry()
    with dataset.maintenance(reason="before the campaign"):
        assert dataset.freeze_registry().changed
    assert events(dataset)[-1]["maintenance"] == {"reason": "before the campaign"}


def test_validation_modes_tell_current_and_frozen_contracts_apart(dataset: Dataset, root: Path) -> None:
    ids = add(dataset, "AAAA", "CCCC")
    assert dataset.check(registry_mode="current").ok
    assert not dataset.check(registry_mode="frozen").ok
    assert dataset.check(registry_mode="either").ok
    with pytest.raises(ValidationError, match="no registry is frozen"):
        dataset.validate(registry_mode="frozen")
    dataset.write_overlay_part("score", scores(ids[:1], [1.0]))
    frozen = dataset.freeze_registry(maintenance=True)
    assert (dataset.dir / frozen.path).read_bytes().startswith(b"namespaces:")
    assert dataset.validate(registry_mode="frozen").ok
    register_namespace(root, namespace="score", columns="score__x:int64", overwrite=True)
    assert not dataset.check(registry_mode="current").ok
    assert dataset.check(registry_mode="frozen").ok
    assert dataset.check(registry_mode="either").ok
    with pytest.raises(ValidationError) as caught:
        dataset.validate()
    message = str(caught.value)
    assert "score__x is stored as float64, registered as int64" in message
    assert registry_hash(root) in message
    assert frozen.registry_hash in message


def test_a_file_of_an_older_compatible_contract_matches_and_the_report_says_so(
    dataset: Dataset, root: Path
) -> None:
    ids = add(dataset, "AAAA")
    dataset.write_overlay_part("score", scores(ids, [1.0]))
    register_namespace(root, namespace="other", columns="other__y:string")
    grown = "score__x:float64,score__new:string"
    register_namespace(root, namespace="score", columns=grown, overwrite=True)
    report = dataset.validate()
    assert any("older compatible" in f.message for f in report.findings if f.check == "registry.match")
    assert dataset.to_arrow(["score__x", "score__new", "other__y"]).to_pylist() == [
        {"score__x": 1.0, "score__new": None, "other__y": None}
    ]


def test_freezing_again_moves_the_stamp_and_keeps_the_older_snapshot(dataset: Dataset, root: Path) -> None:
    first = dataset.freeze_registry(maintenance=True)
    register_namespace(root, namespace="other", columns="other__y:string")
    second = dataset.freeze_registry(maintenance=True)
    count = len(events(dataset))
    assert not dataset.freeze_registry(maintenance=True).changed
    assert len(events(dataset)) == count
    assert second.previous_hash == first.registry_hash
    assert (dataset.dir / first.path).exists()
    assert (
        pq.read_metadata(dataset.records_path).metadata[b"usr:frozen_registry_hash"]
        == second.registry_hash.encode()
    )
    add(dataset, "ACGT")
    assert (
        pq.read_metadata(dataset.records_path).metadata[b"usr:frozen_registry_hash"]
        == second.registry_hash.encode()
    )


def test_appending_keeps_every_metadata_key_and_the_bytes_already_there(dataset: Dataset) -> None:
    add(dataset, "AAAA")
    before = pq.read_metadata(dataset.records_path).metadata
    old = dataset.records_path.read_bytes()
    add(dataset, "CCCC")
    after = pq.read_metadata(dataset.records_path).metadata
    assert {k: v for k, v in after.items() if k != b"ARROW:schema"} == {
        k: v for k, v in before.items() if k != b"ARROW:schema"
    }
    footer = int.from_bytes(old[-8:-4], "little")
    assert dataset.records_path.read_bytes().startswith(old[: len(old) - 8 - footer])


def test_a_reader_keeps_its_version_while_others_write(dataset: Dataset) -> None:
    ids = add(
        dataset,
        *[f"{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}{'ACGT'[i // 16 % 4]}{'ACGT'[i // 64]}" for i in range(200)],
    )
    dataset.write_overlay_part("score", scores(ids[:100], [float(i) for i in range(100)]))
    reader = dataset.scan(["id", "score__x"], batch_size=1)
    dataset.write_overlay_part("score", scores(ids[100:], [0.0] * 100))
    add(dataset, "AAAAA")
    assert reader.read_all().column("score__x").null_count == 100
    assert dataset.to_arrow(["score__x"]).column(0).null_count == 1


def test_get_gives_base_order_and_refuses_unknown_ids(dataset: Dataset) -> None:
    ids = add(dataset, "AAAA", "CCCC", "GGGG")
    assert dataset.get([ids[2], ids[0], ids[2]], columns=["id"]).column(0).to_pylist() == [ids[0], ids[2]]
    assert dataset.get(ids[1]).num_rows == 1
    with pytest.raises(MissingKeyError, match="0" * 40):
        dataset.get([ids[0], "0" * 40])


def test_shards_split_the_rows_by_id_range(dataset: Dataset) -> None:
    ids = add(
        dataset,
        *{f"{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}{'ACGT'[i // 16 % 4]}{'ACGT'[i // 64]}" for i in range(256)},
    )
    for count in (1, 3, 7):
        shards = [
            dataset.scan(["id"], shard=(i, count)).read_all().column(0).to_pylist() for i in range(count)
        ]
        assert shards == [[i for i in ids if int(i[:16], 16) * count >> 64 == n] for n in range(count)]
    with pytest.raises(ValidationError, match="0 <= i < n"):
        dataset.scan(shard=(3, 3))


def test_a_condition_filters_in_base_order_and_a_wrong_one_is_told(dataset: Dataset) -> None:
    ids = add(dataset, "AAAA", "CCCC", "GGGG", "TTTT")
    dataset.write_overlay_part("score", scores(ids[::-1], [4.0, 3.0, 2.0, 1.0]))
    found = dataset.scan(["id"], where="score__x > 1 AND sequence <> 'GGGG'").read_all()
    assert found.column(0).to_pylist() == [ids[1], ids[3]]
    with pytest.raises(ValidationError, match="nope"):
        dataset.scan(where="nope > 1")
    with pytest.raises(SchemaError, match="did you mean 'score__x'"):
        dataset.scan(["score__xx"])


def test_sql_sees_one_version_of_records_and_events(dataset: Dataset) -> None:
    ids = add(dataset, "AAAA", "CCCC")
    dataset.write_overlay_part("score", scores(ids[:1], [1.5]))
    connection = dataset.connect()
    dataset.write_overlay_part("score", scores(ids[1:], [2.5]))
    assert connection.sql("SELECT sum(score__x), count(*) FROM records").fetchall() == [(1.5, 2)]
    assert connection.sql("SELECT action FROM events").fetchall()[-1] == ("write_overlay_part",)
    assert connection.sql("SELECT count(*) FROM events").fetchall() == [(3,)]
    connection.close()


def test_a_cursor_ends_with_the_connection_that_it_is_of(dataset: Dataset) -> None:
    add(dataset, "AAAA")
    with dataset.connect() as connection:
        cursor = connection.cursor()
        rows = connection.sql("SELECT count(*) FROM records")
        assert cursor.execute("SELECT count(*) FROM records").fetchall() == [(1,)]
    with pytest.raises(duckdb.ConnectionException, match="closed"):
        cursor.execute("SELECT count(*) FROM records")
    with pytest.raises(duckdb.ConnectionException, match="closed"):
        rows.fetchall()


def test_a_mistyped_dataset_is_named_with_the_nearest(dataset: Dataset) -> None:
    with pytest.raises(DatasetNotFound, match="did you mean 'lab/promoters'"):
        Dataset.open(dataset.root, "lab/promotors")
    assert Dataset.open(dataset.root, dataset.dir).name == "lab/promoters"


def test_reading_needs_no_write_permission_and_writes_nothing(dataset: Dataset) -> None:
    ids = add(dataset, "AAAA")
    dataset.write_overlay_part("score", scores(ids, [1.0]))
    before = {p: p.stat().st_mtime_ns for p in dataset.dir.rglob("*")}
    dataset.to_arrow()
    dataset.validate()
    dataset.info()
    assert {p: p.stat().st_mtime_ns for p in dataset.dir.rglob("*")} == before


def test_every_change_is_seen_by_an_object_opened_before_it(dataset: Dataset) -> None:
    other = Dataset.open(dataset.root, dataset.name)
    ids = add(dataset, "AAAA")
    other.write_overlay_part("score", scores(ids, [1.0]))
    with pytest.raises(DuplicateKeyError):
        dataset.write_overlay_part("score", scores(ids, [1.0]))
    with pytest.raises(DuplicateIDError):
        add(other, "AAAA")


def test_a_file_that_no_event_accounts_for_is_an_error_and_so_is_one_that_is_gone_or_cut(
    dataset: Dataset,
) -> None:
    ids = add(dataset, "AAAA")
    part = dataset.dir / str(dataset.write_overlay_part("score", scores(ids, [1.0])).path)
    (dataset.dir / "meta.md").write_text("notes are for people to change\n")
    assert dataset.verify_events(deep=True).ok
    stray = part.with_name("leftover.tmp")
    stray.write_bytes(b"x")
    assert [f.where for f in dataset.check().problems] == ["_derived/score/leftover.tmp"]
    stray.unlink()
    data = part.read_bytes()
    part.write_bytes(data + b"x")
    assert [f.where for f in dataset.verify_events().problems] == [f"_derived/score/{part.name}"]
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    part.write_bytes(flipped)
    assert dataset.verify_events().ok
    assert [f.where for f in dataset.verify_events(deep=True).problems] == [f"_derived/score/{part.name}"]
    part.unlink()
    assert "is missing" in dataset.verify_events().problems[0].message


def test_archiving_the_log_keeps_events_batches_followers_and_checks(dataset: Dataset) -> None:
    follower = EventFollower(dataset.events_path)
    dataset.add_sequences(["AAAA"], bio_type="dna", alphabet="dna_4", batch_id="b1")
    seen = [line.event.action for line in follower.poll() if line.event is not None]
    with dataset.maintenance(reason="a long campaign"):
        first = dataset.archive_events()
    add(dataset, "CCCC")
    with dataset.maintenance(reason="again"):
        dataset.archive_events()
    add(dataset, "GGGG")
    wanted = ["init", "import_rows", "events_archive", "import_rows", "events_archive", "import_rows"]
    assert [e.action for e in dataset.events()] == wanted
    assert seen + [line.event.action for line in follower.poll() if line.event is not None] == wanted
    old = (dataset.dir / first.path).read_bytes().splitlines()
    assert json.loads(old[-1])["action"] == "events_archive"
    record = Dataset.open(dataset.root, dataset.name).batch("b1")
    assert record is not None
    assert record.actions == ("import_rows",)
    assert dataset.verify_events(deep=True).ok
    assert dataset.validate().ok
    assert dataset.connect().sql("SELECT count(*) FROM events").fetchall() == [(6,)]


def test_recovery_tells_what_it_did_and_leaves_damage_alone(dataset: Dataset) -> None:
    add(dataset, "AAAA")
    assert dataset.recover().to_dict() == {"ok": True, "done": [], "damage": []}
    with dataset.events_path.open("ab") as log:
        log.write(b'{"torn')
    assert "cut 6 bytes" in dataset.recover().done[0]
    assert [p.read_bytes() for p in (dataset.dir / ".usr" / "torn").iterdir()] == [b'{"torn']
    data = dataset.events_path.read_bytes()
    dataset.events_path.write_bytes(data.replace(b'"event_version":1', b'"event_version":7', 1))
    damaged = dataset.events_path.read_bytes()
    report = dataset.recover()
    assert not report.ok
    assert "offset 0" in report.damage[0] or "byte 0" in report.damage[0]
    assert dataset.events_path.read_bytes() == damaged


class _DiesAfterCommit(RealFileSystem):
    """A file system on which nothing can be renamed once the event is on the disk."""

    def rename(self, source: Path, target: Path) -> None:
        if target.name.startswith(("part-", "records.parquet")) or "_archived" in str(target):
            raise OSError(5, "Input/output error", str(target))
        super().rename(source, target)


def test_a_change_whose_renames_are_not_done_is_read_validated_and_finished_by_the_next_writer(
    dataset: Dataset,
) -> None:
    ids = add(dataset, "AAAA", "CCCC")
    dataset.write_overlay_part("score", scores(ids[:1], [1.0]))
    dying = Dataset(dataset.root, dataset.name, fs=_DiesAfterCommit())
    with dying.transaction() as tx:
        tx.add_sequences(["GGGG"], bio_type="dna", alphabet="dna_4")
        tx.write_overlay_part("score", scores(ids[1:], [2.0]))
    assert (dataset.dir / ".usr" / "intent.synced.json").exists()
    assert dataset.to_arrow(["score__x"]).column(0).to_pylist() == [1.0, 2.0, None]
    assert dataset.validate().ok
    assert dataset.verify_events(deep=True).ok
    assert "finished change" in dataset.recover().done[0]
    assert dataset.to_arrow(["score__x"]).column(0).to_pylist() == [1.0, 2.0, None]
    with dataset.maintenance(reason="test"):
        Dataset(dataset.root, dataset.name, fs=_DiesAfterCommit()).compact_overlay("score", layout="part")
    assert dataset.to_arrow(["score__x"]).column(0).to_pylist() == [1.0, 2.0, None]
    assert dataset.verify_events(deep=True).ok
    add(dataset, "TTTT")
    assert dataset.validate().ok
