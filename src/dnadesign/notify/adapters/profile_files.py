"""Profiles as YAML files in the user's configuration folder."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dnadesign.notify.adapters.durable_files import CONFIG_MEND, make_private_folder
from dnadesign.notify.contract.errors import NotFound, ProfileError, Refused
from dnadesign.notify.contract.profile import Profile, check_profile_name
from dnadesign.notify.contract.secrets import Redactor

_MOST_BYTES = 1 << 16
_MOST_NESTED = 8
_MEND = "compare it with the one in docs/notify/profiles.md, or move it away and make it anew: notify profile init"


def profile_path(config_folder: Path, name: str) -> Path:
    """The file of the profile of this name.

    Raises:
        UsageProblem: It is not a name.
    """
    check_profile_name(name)
    return config_folder / "profiles" / f"{name}.yaml"


def profile_names(config_folder: Path) -> list[str]:
    """The names of all profiles there are."""
    return sorted(
        path.stem for path in (config_folder / "profiles").glob("*.yaml") if not path.name.startswith(".")
    )


def read_profile(config_folder: Path, name: str) -> Profile:
    """The profile of this name.

    Raises:
        NotFound: There is none.
        ProfileError: Its file is not what it should be; says where, and does not repeat what stands there.
    """
    path = profile_path(config_folder, name)
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ProfileError(f"{path}: a profile has at most {_MOST_BYTES:,} bytes", mend=_MEND)
        text = data.decode("utf-8")
    except FileNotFoundError:
        known = ", ".join(profile_names(config_folder)) or "none"
        raise NotFound(
            f"no profile {name!r} in {path.parent} (there: {known})",
            mend=f"make it: notify profile init {name}",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(
            f"{path} cannot be read ({type(error).__name__})", mend=f"chmod 600 {path}"
        ) from None
    return parse_profile(text, path=path)


def parse_profile(text: str, *, path: Path) -> Profile:
    """The profile that a YAML text stands for.

    Raises:
        ProfileError: With file and line of each problem.
    """
    node, values = _composed(text, path=path)
    if not isinstance(node, yaml.MappingNode):
        raise ProfileError(f"{path}: a profile is a mapping of keys to values", mend=_MEND)
    try:
        return Profile.model_validate(values)
    except ValidationError as error:
        problems = [
            f"{path}:{_line_of(node, problem['loc'])}: {_words(problem['loc'])}: {_complaint(problem)}"
            for problem in _without_echoes(error.errors(include_input=False, include_url=False))
        ]
    raise ProfileError(
        Redactor().text("\n".join(problems)),
        mend=_MEND,
    )


def make_profile(**values: object) -> Profile:
    """A profile of these values.

    Raises:
        ProfileError: They do not go together; says why, and does not repeat them.
    """
    try:
        return Profile.model_validate(values)
    except ValidationError as error:
        problems = [
            f"{_words(problem['loc'])}: {_complaint(problem)}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
    raise ProfileError("\n".join(problems), mend="see notify profile init --help")


def write_profile(config_folder: Path, name: str, profile: Profile) -> Path:
    """Write a new profile.

    Raises:
        Refused: There is one of this name.
    """
    path = profile_path(config_folder, name)
    make_private_folder(path.parent, mend=CONFIG_MEND)
    content = profile.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    text = yaml.safe_dump({"version": profile.version, **content}, sort_keys=False, allow_unicode=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Refused(f"{path} is there already", mend="edit it, or remove it first") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return path


def _composed(text: str, *, path: Path) -> tuple[yaml.Node | None, object]:
    """The nodes of a YAML text, which know their lines, and the values that they stand for."""
    try:
        _refuse_extras(text, path=path)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            _refuse_repeated_keys(node, path=path)
        return node, yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        # Without the snippet that PyYAML adds: it shows what stands there.
        problem = f"{path}:{line}: not YAML: {error.problem}"
    except yaml.YAMLError as error:
        problem = f"{path}: not YAML ({type(error).__name__})"
    except (ValueError, OverflowError):  # a date such as 2026-13-45, or a number such as 0x_
        problem = f"{path}: a date or number that there is not"
    raise ProfileError(problem, mend=_MEND)


def _refuse_extras(text: str, *, path: Path) -> None:
    """Refuse what no profile needs and what a few bytes can keep the YAML library busy with for hours."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        found = None
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            found = "an anchor or alias (& or *): write the value out, or in quotes"
        elif isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)) and event.tag is not None:
            found = "a tag (!): write the value without, or in quotes"
        elif depth > _MOST_NESTED:
            found = "values nested too deeply"
        if found is not None:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise ProfileError(f"{path}:{line}: {found}", mend=_MEND)


