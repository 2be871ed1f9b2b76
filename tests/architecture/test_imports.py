"""Imports run downwards only, and the tools see usr through one door each."""

import pytest

from tests.architecture.import_rules import contract_problems, cycles, import_problems
from tests.architecture.source_tree import Module, modules

MODULES = modules()
CONTRACT = [module for module in MODULES if module.name.startswith("dnadesign.usr.contract")]


def test_every_import_runs_downwards_and_every_local_one_says_why() -> None:
    assert not [problem for module in MODULES for problem in import_problems(module)]


def test_the_contract_of_usr_is_pure() -> None:
    assert CONTRACT
    assert not [problem for module in CONTRACT for problem in contract_problems(module)]


def test_no_modules_import_one_another_in_a_circle() -> None:
    assert cycles(MODULES) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dnadesign.usr.contract.names", "from dnadesign.usr.storage.lock import Lock"),
        ("dnadesign.usr.contract.names", "from dnadesign.usr.storage import lock"),
        ("dnadesign.usr.contract.names", "from ..storage import lock"),
        ("dnadesign.usr.contract.names", "from ...notify import contract"),
        ("dnadesign.usr.contract.names", "from dnadesign.usr import Dataset"),
        ("dnadesign.usr.storage.journal", "import dnadesign.usr.operations.ingest"),
        ("dnadesign.usr.storage.journal", "from dnadesign.usr.dataset import Dataset"),
        ("dnadesign.usr.storage.journal", "from dnadesign.usr.formats import csv"),
        ("dnadesign.usr.operations.ingest", "from dnadesign.usr.operations.attach import attach"),
        ("dnadesign.usr.operations.ingest", "from dnadesign.usr.operations import attach"),
        (
            "dnadesign.usr.operations.ingest",
            "from dnadesign.usr import operations as _ops\n_ops.attach.Attach()",
        ),
        ("dnadesign.usr.operations.ingest", "from dnadesign.usr.dataset import Dataset"),
        ("dnadesign.usr.operations.ingest", "from dnadesign.usr.cli.app import main"),
        ("dnadesign.usr.dataset", "from dnadesign.usr.formats.fasta import read"),
        ("dnadesign.usr.dataset", "from dnadesign.usr.cli import app"),
        ("dnadesign.usr.cli.events", "from dnadesign.usr.storage.event_log import follow"),
        ("dnadesign.usr.cli.events", "from dnadesign.usr.operations.read import scan"),
        ("dnadesign.usr.testing", "from dnadesign.usr.cli.app import main"),
        ("dnadesign.usr.dataset", "from dnadesign.densegen.contract.design import Design"),
        ("dnadesign.densegen.operations.run", "from dnadesign.usr import Dataset"),
        ("dnadesign.densegen.operations.run", "import dnadesign.usr"),
        ("dnadesign.densegen.operations.run", "from dnadesign.notify.contract import messages"),
        ("dnadesign.densegen.contract.design", "from dnadesign.densegen.operations import run"),
        ("dnadesign.densegen.adapters.inputs.site_table", "from dnadesign.densegen.cli.app import main"),
        (
            "dnadesign.densegen.operations.run",
            "from dnadesign.densegen.adapters.inputs import site_table",
        ),
        ("dnadesign.densegen.operations.run", "from dnadesign.densegen.assembly import solver"),
        ("dnadesign.densegen.adapters.outputs.usr_writer", "from dnadesign.usr.dataset import Dataset"),
        ("dnadesign.densegen.adapters.outputs.usr_writer", "from dnadesign.usr.contract.errors import Busy"),
        ("dnadesign.notify.operations.watch", "from dnadesign.usr import EventFollower"),
        ("dnadesign.notify.adapters.usr_events", "from dnadesign.usr.storage.event_log import follow"),
        ("dnadesign.notify.operations.watch", "def f():\n    import json\n"),
        ("dnadesign.notify.operations.watch", "def f():\n    x = 1\n    import json\n    import re\n"),
        (
            "dnadesign.notify.operations.watch",
            "# why\nx = 1\nasync def f():\n    if x:\n        import json\n",
        ),
    ],
)
def test_an_import_that_runs_upwards_or_through_the_wall_is_found(name: str, text: str) -> None:
    assert import_problems(Module(name, text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dnadesign.usr.contract.names", "from dnadesign.usr.contract.errors import NamespaceError"),
        ("dnadesign.usr.contract.events", "from dnadesign._version import __version__"),
        ("dnadesign.usr.storage.journal", "from ..contract import layout"),
        ("dnadesign.usr.operations.ingest", "from dnadesign.usr.operations._rows import rows"),
        (
            "dnadesign.usr.operations.ingest",
            "from dnadesign.usr import operations as _ops\n_ops._rows.rows()",
        ),
        ("dnadesign.usr.operations", "from dnadesign.usr.operations import ingest as ingest"),
        ("dnadesign.usr.operations.ingest", "from dnadesign.usr.formats import fasta  # heavy"),
        ("dnadesign.usr.dataset", "from dnadesign.usr.operations import ingest, read"),
        ("dnadesign.usr.cli.events", "from dnadesign.usr import Dataset, EventFollower, load_registry"),
        ("dnadesign.usr.cli.events", "from dnadesign.usr.cli.output import Output"),
        ("dnadesign.densegen.adapters.outputs.usr_writer", "from dnadesign.usr import Dataset, use_actor"),
        ("dnadesign.notify.adapters.usr_events", "from dnadesign.usr import EventFollower"),
        (
            "dnadesign.densegen.adapters.inputs.site_table",
            "from dnadesign.densegen.operations import padding",
        ),
        ("dnadesign.densegen.cli.app", "from dnadesign.densegen.operations.run import run"),
        ("dnadesign.densegen.assembly", "from dnadesign.densegen.adapters.solvers import processes"),
        (
            "dnadesign.densegen.cli.app",
            "def f():\n    # heavy, and optional\n    import dna_features_viewer\n",
        ),
        ("dnadesign.densegen.cli.app", "def f():\n    import dna_features_viewer  # optional\n"),
        ("dnadesign.usr.cli.tables", "def f():\n    # costly\n    from rich.box import A\n    import rich\n"),
        ("dnadesign.demo", "from dnadesign.usr import Dataset\nfrom dnadesign.notify.cli.app import main\n"),
    ],
)
def test_an_import_that_runs_downwards_is_left_alone(name: str, text: str) -> None:
    assert import_problems(Module(name, text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "import duckdb",
        "import yaml",
        "from pathlib import Path",
        "import pyarrow.parquet as pq",
        "from os import open as os_open",
        "import os\nos.stat('x')",
        "open('x')",
        "def f(path):\n    return path.read_text()\n",
    ],
)
def test_a_contract_that_reaches_out_is_found(text: str) -> None:
    assert contract_problems(Module("dnadesign.usr.contract.names", text))


def test_a_contract_that_reads_its_environment_and_computes_is_left_alone() -> None:
    text = "import os\nimport pyarrow as pa\nfrom pathlib import PurePosixPath\npid = os.getpid()\n"
    assert contract_problems(Module("dnadesign.usr.contract.names", text)) == []


def test_a_circle_is_found() -> None:
    circle = [
        Module("a.b", "import a.c"),
        Module("a.c", "from a.d import x"),
        Module("a.d", "from a import b"),
    ]
    assert cycles([*circle, Module("a.e", "import a.b")]) == [["a.b", "a.c", "a.d"]]
