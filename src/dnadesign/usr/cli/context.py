"""Which root and which dataset a command line means, from its words, the environment and the current folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dnadesign import usr
from dnadesign.usr.cli.errors import UsageProblem
from dnadesign.usr.contract.layout import EVENTS, RECORDS, REGISTRY_FILE

if TYPE_CHECKING:
    from dnadesign.usr import Dataset

ROOT_VARIABLE = "USR_ROOT"
_SEGMENTS = 2  # a dataset lies one or two folders below its root


@dataclass(frozen=True, slots=True)
class Place:
    """Where a folder lies: its root, and the dataset that it is or is in, if any."""

    root: Path
    dataset: str | None


def given_root(option: str | None) -> Path | None:
    """The root that ``--root`` or else ``USR_ROOT`` names, or None."""
    named = option or os.environ.get(ROOT_VARIABLE)
    return Path(named).expanduser() if named else None


def root_folder(option: str | None, *, may_be_new: bool = False) -> Path:
    """The root that a command means: ``--root``, ``USR_ROOT``, or the one around the current folder.

    Args:
        option: The value of ``--root``.
        may_be_new: Whether the command makes a root that is not there.

    Raises:
        UsageProblem: There is none.
        DatasetNotFound: The folder that was named is not there.
    """
    named = given_root(option)
    if named is None:
        place = around(Path.cwd())
        if place is None:
            raise UsageProblem(
                "no root is given, and the current folder is not in one",
                mend=f"say where the datasets are: --root DIR, or set {ROOT_VARIABLE}",
            )
        return place.root
    if not may_be_new and not named.is_dir():
        raise usr.DatasetNotFound(
            f"{named}: no such folder",
            mend="see --root and USR_ROOT; a root is made with its first dataset: usr init",
        )
    return named


def around(folder: Path) -> Place | None:
    """The root that a folder is, or lies in as a dataset, a group of datasets, or deeper inside a dataset."""
    folder = folder.resolve()
    for root in (folder, *folder.parents):
        if (root / REGISTRY_FILE).is_file():
            inside = folder.relative_to(root).parts
            dataset = _dataset_among(root, inside)
            return Place(root, dataset) if dataset or len(inside) < _SEGMENTS else None
    return None


def _dataset_among(root: Path, inside: tuple[str, ...]) -> str | None:
    for count in range(1, min(len(inside), _SEGMENTS) + 1):
        if is_dataset_folder(root.joinpath(*inside[:count])):
            return "/".join(inside[:count])
    return None


def is_dataset_folder(folder: Path) -> bool:
    """Whether a folder has the files of a dataset."""
    return (folder / EVENTS).is_file() or (folder / RECORDS).is_file()


def open_dataset(root_option: str | None, given: str | None, *, even_damaged: bool = False) -> Dataset:
    """The dataset that a command means.

    Args:
        root_option: The value of ``--root``.
        given: Its id, or the path of its folder; None for the one that the current folder is in.
        even_damaged: Whether a folder will do, even if nothing in it says that it is a dataset.

    Raises:
        UsageProblem: None is meant.
        DatasetNotFound: There is no such dataset.
    """
    root, name = _locate(root_option, given)
    if even_damaged and (dataset := usr.Dataset(root, name)).dir.is_dir():
        return dataset
    return usr.Dataset.open(root, name)


def _locate(root_option: str | None, given: str | None) -> tuple[Path, str]:
    if given is None:
        return _here(root_option)
    folder = Path(given).expanduser()
    if given.endswith("/") or given.startswith(("/", "./", "../", "~")) or given in {".", ".."}:
        return _at(folder, root_option)
    root = given_root(root_option) or _root_around_here()
    if is_dataset_folder(folder) and (root is None or not is_dataset_folder(root / given)):
        return _at(folder, root_option)
    return root_folder(root_option), given


def _root_around_here() -> Path | None:
    place = around(Path.cwd())
    return place.root if place else None


def _here(root_option: str | None) -> tuple[Path, str]:
    place = around(Path.cwd())
    named = given_root(root_option)
    if place is None or place.dataset is None or (named is not None and named.resolve() != place.root):
        raise UsageProblem(
            "which dataset? The current folder is not in one" + (f" of {named}" if named else ""),
            mend="name it; usr ls shows what there is",
        )
    return place.root, place.dataset


def _at(folder: Path, root_option: str | None) -> tuple[Path, str]:
    """The root and id of a dataset by the path of its folder, which says more than USR_ROOT does."""
    if not is_dataset_folder(folder):
        raise usr.DatasetNotFound(f"{folder}: no dataset there", mend="usr ls shows the datasets of a root")
    folder = folder.resolve()
    named = given_root(root_option)
    if named is not None and folder.is_relative_to(named.resolve()):
        return named, folder.relative_to(named.resolve()).as_posix()
    if root_option is not None:
        raise UsageProblem(f"{folder} is not under the root {named}", mend="leave out --root")
    place = around(folder)
    if place is None or place.dataset is None:
        raise UsageProblem(
            f"{folder}: no {REGISTRY_FILE} is above it, so its root is not known", mend="give --root DIR"
        )
    return place.root, place.dataset


def dataset_names(root_option: str | None) -> list[str]:
    """The datasets of the root that is meant, for completion; none where that fails."""
    try:
        return usr.list_datasets(root_folder(root_option))
    except (UsageProblem, usr.SequencesError, OSError):
        return []


def namespace_names(root_option: str | None) -> list[str]:
    """The namespaces of the root that is meant, for completion; none where that fails."""
    try:
        return [namespace.name for namespace in usr.load_registry(root_folder(root_option))]
    except (UsageProblem, usr.SequencesError, OSError):
        return []


def dataset_and_file(words: Sequence[str], root_option: str | None) -> tuple[str | None, str]:
    """``[DATASET] FILE`` as the two; the dataset is None where it is left out.

    Raises:
        UsageProblem: There are more words than that.
    """
    return _dataset_and(words, root_option, "FILE")


def dataset_and_pattern(words: Sequence[str], root_option: str | None) -> tuple[str | None, str]:
    """``[DATASET] PATTERN`` likewise.

    Raises:
        UsageProblem: There are more words than that.
    """
    return _dataset_and(words, root_option, "PATTERN")


def dataset_and_other(words: Sequence[str], root_option: str | None) -> tuple[str | None, str]:
    """``[DATASET] OTHER`` likewise.

    Raises:
        UsageProblem: There are more words than that.
    """
    return _dataset_and(words, root_option, "OTHER")


def _dataset_and(words: Sequence[str], root_option: str | None, what: str) -> tuple[str | None, str]:
    if len(words) > 2:
        raise UsageProblem(f"expected [DATASET] {what}, found {len(words)} words: {' '.join(words)}")
    if len(words) == 2:
        return words[0], words[1]
    if names_a_dataset(words[0], root_option) and (what == "FILE" or not is_in_a_dataset(root_option)):
        raise UsageProblem(
            f"{words[0]} is a dataset, and no {what} is given", mend=f"give both: {words[0]} {what}"
        )
    return None, words[0]


def names_a_dataset(word: str, root_option: str | None) -> bool:
    """Whether a word is the id, or the path of the folder, of a dataset that is there."""
    root = given_root(root_option) or _root_around_here()
    folders = [Path(word).expanduser(), *([root / word] if root is not None else [])]
    return any(is_dataset_folder(folder) for folder in folders)


def is_in_a_dataset(root_option: str | None) -> bool:
    """Whether the dataset may be left out here."""
    try:
        _here(root_option)
    except UsageProblem:
        return False
    return True