def _refuse_repeated_keys(node: yaml.Node, *, path: Path) -> None:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_repeated_keys(item, path=path)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ProfileError(f"{path}:{key.start_mark.line + 1}: a key is a text", mend=_MEND)
        if key.value in seen:
            raise ProfileError(
                f"{path}:{key.start_mark.line + 1}: the key stands here a second time",
                mend="remove one of the two",
            )
        seen.add(key.value)
        _refuse_repeated_keys(value, path=path)


def _line_of(node: yaml.Node, location: Sequence[int | str]) -> int:
    """The line of the innermost thing on the way to a location that is in the file."""
    line = node.start_mark.line + 1
    for step in location:
        following: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == step:
                    line, following = key.start_mark.line + 1, value
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            following = node.value[step]
            line = following.start_mark.line + 1
        if following is None:
            break
        node = following
    return line


# What pydantic says in the words of a programmer; the rest of its messages are plain.
_COMPLAINTS = {
    "extra_forbidden": "there is no such key",
    "missing": "this key is needed",
    "value_error": "{error}",
    "model_type": "expected keys and values, one a line or in { }",
    "model_attributes_type": "expected keys and values, one a line or in { }",
    "list_type": "expected a list, one - a line or in [ ]",
    "string_type": "expected a text",
    "string_pattern_mismatch": "expected a variable's name: letters, digits and _, not beginning with a digit",
    "float_type": "expected a number",
    "int_type": "expected a whole number",
    "enum": "expected {expected}",
    "literal_error": "expected {expected}",
}


def _without_echoes(problems: list[ErrorDetails]) -> list[ErrorDetails]:
    """The problems without a missing key that an unknown one beside it is likely to be: it is one slip, not two."""
    meant = {
        (*problem["loc"][:-1], _likely(problem["loc"]))
        for problem in problems
        if problem["type"] == "extra_forbidden"
    }
    return [
        problem for problem in problems if problem["type"] != "missing" or tuple(problem["loc"]) not in meant
    ]


def _likely(location: Sequence[int | str]) -> str:
    """The key that an unknown one is likely to be; empty where none is near."""
    near = get_close_matches(str(location[-1]).lower(), _keys_of(Profile.model_json_schema(), location), n=1)
    return near[0] if near else ""


def _keys_of(schema: dict[str, Any], location: Sequence[int | str]) -> list[str]:
    """The keys that may stand where the last one of a location does."""
    section = schema
    for step in location[:-1]:
        inside = section.get("properties", {}).get(step, section)
        named = re.findall(r"#/\$defs/(\w+)", json.dumps(inside)) if inside is not section else []
        section = schema["$defs"][named[0]] if named else section
    return list(section.get("properties", {}))


def _complaint(problem: ErrorDetails) -> str:
    """What is wrong, without what stands there."""
    if problem["type"] == "extra_forbidden" and (near := _likely(problem["loc"])):
        return f"there is no such key; did you mean {near!r}?"
    pattern = _COMPLAINTS.get(problem["type"])
    if pattern is None:
        return problem["msg"].replace("Input should be", "expected a value")
    context = problem.get("ctx", {})
    for name in ("error", "expected"):
        pattern = pattern.replace(f"{{{name}}}", str(context.get(name, "")))
    return pattern


def _words(location: Sequence[int | str]) -> str:
    return ".".join(str(step) for step in location) or "the profile"
