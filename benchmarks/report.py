"""The results as one table for the terminal, as JSON, and as a page with a chart."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import log10
from pathlib import Path

from benchmarks.measure import Against, Figure, Line
from benchmarks.results import Measured, Results

PAGE, CHART, DATA = (f"benchmarks.{end}" for end in ("md", "svg", "json"))
HEAD = ("workload", "usr", "against", "ratio", "others: ratio", "n", "met")


def amount(figure: Figure) -> str:
    """A median with its unit, to three digits."""
    value = figure.median
    if figure.unit == "x":
        return f"{value:.2f} x"
    steps = (
        ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
        if figure.unit == "B"
        else ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"))
    )
    for size, unit in steps:
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g} {figure.unit}"


def _ratio(line: Line, against: Against) -> str:
    found = f"{line.ratio(against):.2f}"
    return found if against.target is None else f"{found} (<= {against.target:g})"


def verdict(line: Line) -> str:
    """Whether all targets of a line are met; a dash where there are none."""
    targets = line.targets
    if not targets:
        return "-"
    return "yes" if all(met for _, met in targets) else "no"


def cells(line: Line) -> tuple[str, ...]:
    """One line of the table."""
    reference = line.reference.figure
    others = [f"{a.figure.name} {amount(a.figure)}: {_ratio(line, a)}" for a in line.peers]
    return (
        line.workload,
        amount(line.ours),
        f"{reference.name} {amount(reference)}",
        _ratio(line, line.reference),
        "; ".join(others),
        str(len(line.ours.samples)),
        verdict(line),
    )


def plain_table(lines: Sequence[Line]) -> str:
    """The table for a terminal."""
    rows = [HEAD, *map(cells, lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _runs(measured: Sequence[Measured]) -> list[str]:
    """When which workloads were taken, and how far those figures can be trusted."""
    runs: dict[str, list[Measured]] = {}
    for found in measured:
        taken = found.taken
        runs.setdefault(f"{taken.date}, commit {taken.commit}, sizes {taken.scale}", []).append(found)
    said = []
    for run, members in runs.items():
        loads = [found.taken.load for found in members]
        names = ", ".join(found.workload for found in members)
        share = f"{min(loads):.0%} to {max(loads):.0%}"
        said.append(f"- {run}; before each, others used {share} of the processors: {names}.")
    busy = [found.workload for found in measured if found.taken.busy]
    small = [found.workload for found in measured if found.taken.scale != "full"]
    packages = {name: version for found in measured for name, version in found.taken.packages.items()}
    return [
        "Taken:",
        "",
        *said,
        "",
        f"With {', '.join(f'{name} {version}' for name, version in packages.items())}.",
        *(
            [
                "",
                "**The machine was busy with other work when these were taken, which are for orientation only: "
                f"{', '.join(busy)}.**",
            ]
            if busy
            else []
        ),
        *(["", f"**Of other sizes than the targets are for: {', '.join(small)}.**"] if small else []),
    ]


def page(results: Results, *, chart: str, data: str) -> str:
    """The Markdown page; ``chart`` and ``data`` are the names of the files beside it."""
    machine = results.machine
    notes = dict.fromkeys(line.note for line in results.lines if line.note)
    parts = [
        "# Benchmarks",
        "",
        "Written by `make bench`; do not edit. Ratios are usr's median time (or memory) in multiples of the other's: "
        "below 1 usr is faster. A ratio in the form `1.40 (<= 2)` has a target, which the last column judges.",
        "",
        f"Machine: {machine['processor']}, {machine['cores']} cores, {machine['memory_bytes'] / 1e9:.0f} GB, "
        f"{machine['file_system']}, {machine['system']}, Python {machine['python']}.",
        "",
        *_runs(results.measured),
        "",
        f"![usr in multiples of what it is held against, on a logarithmic scale]({chart})",
        "",
        "| " + " | ".join(HEAD) + " |",
        "|" + "---|" * len(HEAD),
        *(
            "| " + " | ".join(cell.replace("|", "\\|") for cell in cells(line)) + " |"
            for line in results.lines
        ),
        "",
        f"All samples and quartiles: [{data}]({data}).",
        "",
        "## What is compared",
        "",
        *(f"- {note}." for note in notes),
        "- Peers are used as their documentation shows it, with their defaults.",
        *(f"- {name} {what}." for name, what in results.lacks.items()),
        "",
        "## How it is measured",
        "",
        "All contestants of a line run in one process, alternating, another one beginning each round; preparation and "
        "clean-up are off the clock, garbage is collected and (where anything is written) dirty pages are written out "
        "before each repetition. Column n says how many repetitions a line has: 21, or as many as fit into the time "
        "that a workload is given (three minutes unless --seconds says otherwise), and never fewer than 3. Data are generated with fixed seeds and kept in "
        "`$TMPDIR/dnadesign-bench`. Memory is the peak of a process that does nothing else. The floor of a part write "
        "is: write the same Parquet with the same options, sync it, sync its folder, append a 600-byte line and sync "
        "that, rename.",
        "",
    ]
    return "\n".join(parts)


_BAR, _GAP, _LEFT, _WIDTH, _TOP = 14, 8, 430, 430, 40
_LOW, _HIGH = 0.01, 10.0


def _x(ratio: float) -> float:
    clipped = min(max(ratio, _LOW), _HIGH)
    return _LEFT + _WIDTH * (log10(clipped) - log10(_LOW)) / (log10(_HIGH) - log10(_LOW))


def chart(lines: Sequence[Line]) -> str:
    """An SVG: a bar for each ratio, a tick where its target is, a line at 1."""
    bars = [(line, against) for line in lines for against in (line.reference, *line.peers)]
    height = _TOP + len(bars) * (_BAR + _GAP) + 10
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 70} {height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="100%" height="{height}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="14" fill="#444444">usr in multiples of the other (lower is better); tick: target</text>',
    ]
    for mark in (0.01, 0.1, 1.0, 10.0):
        stroke = "#888888" if mark == 1.0 else "#dddddd"
        out.append(
            f'<line x1="{_x(mark):.1f}" x2="{_x(mark):.1f}" y1="{_TOP - 6}" y2="{height - 6}" stroke="{stroke}"/>'
        )
        out.append(
            f'<text x="{_x(mark):.1f}" y="{_TOP - 10}" text-anchor="middle" fill="#666666">{mark:g}</text>'
        )
    for number, (line, against) in enumerate(bars):
        out += _bar(line, against, _TOP + number * (_BAR + _GAP))
    return "\n".join([*out, "</svg>", ""])


def _bar(line: Line, against: Against, y: int) -> list[str]:
    ratio, target = line.ratio(against), against.target
    met = target is None or ratio <= target
    colour = "#8da0cb" if target is None else "#4c9a6a" if met else "#c8553d"
    label = f"{line.workload} / {against.figure.name}"
    if len(label) > 78:
        label = label[:77] + "…"
    found = [
        f'<text x="{_LEFT - 6}" y="{y + 11}" text-anchor="end" fill="#222222">{escape(label)}</text>',
        f'<rect x="{_LEFT}" y="{y}" width="{max(1.0, _x(ratio) - _LEFT):.1f}" height="{_BAR}" fill="{colour}"/>',
        f'<text x="{_x(ratio) + 6:.1f}" y="{y + 11}" fill="#222222">{ratio:.2f}</text>',
    ]
    if target is not None:
        found.append(
            f'<line x1="{_x(target):.1f}" x2="{_x(target):.1f}" y1="{y - 2}" y2="{y + _BAR + 2}" '
            'stroke="#222222" stroke-width="2"/>'
        )
    return found


def write(results: Results, folder: Path) -> list[Path]:
    """Write page, chart and data into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {
        PAGE: page(results, chart=CHART, data=DATA),
        CHART: chart(results.lines),
        DATA: results.to_json(),
    }
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in pages]
