"""Configs and independent checks that the tests of densegen share."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

from dnadesign.densegen.contract.config import DesignConfig
from dnadesign.densegen.contract.parts import Part, Pool
from dnadesign.densegen.operations.libraries import PlanPool, plan_pool

COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A"}


def other_strand(sequence: str) -> str:
    """Reverse complement, written apart from the code under test."""
    return "".join(COMPLEMENT[base] for base in reversed(sequence))


def site_rows(
    *, factors: int = 3, each: int = 8, lengths: tuple[int, ...] = (8, 9), seed: int = 1
) -> list[tuple[str, str]]:
    """Made-up sites: (factor, sequence); two of them fill a spacer of 16 to 18 bases."""
    rng = random.Random(seed)
    return [
        (f"F{factor}", "".join(rng.choice("ACGT") for _ in range(lengths[number % len(lengths)])))
        for factor in range(factors)
        for number in range(each)
    ]


SMALL: dict[str, Any] = {
    "schema_version": 1,
    "run": {"id": "run", "seed": 3},
    "inputs": [{"name": "sites", "kind": "sites", "path": "sites.csv"}],
    "target": {"length": 40},
    "library": {"size": 5},
    "plans": [
        {
            "name": "first",
            "quota": 6,
            "inputs": ["sites"],
            "groups": [{"name": "two", "members": ["F0", "F1"], "min_required": 2}],
            "promoters": [
                {"name": "sigma70", "upstream": "TTGACA", "downstream": "TATAAT", "spacer": [16, 18]}
            ],
        },
        {"name": "second", "quota": 5, "inputs": ["sites"], "min_count": {"F2": 1}},
    ],
    "final": {"unique": "revcomp"},
    "solver": {"time_limit_s": 20.0, "reproducible": True},
    "output": {"root": "datasets", "dataset": "designs", "chunk_size": 2},
}


def small_config(**changes: Any) -> dict[str, Any]:
    """The small config with dotted keys changed: ``small_config(**{"run.seed": 4})``."""
    tree = copy.deepcopy(SMALL)
    for dotted, value in changes.items():
        *path, last = dotted.split(".")
        node: Any = tree
        for part in path:
            node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
        node[last] = value
    return tree


def config(**changes: Any) -> DesignConfig:
    """The small config, validated."""
    return DesignConfig.model_validate(small_config(**changes))


def pools(made: DesignConfig, rows: list[tuple[str, str]] | None = None) -> dict[str, PlanPool]:
    """What the plans of a config draw from when its input holds these sites."""
    whole = Pool(tuple(Part(tf=tf, sequence=sequence) for tf, sequence in rows or site_rows()))
    return {plan.name: plan_pool(plan, {"sites": whole}) for plan in made.plans}


def write_workspace(folder: Path, **changes: Any) -> Path:
    """A folder with sites and the small config as YAML; returns the path of the config."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["tf,tfbs", *(f"{tf},{sequence}" for tf, sequence in site_rows())]
    (folder / "sites.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    path = folder / "config.yaml"
    path.write_text(as_yaml(small_config(**changes)), encoding="utf-8")
    return path


def as_yaml(tree: dict[str, Any]) -> str:
    """A plain tree as YAML, keys in their order."""
    import yaml

    return str(yaml.safe_dump(tree, sort_keys=False))


def assert_keeps_promises(sequence: str, detail: list[dict[str, Any]], *, length: int) -> None:
    """Each placement in a row's metadata stands in the sequence as it says."""
    assert len(sequence) == length
    for one in detail:
        text = sequence[one["offset"] : one["end"]]
        assert one["tfbs"] == (text if one["orientation"] == "fwd" else other_strand(text))
        assert one["length"] == len(one["tfbs"]) == one["end"] - one["offset"]
        assert one["offset_raw"] == one["offset"] - one["pad_left"]


def sigma70_spacers(sequence: str) -> set[int]:
    """Distances between every TTGACA and every TATAAT behind it on the forward strand."""
    ups = [at for at in range(len(sequence)) if sequence.startswith("TTGACA", at)]
    downs = [at for at in range(len(sequence)) if sequence.startswith("TATAAT", at)]
    return {down - up - 6 for up in ups for down in downs}
