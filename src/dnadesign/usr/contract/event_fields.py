"""The fields of an event line, checked one by one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import NoReturn

from dnadesign.usr.contract.errors import EventLogError
from dnadesign.usr.contract.json_values import Json

DAMAGED_LOG = "restore the log from a backup; without one, import records.parquet into a new dataset and attach the files of _derived"


def parse_object(line: bytes) -> dict[str, Json]:
    """The JSON object that a line of the log holds.

    Raises:
        EventLogError: The line is no JSON object in UTF-8.
    """
    try:
        found = _decoder().decode(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise EventLogError(f"byte {error.start} of the line is not UTF-8", mend=DAMAGED_LOG) from error
    except RecursionError as error:
        raise EventLogError("the line is nested too deeply to be an event", mend=DAMAGED_LOG) from error
    except ValueError as error:
        raise EventLogError(f"the line is not JSON: {error}", mend=DAMAGED_LOG) from error
    if not isinstance(found, dict):
        raise EventLogError(
            f"the line is a JSON {type(found).__name__}, expected an object", mend=DAMAGED_LOG
        )
    return found


@cache  # json.loads makes a new one for every line
def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def check_version(found: Mapping[str, Json], *, expected: int) -> int:
    """The line's version, if it is the one known here.

    Raises:
        EventLogError: It is missing or another.
    """
    version = found.get("event_version")
    if type(version) is int and version == expected:
        return version
    newer = type(version) is int and version > expected
    raise EventLogError(
        f"event_version is {version!r:.40}, expected {expected}",
        mend="read this log with the version of dnadesign that wrote it, or a newer one"
        if newer
        else DAMAGED_LOG,
    )


def timestamp(found: Mapping[str, Json], name: str) -> str:
    """The time under ``name``, ISO 8601 with a zone, as the text it is.

    Raises:
        EventLogError: It is missing or not such a time.
    """
    text = found.get(name)
    try:
        if isinstance(text, str) and datetime.fromisoformat(text).tzinfo is not None:
            return text
    except ValueError:
        pass
    raise EventLogError(f"{name} is {text!r:.80}, expected an ISO 8601 time with a zone", mend=DAMAGED_LOG)


def required_text(found: Mapping[str, Json], name: str) -> str:
    """The text under ``name``.

    Raises:
        EventLogError: It is missing, empty or no text.
    """
    text = found.get(name)
    if isinstance(text, str) and text:
        return text
    raise EventLogError(f"{name} is {text!r:.80}, expected a text", mend=DAMAGED_LOG)


def optional_text(found: Mapping[str, Json], name: str) -> str | None:
    """The text under ``name``, None where there is none.

    Raises:
        EventLogError: It is something else.
    """
    text = found.get(name)
    if text is None or isinstance(text, str):
        return text
    raise EventLogError(f"{name} is {text!r:.80}, expected a text or null", mend=DAMAGED_LOG)


def optional_integer(found: Mapping[str, Json], name: str) -> int | None:
    """The integer under ``name``, None where there is none.

    Raises:
        EventLogError: It is something else.
    """
    number = found.get(name)
    if number is None or type(number) is int:
        return number
    raise EventLogError(f"{name} is {number!r:.80}, expected an integer or null", mend=DAMAGED_LOG)


def mapping(found: Mapping[str, Json], name: str) -> dict[str, Json]:
    """The object under ``name``, empty where there is none.

    Raises:
        EventLogError: It is something else.
    """
    value = found.get(name)
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise EventLogError(f"{name} is a JSON {type(value).__name__}, expected an object", mend=DAMAGED_LOG)


def unknown_fields(found: Mapping[str, Json], known: Mapping[str, frozenset[str] | None]) -> dict[str, Json]:
    """What is in ``found`` beyond the known fields.

    Args:
        found: The line's object.
        known: Each known field, with the fields known within it, or None where anything may stand.
    """
    extra: dict[str, Json] = {name: value for name, value in found.items() if name not in known}
    for name, within in known.items():
        value = found.get(name)
        if within is not None and isinstance(value, dict):
            beyond = {key: item for key, item in value.items() if key not in within}
            if beyond:
                extra[name] = beyond
    return extra
