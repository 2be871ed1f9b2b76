"""The examples in the help of each command of usr, and so in the reference, work as they stand there."""

import gzip
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from dnadesign.usr import Dataset, register_namespace
from scripts.docs.__main__ import DOCS
from scripts.docs.pages import Step
from scripts.docs.running import Session
from scripts.docs.warm_usr import warm_usr

EXAMPLES = re.findall(r"^  (usr .*)$", (DOCS / "cli.md").read_text(encoding="utf-8"), re.MULTILINE)
ID, HASH = "3f786850e387550fdab836ed7e6dc881de23001b", "65db787e01d6"  # what stands for one in the examples
ODD = {
    "--columns Seq=sequence": ("designs.csv", "Seq,note\nGATTACA,x\n")
}  # files that one example has otherwise


@pytest.fixture(scope="module")
def programs() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, warm_usr(Path(folder)) as ready:
        yield ready


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder with all that the examples speak of, and what stands there for an id and a hash."""
    folder = tmp_path_factory.mktemp("examples")
    root = folder / "data"
    register_namespace(root, namespace="densegen", columns="densegen__plan:string,densegen__gc_total:float64")
    register_namespace(
        root, namespace="scores", columns="scores__gc:float64,scores__hits:list<string>", owner="me"
    )
    dataset = Dataset(root, "lab/promoters").init()
    first = "A" * 12 + "TTGACAAAAAAAAAAAAAAAAATATAAT" + "C" * 20
    ids = dataset.add_sequences([first, "ACGT", "CCCC"], bio_type="dna", alphabet="dna_4").ids
    frozen = dataset.freeze_registry(maintenance=True).registry_hash
    dataset.write_overlay_part(
        "densegen", pa.table({"id": [ids[0]], "densegen__plan": ["a"], "densegen__gc_total": [0.5]})
    )
    dataset.write_overlay("scores", pa.table({"id": [ids[1]], "scores__hits": [["x"]]}))
    dataset.tombstone([ids[2]])
    dataset.set_state([ids[0]], split="train")
    Dataset(root, "lab/more").init().add_sequences([first, "GGGG"], bio_type="dna", alphabet="dna_4")
    files = {
        "designs.csv": "sequence\nGATTACA\n",
        "scores.csv": f"id,scores__gc\n{ids[0]},0.5\n",
        "gc.tsv": "sequence\tgc\nACGT\t0.5\n",
        "failed.txt": f"{ids[1]}\n",
        "holdout.txt": f"{ids[1]}\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "genome.fasta.gz").write_bytes(gzip.compress(b">one\nACGTN\n>two\nACGT\n", mtime=0))
    return folder, {ID: ids[0], ID[:6]: ids[0][:6], HASH: frozen[:12]}


def test_the_examples_are_found() -> None:
    assert len(EXAMPLES) > 50


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_reference_works(
    example: str, prepared: tuple[Path, dict[str, str]], programs: Path, tmp_path: Path
) -> None:
    folder, stand_ins = prepared
    shutil.copytree(folder, tmp_path / "here")
    line = example
    for shown, there in stand_ins.items():
        line = line.replace(shown, there)
    for part, (name, text) in ODD.items():
        if part in example:
            (tmp_path / "here" / name).write_text(text)
    if example.startswith("usr init"):
        shutil.rmtree(tmp_path / "here" / "data" / "lab" / "promoters")
    if example.startswith("usr restore"):
        line = f"usr delete lab/promoters {stand_ins[ID]} && {line}"
    step = Step("sh", f"export USR_ROOT=data; set -o pipefail\n{line}\n", 1)
    if "--follow" in example:
        step.interrupt, step.status = '"rows"' if "jq" in example else "restore", 130
    Session(tmp_path / "here", programs=programs).take(step)
