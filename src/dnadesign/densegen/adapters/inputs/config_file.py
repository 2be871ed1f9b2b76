"""Read a config file: YAML 1.2 in, a ``DesignConfig`` out, every fault with its line and column."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from dnadesign.densegen.adapters.inputs.salvaging import in_file, salvage
from dnadesign.densegen.contract.config import BROKEN_RULE, DesignConfig
from dnadesign.densegen.contract.errors import ConfigError, NotFoundError

_MOST_CHARACTERS = 1 << 20
_MOST_NESTED = 64

type _Loc = tuple[int | str, ...]

_TUPLE = re.compile(r"tuple should have at (?:most|least) 2 items after validation, not \d+")


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A config with the file it came from, which knows where in the file each key stands."""

    path: Path
    config: DesignConfig
    tree: CommentedMap
    places: Mapping[_Loc, tuple[int, ...]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """What relative paths in the config are relative to."""
        return self.path.parent

    def where(self, *loc: int | str) -> str:
        """``file:line:column`` of a key or list item, or of the nearest enclosing one."""
        line, column = self.position(loc)
        return f"{self.path}:{line}:{column}"

    def position(self, loc: _Loc) -> tuple[int, int]:
        """Line and column of the same."""
        return _position(self.tree, self.original(loc))

    def original(self, loc: _Loc) -> _Loc:
        """The place in the file of a place in the config, which is another where faulty list items were left out."""
        return in_file(loc, self.places)

    def fault(self, loc: _Loc, message: str) -> Fault:
        """A fault of what stands at a place."""
        line, column = self.position(loc)
        dotted = ".".join(map(str, self.original(loc)))
        return Fault(line, column, f"{self.path}:{line}:{column}: {dotted}: {message}")


class Fault(NamedTuple):
    """Something that is wrong with a config, and where; faults sort as they stand in the file."""

    line: int
    column: int
    text: str


class FaultyConfigError(ConfigError):
    """A config whose values do not fit.

    Args:
        path: The file.
        faults: What is wrong.
        rest: What is left when the faulty values are taken out, if that is anything.
        lost: Which places of the file were.
    """

    def __init__(
        self,
        path: Path,
        faults: Sequence[Fault],
        *,
        rest: LoadedConfig | None = None,
        lost: frozenset[_Loc] = frozenset(),
    ) -> None:
        super().__init__(
            "\n".join(dict.fromkeys(one.text for one in sorted(faults))),
            mend=f"correct {path}, then look again: {shlex.join(['dense', 'validate', '-c', str(path)])}",
        )
        self.faults = tuple(faults)
        self.rest = rest
        self.lost = lost


def load_config(path: Path) -> LoadedConfig:
    """Read and validate a config file.

    Raises:
        NotFoundError: The file is missing.
        ConfigError: It is not YAML, or does not fit; every fault is listed.
    """
    tree = _parse(path)
    try:
        config = DesignConfig.model_validate(_plain(tree, _Room()))
    except (RecursionError, _TooLarge):
        raise _not_a_config(path, "an alias (*name) that stands for itself, or for far too much") from None
    except _NoKey:
        raise _not_a_config(path, "a list or mapping as a key") from None
    except ValidationError as error:
        raise _faulty(path, tree, [dict(one) for one in error.errors(include_url=False)]) from None
    return LoadedConfig(path=path, config=config, tree=tree)


def _faulty(path: Path, tree: CommentedMap, errors: Sequence[dict[str, Any]]) -> FaultyConfigError:
    """All that is wrong, a misspelled key once: not as unknown and as missing; and what is left without it."""
    missing = {tuple(one["loc"]) for one in errors if one["type"] == "missing"}

    def meant(loc: _Loc) -> str:
        beside = [str(one[-1]) for one in missing if one[:-1] == loc[:-1]]
        close = difflib.get_close_matches(str(loc[-1]).lower(), beside, n=1)
        return close[0] if close else _nearest(str(loc[-1]))

    spelled = {
        (*one["loc"][:-1], meant(tuple(one["loc"]))) for one in errors if one["type"] == "extra_forbidden"
    }
    faults = [
        _fault(path, tree, one, meant)
        for one in errors
        if one["type"] != "missing" or tuple(one["loc"]) not in spelled
    ]
    left = salvage(_plain(tree, _Room()), meant)
    if left is None:
        return FaultyConfigError(path, faults)
    rest = LoadedConfig(path=path, config=left.config, tree=tree, places=left.places)
    faults += [LoadedConfig(path, left.config, tree).fault(loc, said) for loc, said in left.broken]
    return FaultyConfigError(path, faults, rest=rest, lost=left.lost)


def config_sha256(config: DesignConfig, input_sha256: Mapping[str, str]) -> str:
    """A hash over all that decides which designs come out; see ``identity``."""
    text = json.dumps(identity(config, input_sha256), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def identity(config: DesignConfig, input_sha256: Mapping[str, str]) -> dict[str, Any]:
    """The config with the hashes of its input files, less what a run may change when it goes on.

    Left out: quotas, limits, number of workers, chunk size and the folder of the datasets.
    """
    full = config.model_dump(mode="json")
    del full["limits"], full["solver"]["workers"], full["output"]["chunk_size"], full["output"]["root"]
    del full["library"]["max_libraries"], full["library"]["allow_large"]
    for plan in full["plans"]:
        del plan["quota"]
    full["input_sha256"] = dict(sorted(input_sha256.items()))
    return full


def _parse(path: Path) -> CommentedMap:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MOST_CHARACTERS + 1)
    except FileNotFoundError:
        raise NotFoundError(
            f"{path}: there is no such file", mend="make a workspace with: dense init DIR"
        ) from None
    except IsADirectoryError:
        raise ConfigError(
            f"{path}: is a folder", mend=f"name the file in it: {path / 'config.yaml'}"
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not text in UTF-8: {error}", mend="save it as UTF-8") from None
    _check_depth(path, text)
    try:
        tree = YAML(typ="rt").load(text)
    except RecursionError:
        raise _not_a_config(path, "values nested too deeply") from None
    except DuplicateKeyError as error:
        mark = error.problem_mark
        raise ConfigError(f"{path}:{mark.line + 1}:{mark.column + 1}: {_first_line(error.problem)}") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise ConfigError(f"{path}{place}: not YAML: {error.problem or error.context}") from None
    except YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {_first_line(str(error))}") from None
    except (ValueError, LookupError, TypeError, ArithmeticError, AttributeError) as error:
        # The library builds dates and numbers that there are not (2026-13-45, 0x_, !!bool x) without looking.
        found = f"a date, number or escape that there is not ({_first_line(str(error))})"
        raise _not_a_config(path, found) from None
    if not isinstance(tree, CommentedMap):
        raise ConfigError(f"{path}:1:1: expected keys such as 'run:', 'inputs:', 'plans:'")
    return tree


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "fault"


def _check_depth(path: Path, text: str) -> None:
    """Refuse what would keep the YAML library busy for minutes: nothing that is meant looks so.

    Raises:
        ConfigError: The file is larger than a config, or has brackets or lists nested far deeper than one.
    """
    if len(text) > _MOST_CHARACTERS:
        raise _not_a_config(path, f"more than {_MOST_CHARACTERS:,} characters")
    depth = 0
    for number, line in enumerate(text.splitlines(), start=1):
        depth = max(0, depth + sum(map(line.count, "[{")) - sum(map(line.count, "]}")))
        if max(depth, line.count("["), line.count("{"), line.count("- ")) > _MOST_NESTED:
            raise _not_a_config(path, f"values nested too deeply (line {number})")


def _not_a_config(path: Path, found: str) -> ConfigError:
    return ConfigError(f"{path}: found {found}", mend="compare it with a fresh one: dense init DIR")


class _TooLarge(Exception):
    """Aliases make more values than any config has."""


class _NoKey(Exception):
    """A key that is no text, number or the like."""


@dataclass
class _Room:
    """How many values may still come."""

    left: int = 100_000

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise _TooLarge


def _plain(node: Any, room: _Room) -> Any:
    """The tree without ruamel's own types, which strict validation would refuse."""
    room.take()
    if isinstance(node, Mapping):
        return {_key(key, room): _plain(value, room) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_plain(value, room) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _key(node: Any, room: _Room) -> Any:
    if isinstance(node, (Mapping, list, tuple)):
        raise _NoKey
    return _plain(node, room)


def _fault(path: Path, tree: CommentedMap, error: dict[str, Any], meant: Callable[[_Loc], str]) -> Fault:
    loc: _Loc = tuple(error["loc"])
    line, column = _position(tree, loc)
    spelled = ".".join(str(part) for part in _existing(tree, loc, keep_last=True))
    kind, message = error["type"], error["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        close = meant(loc)
        message = "unknown key" + (f"; did you mean {close!r}?" if close else "")
    elif kind == "missing":
        message = "required key is missing"
    elif kind != BROKEN_RULE:
        message = f"{_in_plain_words(message)}, found {_shown(error['input'])}"
    return Fault(line, column, f"{path}:{line}:{column}: {spelled or 'config'}: {message}")


def _nearest(key: str) -> str:
    """The key that was perhaps meant, or nothing."""
    schema = DesignConfig.model_json_schema()
    known = {
        name for section in [schema, *schema["$defs"].values()] for name in section.get("properties", {})
    }
    close = difflib.get_close_matches(key.lower(), known, n=1)
    return close[0] if close else ""


def _in_plain_words(message: str) -> str:
    """What pydantic expects, without the words of a programmer."""
    message = f"{message[0].lower()}{message[1:]}".replace("input should be", "expected")
    for said, meant in (
        ("a valid integer, got a number with a fractional part", "a whole number"),
        ("a valid integer", "a whole number"),
        ("a valid number", "a number"),
        ("a valid string", "a text"),
        ("a valid boolean", "true or false"),
        ("a valid dictionary or instance of", "keys of the section"),
        ("a valid tuple", "a list"),
        ("a valid dictionary", "keys and values"),
        ("greater than or equal to", "at least"),
        ("less than or equal to", "at most"),
    ):
        message = message.replace(said, meant)
    return _TUPLE.sub("expected a value or two, [least, most]", message)


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _existing(tree: Any, loc: _Loc, *, keep_last: bool) -> _Loc:
    """The location without what pydantic adds to it (the tag of a union, the name of a check)."""
    node, kept = tree, []
    for number, part in enumerate(loc):
        inside = isinstance(node, (CommentedMap, CommentedSeq)) and _has(node, part)
        if inside:
            node = node[part]
            kept.append(part)
        elif keep_last and number == len(loc) - 1 and isinstance(node, CommentedMap):
            kept.append(part)
    return tuple(kept)


def _has(node: CommentedMap | CommentedSeq, part: int | str) -> bool:
    if isinstance(node, CommentedSeq):
        return isinstance(part, int) and part < len(node)
    return part in node


def _position(tree: CommentedMap, loc: _Loc) -> tuple[int, int]:
    """1-based line and column of the deepest part of the location that is in the file."""
    node: Any = tree
    line, column = tree.lc.line, tree.lc.col
    for part in _existing(tree, loc, keep_last=False):
        at = node.lc.key(part) if isinstance(node, CommentedMap) else node.lc.item(part)
        line, column = at
        node = node[part]
    return line + 1, column + 1
