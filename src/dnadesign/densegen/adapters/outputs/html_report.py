"""A run as one HTML file that needs nothing beside it: tables, and charts as inline SVG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from dnadesign.densegen.contract.motifs import BASES
from dnadesign.densegen.contract.wording import counted
from dnadesign.densegen.operations.status import RunStatus
from dnadesign.densegen.operations.summing_up import Diversity, Logo, SiteUse, Summary

_BAR, _GAP, _HEIGHT = 34, 6, 120
_LETTER, _BIT = 16, 32
_SHOWN_SITES = 15
_COLOURS = {"A": "#2e8b57", "C": "#3566b0", "G": "#d9902f", "T": "#c0392b"}
_CAP = 0.72  # height of a capital letter as a share of the font size, in the sans-serif fonts of browsers
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem } h3 { font-size: 1rem; margin: 1rem 0 .3rem }
table { border-collapse: collapse } summary { cursor: pointer; color: #555; margin-top: .3rem } th, td { padding: .2rem .8rem .2rem 0; text-align: left }
td.n, th.n { text-align: right } td { border-top: 1px solid #ddd } code { font-size: 13px }
.track { background: #eee; width: 12rem } .track div { background: #4f86b5; height: .8rem }
.charts { display: flex; flex-wrap: wrap; gap: 1.5rem 2rem } figure { margin: 0 } figcaption { color: #555 }
"""


def render(status: RunStatus, summary: Summary, *, manifest: Mapping[str, object] | None) -> str:
    """The whole page."""
    title = f"Run {status.run_id}"
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{counted(summary.designs, 'design')} in dataset <code>{escape(status.dataset)}</code>.</p>",
        _section("Quotas", _quotas(status)),
        _section("Attempts", _attempts(status)),
        _section("Designs", _charts(summary)),
        _section("Diversity", _diversity(summary.diversity)),
        _section("Logos of used sites", _logos(summary.logos)),
        _section("Site usage", _usage(summary.use, summary.unused)),
        _section("How it was made", _made(manifest)),
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n{''.join(body)}</body></html>\n"
    )


def _section(title: str, content: str) -> str:
    return f"<h2>{escape(title)}</h2>\n{content}\n" if content else ""


def _table(header: Sequence[str], rows: Iterable[Sequence[str | int | float]]) -> str:
    """A table; numbers to the right. Cells that begin with ``<`` are markup made here."""
    lines = ["<table><tr>", *(f"<th>{escape(name)}</th>" for name in header), "</tr>"]
    for row in rows:
        lines.append("<tr>")
        for cell in row:
            if isinstance(cell, (int, float)):
                lines.append(
                    f'<td class="n">{cell:.3g}</td>'
                    if isinstance(cell, float)
                    else f'<td class="n">{cell}</td>'
                )
            else:
                lines.append(f"<td>{cell if cell.startswith('<') else escape(cell)}</td>")
        lines.append("</tr>")
    return "".join([*lines, "</table>"])


def _track(share: float) -> str:
    return f'<div class="track"><div style="width:{100 * min(1.0, share):.1f}%"></div></div>'


def _quotas(status: RunStatus) -> str:
    deleted = any(plan.deleted for plan in status.plans)
    rows: list[Sequence[str | int | float]] = [
        (plan.plan, plan.done, plan.quota, *([plan.deleted] * deleted), _track(plan.done / plan.quota))
        for plan in status.plans
    ]
    return _table(["plan", "designs", "quota", *(["deleted"] * deleted), ""], rows)


def _attempts(status: RunStatus) -> str:
    rows: list[tuple[str, str, int]] = []
    for plan in status.plans:
        rows.append((plan.plan, "tried", plan.attempts))
        rows.extend((plan.plan, f"not used: {reason}", count) for reason, count in plan.failures.items())
    return _table(["plan", "what", "number"], rows)


def _charts(summary: Summary) -> str:
    charts = [
        ("length (bases)", [(str(length), count) for length, count in summary.lengths.items()]),
        ("GC share (bins of 0.05)", [(f"{low:.2f}", count) for low, count in summary.gc]),
        ("sites a design", [(str(number), count) for number, count in summary.per_design.items()]),
        *(
            (f"first base of {name} (bins of 5)", [(str(start), count) for start, count in starts])
            for name, starts in summary.promoters.items()
        ),
    ]
    drawn = "".join(_bars(name, bars) for name, bars in charts if bars)
    return f'<div class="charts">{drawn}</div>' if drawn else ""


