"""Config files: every fault is refused, at its line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnadesign.densegen.adapters.inputs.config_file import config_sha256, load_config
from dnadesign.densegen.contract.errors import ConfigError, NotFoundError
from tests.densegen.design_cases import config, write_workspace

TEXT = """\
schema_version: 1
run:
  id: demo
  seed: 7
inputs:
  - {name: sites, kind: sites, path: sites.csv}
target:
  length: 60
plans:
  - name: one
    quota: 3
    inputs: [sites]
output:
  root: datasets
  dataset: demo
"""


def refusal(tmp_path: Path, text: str) -> str:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return str(caught.value).replace(str(path), "FILE")


def test_a_terabyte_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a hole, which takes no room
    with pytest.raises(ConfigError, match=r"found more than [0-9,]+ characters"):
        load_config(path)


def test_a_valid_file_gives_the_values_and_their_defaults(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(TEXT, encoding="utf-8")
    loaded = load_config(path)
    assert loaded.config.run.id == "demo"
    assert loaded.config.library.size == 10
    assert loaded.where("plans", 0, "quota") == f"{path}:11:5"


@pytest.mark.parametrize(
    ("before", "after", "place", "says"),
    [
        ("  seed: 7", "  seed: 7\n  sede: 8", "FILE:5:3", "run.sede: unknown key; did you mean 'seed'?"),
        ("  seed: 7", "  seed: 7\n  id: two", "FILE:5:3", "id"),
        ("  seed: 7", "  seed: seven", "FILE:4:3", 'found "seven"'),
        ("  seed: 7", "  seed: 7.5", "FILE:4:3", "run.seed"),
        ("  seed: 7", "  seed: true", "FILE:4:3", "run.seed"),
        ("  id: demo", "  id: ../demo", "FILE:3:3", "beginning with a letter or digit"),
        ("  length: 60", "  length: 0", "FILE:8:3", "expected at least 1"),
        ("    quota: 3\n", "", "FILE:10:5", "plans.0.quota: required key is missing"),
        (
            "    quota: 3",
            "    quota: 3\n    promoters: [{name: p, upstream: TTGAXA}]",
            "FILE:12:27",
            "A, C, G, T",
        ),
        ("kind: sites", "kind: sights", "FILE:6:5", "sights"),
        ("path: sites.csv", "path: sites.csv, count: 4", "FILE:6:49", "unknown key"),
        ("length: 60", "length: 60\nlibrary: {size: 17}", "FILE:9:1", "allow_large"),
        ("length: 60", "length: 60\nsolver: {backend: CBC, reproducible: true}", "FILE:9:1", "CP_SAT"),
        ("length: 60", "length: 60\nfinal: {pad: {gc: [0.7, 0.3]}}", "FILE:9:15", "lower bound"),
        ("length: 60", "length: 60\nfinal: {forbid_kmers: [GANTC, XX]}", "FILE:9:31", "IUPAC"),
        ("target:", "target: [", "FILE:", "not YAML"),
        ("  dataset: demo", "  dataset: ../x", "FILE:15:3", "group/name"),
        ("  seed: 7", "  seed: 7.5", "FILE:4:3", "expected a whole number, found 7.5"),
        (
            "length: 60",
            "length: 60\nfinal: {pad: {gc: [0.1, 0.2, 0.3]}}",
            "FILE:9:15",
            "[least, most], found",
        ),
        ("    inputs: [sites]", "    inputs: sites", "FILE:12:5", "expected a list, found"),
        ("  length: 60", "  length:", "FILE:8:3", "expected a whole number, found null"),
    ],
)
def test_a_fault_is_named_with_its_place(
    tmp_path: Path, before: str, after: str, place: str, says: str
) -> None:
    message = refusal(tmp_path, TEXT.replace(before, after))
    assert any(line.startswith(place) and says in line for line in message.splitlines())
    assert says in message


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    message = refusal(tmp_path, TEXT.replace("seed: 7", "seed: x").replace("quota: 3", "quota: 0"))
    assert len(message.splitlines()) == 3


@pytest.mark.parametrize("text", ["", "- a\n", "run\n", "\x00", "a: &x [*x]\n"])
def test_what_is_not_a_config_is_refused_without_a_traceback(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, text)


def test_a_missing_file_is_refused_with_the_way_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="dense init"):
        load_config(tmp_path / "config.yaml")
    with pytest.raises(ConfigError, match=r"is a folder\nmend: name the file in it"):
        load_config(tmp_path)


def test_the_same_config_in_other_words_has_the_same_hash(tmp_path: Path) -> None:
    path = write_workspace(tmp_path)
    assert config_sha256(load_config(path).config, {}) == config_sha256(config(), {})


@pytest.mark.parametrize(
    "change",
    [
        {"plans.0.quota": 60},
        {"limits.attempts": 9},
        {"solver.workers": 4},
        {"output.chunk_size": 50},
        {"output.root": "elsewhere"},
        {"library.max_libraries": 7},
    ],
)
def test_what_a_run_may_change_when_it_goes_on_leaves_the_hash(change: dict[str, object]) -> None:
    assert config_sha256(config(**change), {}) == config_sha256(config(), {})


@pytest.mark.parametrize(
    "change", [{"run.seed": 4}, {"target.length": 51}, {"library.size": 6}, {"plans.1.min_count": {"F1": 1}}]
)
def test_what_decides_the_designs_is_in_the_hash(change: dict[str, object]) -> None:
    assert config_sha256(config(**change), {}) != config_sha256(config(), {})


def test_the_content_of_the_inputs_is_in_the_hash() -> None:
    assert config_sha256(config(), {"sites": "a"}) != config_sha256(config(), {"sites": "b"})


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]\n",
        "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
        + "".join(
            f"{n}: &{n} [{', '.join([f'*{m}'] * 9)}]\n" for m, n in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        "a: " + "[" * 5000 + "\n",
        "a: [\n" * 5000,
        "- " * 5000 + "\n",
        '{"a":' * 5000,
        "# " + "x" * (1 << 20),
    ],
    ids=[
        "alias of itself",
        "aliases of aliases",
        "brackets",
        "brackets over lines",
        "lists",
        "braces",
        "size",
    ],
)
def test_a_config_that_would_take_forever_is_refused_at_once(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"found|not YAML|expected keys|required key"):
        load_config(path)
