"""A design as SVG or PNG, drawn by dna-features-viewer (extra ``plot``)."""

from __future__ import annotations

import importlib
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dnadesign.densegen.contract.errors import RefusedError
from dnadesign.densegen.operations.strand_drawing import label

_COLOURS = ("#8fbcd4", "#f2b880", "#a8cf9a", "#d6a5c9", "#e6d27a", "#c2b5e0", "#e59a9a", "#9ed3c6")
_FIXED = "#c8c8c8"
_FORMATS = (".svg", ".png", ".pdf")
_EXAMPLE = "design.svg"
_INCHES_A_BASE = 0.16


def check_format(path: Path) -> tuple[Any, Any, Any]:
    """Look whether a picture of that name can be drawn here; returns what draws it.

    Raises:
        RefusedError: The file's ending is not one of svg, png, pdf, or the extra is not installed.
    """
    if path.suffix.lower() not in _FORMATS:
        raise RefusedError(
            f"{path}: expected a name that ends in {', '.join(_FORMATS)}",
            mend=f"--picture {shlex.quote(str(path.with_suffix(_FORMATS[0]) if path.name else _EXAMPLE))}",
        )
    try:  # heavy and optional: matplotlib behind an extra
        return (
            importlib.import_module("dna_features_viewer"),
            importlib.import_module("matplotlib.backends.backend_agg"),
            importlib.import_module("matplotlib.figure"),
        )
    except ImportError:
        raise RefusedError(
            "pictures need dna-features-viewer", mend="pip install 'dnadesign[plot]'"
        ) from None


def save_picture(path: Path, sequence: str, detail: Sequence[Mapping[str, Any]], *, title: str) -> None:
    """Draw a design with its parts as arrows over the bases.

    Raises:
        RefusedError: The file's ending is not one of svg, png, pdf, or the extra is not installed.
    """
    viewer, agg, figures = check_format(path)
    labels = sorted({label(one) for one in detail if one["part_kind"] != "fixed"})
    colours = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(labels)}
    features = [
        viewer.GraphicFeature(
            start=one["offset"],
            end=one["end"],
            strand=1 if one["orientation"] == "fwd" else -1,
            color=colours.get(label(one), _FIXED),
            label=label(one),
        )
        for one in detail
        if one["role"] != "incidental"
    ]
    record = viewer.GraphicRecord(sequence=sequence, features=features)
    figure = figures.Figure(figsize=(max(4.0, len(sequence) * _INCHES_A_BASE), 2.0))
    agg.FigureCanvasAgg(figure)  # the viewer measures its labels on it, whatever the file's format
    axes = figure.subplots()
    record.plot(ax=axes)
    record.plot_sequence(axes)
    axes.set_title(title, fontsize=9)
    figure.savefig(path, bbox_inches="tight", dpi=150)