def _bars(name: str, bars: Sequence[tuple[str, int]]) -> str:
    most = max(count for _, count in bars)
    width = len(bars) * (_BAR + _GAP)
    parts = []
    for number, (label, count) in enumerate(bars):
        x, height = number * (_BAR + _GAP), _HEIGHT * count / most
        middle = x + _BAR / 2
        parts.append(
            f'<rect x="{x}" y="{_HEIGHT - height + 14:.1f}" width="{_BAR}" height="{height:.1f}" fill="#4f86b5"/>'
            f'<text x="{middle}" y="{_HEIGHT - height + 11:.1f}" text-anchor="middle">{count}</text>'
            f'<text x="{middle}" y="{_HEIGHT + 28}" text-anchor="middle">{escape(label)}</text>'
        )
    return (
        f'<figure><svg width="{width}" height="{_HEIGHT + 34}" font-size="11" font-family="sans-serif">'
        f"{''.join(parts)}</svg><figcaption>{escape(name)}</figcaption></figure>"
    )


def _diversity(found: Diversity) -> str:
    rows = [
        ("mean share of bases in which two designs differ", found.distance),
        ("the same to the nearest other design", found.nearest),
        ("mean Jaccard distance between their sets of sites", found.sites),
    ]
    known = [(name, value) for name, value in rows if value is not None]
    return _table([f"among {counted(found.designs, 'design')}", "share"], known) if known else ""


def _logos(logos: Sequence[Logo]) -> str:
    drawn = "".join(
        f"<figure>{_logo(logo)}<figcaption><b>{escape(logo.tf)}</b>, {len(logo.columns)} bases<br>"
        f"{counted(logo.sites, 'site')}, {counted(logo.placements, 'placement')}</figcaption></figure>"
        for logo in logos
    )
    note = (
        "<p>One logo for each factor and length of its sites, as they are read in the input; each site weighs as often "
        "as it was placed. The frame is 2 bits high.</p>"
    )
    return f'{note}<div class="charts">{drawn}</div>' if drawn else ""


def _logo(logo: Logo) -> str:
    """Letters stacked a position, the commonest on top, heights in bits (Schneider and Stephens 1990)."""
    height = 2 * _BIT
    width = len(logo.columns) * _LETTER
    parts = [f'<path d="M0.5 0.5H{width - 0.5}M0.5 {height - 0.5}H{width - 0.5}" stroke="#ccc"/>']
    for at, (counts, bits) in enumerate(zip(logo.columns, logo.bits, strict=True)):
        bottom, total = float(height), sum(counts)
        for count, base in sorted(zip(counts, BASES, strict=True)):
            tall = _BIT * bits * count / total
            if tall > 0.5:
                scale = tall / (_LETTER * _CAP)
                parts.append(
                    f'<text transform="translate({at * _LETTER + _LETTER / 2:.1f},{bottom:.2f}) scale(1,{scale:.3f})" '
                    f'fill="{_COLOURS[base]}" text-anchor="middle">{base}</text>'
                )
            bottom -= tall
    return (
        f'<svg width="{width}" height="{height}" font-size="{_LETTER}" font-weight="bold" '
        f'font-family="Arial, Helvetica, sans-serif">{"".join(parts)}</svg>'
    )


def _usage(use: Sequence[SiteUse], unused: int) -> str:
    """The sites of each factor, the most used first; long lists folded behind their first rows."""
    sections = []
    for tf in dict.fromkeys(one.tf for one in use):
        mine = [one for one in use if one.tf == tf]
        head, rest = mine[:_SHOWN_SITES], mine[_SHOWN_SITES:]
        most = mine[0].placements
        sections.append(
            f"<h3>{escape(tf)}: {counted(len(mine), 'site')}, {counted(sum(one.placements for one in mine), 'placement')}</h3>"
            + _site_table(head, most)
        )
        if rest:
            placements = sum(one.placements for one in rest)
            sections.append(
                f"<details><summary>{len(rest)} more, with {placements} placements</summary>"
                f"{_site_table(rest, most)}</details>"
            )
    never = "Every site was used." if not unused else f"Never used: {counted(unused, 'site')}."
    return f"{''.join(sections)}<p>{never}</p>"


def _site_table(use: Sequence[SiteUse], most: int) -> str:
    rows = [
        (f"<code>{one.sequence}</code>", one.designs, one.placements, _track(one.placements / most))
        for one in use
    ]
    return _table(["site", "designs", "placements", ""], rows)


def _made(manifest: Mapping[str, object] | None) -> str:
    if manifest is None:
        return ""
    versions = manifest.get("versions")
    rows = [("config sha256", f"<code>{escape(str(manifest.get('config_sha256', '')))}</code>")]
    if isinstance(versions, Mapping):
        rows += [(str(name), str(value)) for name, value in versions.items()]
    return _table(["what", "value"], rows)
