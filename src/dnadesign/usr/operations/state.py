"""Record state: masked, quality, split, what a record supersedes, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_args

import pyarrow as pa

from dnadesign.usr.contract.arguments import UNSET, text_of, texts_of
from dnadesign.usr.contract.errors import MissingKeyError, ValidationError
from dnadesign.usr.contract.identity import is_id
from dnadesign.usr.contract.mends import spelled
from dnadesign.usr.contract.names import STATE_NAMESPACE, nearest
from dnadesign.usr.contract.registry import USR_STATE
from dnadesign.usr.contract.wording import part_of
from dnadesign.usr.operations._merge import merged_batches
from dnadesign.usr.operations._record_values import SetValues, unique_ids
from dnadesign.usr.operations._view import Query, make_view
from dnadesign.usr.storage.id_digests import digests_of
from dnadesign.usr.storage.registry_file import load_registry
from dnadesign.usr.storage.store import Store

QcStatus = Literal["pass", "fail", "warn", "unknown"]
Split = Literal["train", "val", "test", "holdout"]

_PREFIX = f"{STATE_NAMESPACE}__"
FIELDS: tuple[str, ...] = tuple(name.removeprefix(_PREFIX) for name in USR_STATE.types)
_BATCH_ROWS = 65_536


def set_state(ids: str | Iterable[str], fields: dict[str, Any], *, allow_missing: bool) -> SetValues:
    """The step that sets fields of the state of records.

    Args:
        ids: Which records.
        fields: Field to value; UNSET leaves it as it is, None empties it.
        allow_missing: Leave out ids that are not there, instead of refusing them all.

    Raises:
        ValidationError: No field is given, or a value is not one that the field takes.
    """
    given = {name: _checked(name, value) for name, value in fields.items() if value is not UNSET}
    if not given:
        raise ValidationError("no field of the state is given", mend=f"give one of {', '.join(FIELDS)}")
    values = {_PREFIX + name: value for name, value in given.items()}
    return SetValues(
        STATE_NAMESPACE, "state_set", ids, values, allow_missing=allow_missing, args={"fields": given}
    )


def clear_state(
    ids: str | Iterable[str], fields: str | Sequence[str] | None, *, allow_missing: bool
) -> SetValues:
    """The step that empties fields of the state of records, all when None.

    Raises:
        ValidationError: A field is unknown, or there is none.
    """
    given = [fields] if isinstance(fields, str) else fields
    names = list(FIELDS) if given is None else texts_of(given, what="fields")
    for name in names:
        if name not in FIELDS:
            meant = nearest(str(name), FIELDS)
            raise ValidationError(
                f"{name!r} is no field of the state; there are {', '.join(FIELDS)}",
                mend=f"did you mean {meant!r}?" if meant else f"give some of {', '.join(FIELDS)}",
            )
    if not names:
        raise ValidationError("no field of the state is given", mend=f"give some of {', '.join(FIELDS)}")
    values = dict.fromkeys((_PREFIX + name for name in names), None)
    return SetValues(
        STATE_NAMESPACE,
        "state_clear",
        ids,
        values,
        allow_missing=allow_missing,
        known_only=True,
        args={"fields": names},
    )


def _checked(name: str, value: object) -> object:
    if value is None:
        return None
    if name == "masked":
        if not isinstance(value, bool):
            raise ValidationError(
                f"masked {value!r}: expected True or False",
                mend="give a bool, or None to take the value away",
            )
        return value
    if name == "lineage":
        return _lineage(value)
    text = text_of(value, what=name)
    if not text:
        raise ValidationError(f"{name}: expected text, found an empty one", mend="None takes the value away")
    if name == "supersedes" and not is_id(text):
        raise ValidationError(
            f"supersedes {value!r:.80}: expected an id (40 lower-case hex digits)",
            mend="give it as it stands in the column id of the record that is replaced",
        )
    known: dict[str, tuple[str, ...]] = {"qc_status": get_args(QcStatus), "split": get_args(Split)}
    if name in known and text not in known[name]:
        meant = nearest(text, known[name])
        raise ValidationError(
            f"{name} {value!r:.80}: expected one of {', '.join(known[name])}",
            mend=f"did you mean {meant!r}?" if meant else f"give one of {', '.join(known[name])}",
        )
    return value


def _lineage(value: object) -> list[str]:
    return [text_of(text, what="lineage") for text in texts_of(value, what="lineage", each="text")]


def get_state(store: Store, ids: str | Iterable[str]) -> pa.Table:
    """The state of records, deleted ones too: ``id`` and the columns of ``usr_state``, in base order.

    Raises:
        MissingKeyError: An id is not in the dataset.
    """
    wanted = unique_ids(ids)
    digests_of(pa.array(wanted, pa.string()), where="ids")
    registry = load_registry(store.root, fs=store.fs)
    with store.pin() as version:
        namespaces = [STATE_NAMESPACE] if STATE_NAMESPACE in version.overlays else []
        view = make_view(version, registry, namespaces=namespaces)
        columns = tuple(view.pick(["id", *USR_STATE.types]))
        query = Query(columns=columns, ids=tuple(wanted), include_deleted=True)
        schema = pa.schema([(column.name, column.type) for column in columns])
        found = pa.Table.from_batches(list(merged_batches(view, query, batch_size=_BATCH_ROWS)), schema)
    missing = set(wanted) - set(found.column("id").to_pylist())
    if missing:
        shown = ", ".join([i for i in wanted if i in missing][:5])
        raise MissingKeyError(
            f"{store.dir}: {part_of(len(missing), len(wanted), 'id')} not there: {shown}",
            mend=spelled("see that the ids are of this dataset; {} shows some", ("head", "usr head")),
        )
    return found
