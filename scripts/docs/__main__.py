"""Write docs/usr/api.md and cli.md anew, and put what is seen now where another page shows something else.

Usage: python -m scripts.docs [PAGE...]    only these pages are run; none of them with ``--references``
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from scripts.docs.api_reference import api_reference
from scripts.docs.command_reference import command_reference
from scripts.docs.pages import read_page
from scripts.docs.running import Session, same

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs" / "usr"
GENERATED = {DOCS / "api.md": api_reference, DOCS / "cli.md": command_reference}
RUN = [ROOT / "README.md", *sorted(set(DOCS.glob("*.md")) - set(GENERATED))]


def refresh(page: Path) -> int:
    """Run a page and write what is seen over what it shows, where the two differ; returns how often they do."""
    text, changes = page.read_text(encoding="utf-8"), []
    with tempfile.TemporaryDirectory() as folder:
        session = Session(Path(folder))
        for step in read_page(page):
            seen = session.take(step)
            if step.output is not None and not same(step.output, seen):
                changes.append((step.output_span, seen))
    for (start, end), seen in reversed(changes):
        text = text[:start] + seen + text[end:]
    page.write_text(text, encoding="utf-8")
    return len(changes)


def main(words: list[str]) -> None:
    """Bring the documentation up to date."""
    for page, make in GENERATED.items():
        page.write_text(make(), encoding="utf-8")
    chosen = [Path(word).resolve() for word in words if word != "--references"]
    for page in [] if "--references" in words else chosen or RUN:
        changed = refresh(page)
        print(
            f"{page.relative_to(ROOT)}: {changed} outputs written anew"
            if changed
            else f"{page.name}: as it is"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
