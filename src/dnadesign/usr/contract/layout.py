"""Every on-disk name and metadata key, in one place.

All paths here are relative to the dataset's folder, as ``str`` with forward slashes, the form in which events
and intents record them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from dnadesign.usr.contract.errors import RegistryError, ValidationError
from dnadesign.usr.contract.names import is_stored_namespace

REGISTRY_FILE = "registry.yaml"
RECORDS = "records.parquet"
META = "meta.md"
EVENTS = ".events.log"
EVENTS_ARCHIVE = "_events"
DERIVED = "_derived"
DERIVED_ARCHIVE = "_derived/_archived"
FROZEN = "_registry"
SNAPSHOTS = "_snapshots"
AUTOMATIC_KEPT = 5  # automatic snapshots, when nobody says how many
ARTIFACTS = "_artifacts"
LOCK = ".usr.lock"
PRIVATE = ".usr"
LEASES = ".usr/leases"
TORN = ".usr/torn"
KEYS = ".usr/keys"
INTENT = ".usr/intent.json"
INTENT_SYNCED = ".usr/intent.synced.json"
FIXED_NAMES = frozenset({RECORDS, EVENTS, LOCK, PRIVATE, LEASES, INTENT, INTENT_SYNCED})  # of every dataset

SCHEMA_VERSION = "1"
ID_HASH = "sha1_utf8_pipe"

META_SCHEMA_VERSION = b"usr:schema_version"
META_ID_HASH = b"usr:id_hash"
META_CREATED_AT = b"usr:dataset_created_at"
META_REGISTRY_HASH = b"usr:registry_hash"
META_FROZEN_HASH = b"usr:frozen_registry_hash"
META_NAMESPACE = b"usr:overlay_namespace"
META_KEY = b"usr:overlay_key"
META_OVERLAY_CREATED_AT = b"usr:overlay_created_at"
META_CONTRACT_HASH = b"usr:namespace_contract_hash"
META_TXID = b"usr:txid"

_NO_MARKS = str.maketrans("", "", "-:.")
_STAMP = re.compile(r"\d{8}T\d{12}Z", re.ASCII)
_PART = re.compile(r"part-(\d{8}T\d{12}Z)-([0-9a-f]{32})\.parquet", re.ASCII)
_SEGMENT = re.compile(r"events-(\d{8}T\d{12}Z)\.log", re.ASCII)
_SNAPSHOT = re.compile(r"registry\.([0-9a-f]{64})\.yaml", re.ASCII)
_STAGED = re.compile(r"\.([0-9a-f]{32})\.(?:\d+|lease)", re.ASCII)
_AUTOMATIC = re.compile(r"records-\d{8}T\d{12}Z\.auto\.parquet", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ARTIFACT = re.compile(r"_artifacts/([a-z][a-z0-9_]*)/([0-9a-f]{64})\.npz", re.ASCII)


def timestamp(moment: datetime) -> str:
    """``moment`` as it stands in file names: ``YYYYMMDDTHHMMSSffffffZ``, UTC."""
    time = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return time.translate(_NO_MARKS) + "Z"


def parse_timestamp(stamp: str) -> datetime:
    """The inverse of :func:`timestamp`.

    Raises:
        ValidationError: The text is not such a time.
    """
    if _STAMP.fullmatch(stamp):
        try:
            return datetime.strptime(stamp, "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)
        except ValueError:
            pass
    raise ValidationError(
        f"{stamp!r} is not a time of the form YYYYMMDDTHHMMSSffffffZ",
        mend="give a time such as 20261128T051432118000Z",
    )


def isoformat(moment: datetime) -> str:
    """``moment`` as it stands in metadata and events: ISO 8601 with microseconds, ``Z`` for UTC."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_isoformat(text: str, *, fallback: datetime) -> datetime:
    """The inverse of :func:`isoformat`; ``fallback`` where older tools wrote nothing or something else."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the first and last days there are have no time in UTC
        return fallback


def overlay_file(namespace: str) -> str:
    """Where an overlay's single-file form lies."""
    return f"{DERIVED}/{namespace}.parquet"


