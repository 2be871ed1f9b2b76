"""The references are whole and new, the links lead somewhere, and the README knows the commands."""

import inspect
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from dnadesign import usr
from dnadesign._version import __version__
from dnadesign.densegen.cli.app import app as dense_app
from dnadesign.notify.cli.app import app as notify_app
from dnadesign.usr.cli.app import app as usr_app
from dnadesign.usr.contract.events import LIBRARY_ACTIONS
from scripts.docs.__main__ import DOCS, GENERATED, ROOT
from scripts.docs.command_reference import command_paths

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
WRITTEN = [page for page in sorted(DOCS.glob("*.md")) if page not in GENERATED]
README = (ROOT / "README.md").read_text(encoding="utf-8")
APPS = {"usr": usr_app, "dense": dense_app, "notify": notify_app}


@pytest.mark.parametrize("page", GENERATED, ids=lambda page: page.name)
def test_a_generated_page_is_what_the_code_gives_now(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == GENERATED[page](), "stale: run make docs"


def test_every_public_name_and_method_is_in_the_reference() -> None:
    headings = set(re.findall(r"^#+ ([\w.]+)$", (DOCS / "api.md").read_text(), re.MULTILINE))
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    for name in usr.__all__:
        assert name in headings or f"| `{name}` |" in text, name
    for name, _ in inspect.getmembers(usr.Dataset, callable):
        if not name.startswith("_"):
            assert f"Dataset.{name}" in headings or f"`.{name}()" in text, name


def test_every_type_that_a_method_of_a_dataset_gives_can_be_looked_up() -> None:
    given = set()
    for name, method in inspect.getmembers(usr.Dataset, callable):
        if not name.startswith("_"):
            given |= set(re.findall(r"\b(?<!\.)[A-Z]\w+", str(inspect.signature(method).return_annotation)))
    given -= {"AbstractContextManager", "Any", "Iterator", "None", "Path"}
    assert given <= set(usr.__all__), given - set(usr.__all__)


def headings_of(page: Path) -> set[str]:
    """The anchors that a page has."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_page_and_heading_that_are_there(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in headings_of(there), target


def test_the_readme_leads_to_every_page_of_usr() -> None:
    for page in DOCS.glob("*.md"):
        assert f"(docs/usr/{page.name})" in README, page.name


def test_every_command_of_usr_is_shown_at_work() -> None:
    shown = "\n".join(page.read_text(encoding="utf-8") for page in [ROOT / "README.md", *WRITTEN])
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```$", shown, re.DOTALL | re.MULTILINE))
    assert [path for path in command_paths() if not re.search(rf"\b{path}\b", blocks)] == []


def test_every_action_is_in_the_page_on_events() -> None:
    text = (DOCS / "events.md").read_text(encoding="utf-8")
    assert [action for action in sorted(LIBRARY_ACTIONS) if f"`{action}`" not in text] == []


@pytest.mark.parametrize("tool", APPS)
def test_every_command_that_a_page_names_is_there(tool: str) -> None:
    root: Any = get_command(APPS[tool])
    context = root.make_context(tool, [], resilient_parsing=True)
    known = set(root.list_commands(context))
    code = re.compile(rf"(?:^|[`|(] ?){tool} (?!--)([a-z][a-z-]+)", re.MULTILINE)
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        code_text = "\n".join(re.findall(r"```(?:sh|console)\n.*?```|`[^`\n]+`", text, re.DOTALL))
        for found in code.findall(code_text):
            assert found in known, f"{page.name}: {tool} {found}"


def test_the_readme_names_every_console_script() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert set(scripts) == set(APPS)
    for script in scripts:
        assert f"| `{script}` |" in README


def test_the_targets_that_a_page_names_are_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        code_text = "\n".join(re.findall(r"```(?:sh|console)\n.*?```|`[^`\n]+`", text, re.DOTALL))
        named = re.findall(r"(?:`|^)make ([a-z][a-z-]*)\b", code_text, re.MULTILINE)
        assert set(named) <= targets, page.name


def test_the_changelog_begins_with_the_version_at_hand() -> None:
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert versions[0] == __version__