def overlay_dir(namespace: str) -> str:
    """Where an overlay's parts lie."""
    return f"{DERIVED}/{namespace}"


def part_file(namespace: str, *, moment: datetime, uuid: str) -> str:
    """Where a new part goes; ``uuid`` is 32 hex digits."""
    return f"{DERIVED}/{namespace}/part-{timestamp(moment)}-{uuid}.parquet"


def archive_dir(namespace: str, *, moment: datetime) -> str:
    """Where what compaction or removal sets aside goes."""
    return f"{DERIVED_ARCHIVE}/{namespace}/{timestamp(moment)}"


def frozen_file(registry_hash: str) -> str:
    """Where the frozen registry of that hash lies.

    Raises:
        RegistryError: It is not a hash, and so would lead to another file.
    """
    if not isinstance(registry_hash, str) or not is_sha256(registry_hash):
        raise RegistryError(
            f"{registry_hash!r:.80} is not a registry hash: expected 64 lower-case hex digits",
            mend="take it from the name of a file in _registry/, registry.<hash>.yaml",
        )
    return f"{FROZEN}/registry.{registry_hash}.yaml"


def archived_log(moment: datetime) -> str:
    """Where an archived log segment goes."""
    return f"{EVENTS_ARCHIVE}/events-{timestamp(moment)}.log"


def snapshot_file(moment: datetime, *, automatic: bool) -> str:
    """Where a copy of the base goes; automatic ones may be pruned, others never."""
    return f"{SNAPSHOTS}/records-{timestamp(moment)}{'.auto' if automatic else ''}.parquet"


def artifact_file(namespace: str, sha256: str) -> str:
    """Where an artifact of those bytes lies."""
    return f"{ARTIFACTS}/{namespace}/{sha256}.npz"


def artifact_parts(path: str) -> tuple[str, str] | None:
    """The namespace and the hash in an artifact's path, or None for any other path."""
    match = _ARTIFACT.fullmatch(path)
    return (match.group(1), match.group(2)) if match else None


def staged_file(txid: str, number: int) -> str:
    """Where one transaction stages its file of that number; hidden, and never ending in ``.parquet``."""
    return f"{PRIVATE}/.{txid}.{number}"


def lease_file(txid: str) -> str:
    """The file whose lock says that the writer of that transaction is alive."""
    return f"{LEASES}/.{txid}.lease"


def staging_owner(name: str) -> str | None:
    """The txid that the name of a staged file or a lease belongs to, or None for anything else."""
    match = _STAGED.fullmatch(name)
    return match.group(1) if match else None


def parts_of(names: Iterable[str]) -> list[str]:
    """The names of parts among those of a folder."""
    return list(filter(_PART.fullmatch, names))


def is_part(name: str) -> bool:
    """Whether a file name is that of an overlay part."""
    return _PART.fullmatch(name) is not None


def is_log_segment(name: str) -> bool:
    """Whether a file name is that of an archived log segment."""
    return _SEGMENT.fullmatch(name) is not None


def frozen_hash_in(name: str) -> str | None:
    """The hash in a frozen registry's file name, or None for any other file."""
    match = _SNAPSHOT.fullmatch(name)
    return match.group(1) if match else None


def is_automatic_snapshot(name: str) -> bool:
    """Whether a file name is that of a copy of the base that the library took by itself."""
    return _AUTOMATIC.fullmatch(name) is not None


def is_sha256(text: str) -> bool:
    """Whether ``text`` is 64 lower-case hex digits."""
    return _SHA256.fullmatch(text) is not None


def overlay_of(path: str) -> str | None:
    """The namespace that a relative path is an overlay file of, or None."""
    folder, _, rest = path.partition("/")
    if folder != DERIVED or not rest or path.startswith(DERIVED_ARCHIVE + "/"):
        return None
    first, separator, name = rest.partition("/")
    if not separator:
        namespace = first.removesuffix(".parquet")
        return namespace if first.endswith(".parquet") and is_stored_namespace(namespace) else None
    return first if is_part(name) and is_stored_namespace(first) else None
