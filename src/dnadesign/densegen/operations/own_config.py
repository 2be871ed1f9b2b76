"""Write a first config for a table of sites that someone brings."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from string import Template

from dnadesign.densegen.contract.config import SiteColumns, SitesInput
from dnadesign.densegen.contract.errors import InputError
from dnadesign.densegen.contract.parts import Part, Pool

_TF_NAMES = ("tf", "factor", "regulator", "tf_name", "transcription_factor")
_SITE_NAMES = ("tfbs", "site", "sequence", "binding_site", "site_sequence")
_LIBRARY_SIZE = 10
_SHORTEST_DESIGN = 60
_WIDEST = 44
_COMMENT = re.compile(r"\s{2,}# ")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_NOT_TEXT = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def guess_columns(
    header: Sequence[str], *, tf: str | None, site: str | None, table: str, command: str
) -> SiteColumns:
    """Which columns hold the factor and the site: as told, else by the usual names.

    Raises:
        InputError: A column that was told is not there, or there is none of a usual name.
    """
    names = [name.strip() for name in header]
    chosen = {
        "--tf-column": tf or _usual(names, _TF_NAMES),
        "--site-column": site or _usual(names, _SITE_NAMES),
    }
    for option, name in chosen.items():
        if name not in names:
            what = f"there is no column {name!r}" if name else "no column has a usual name for this"
            raise InputError(
                f"{table}: {option}: {what}; found {', '.join(names) or 'nothing'}",
                mend=f"{command} --tf-column FACTOR --site-column SITE, with the names of those two columns",
            )
    return SiteColumns(tf=str(chosen["--tf-column"]), tfbs=str(chosen["--site-column"]))


def _usual(names: Sequence[str], usual: Sequence[str]) -> str | None:
    lower = {name.lower().replace(" ", "_"): name for name in reversed(names)}
    return next((lower[name] for name in usual if name in lower), None)


def own_config(template: str, spec: SitesInput, sites: tuple[Part, ...], *, run_id: str) -> str:
    """The template filled in: file, columns, the factors that are there, a length that their sites fit into."""
    by_tf = Pool(sites).by_tf()
    found = [
        f"  #   {tf}: {len(parts)} of {_range([len(part.sequence) for part in parts])} bases"
        for tf, parts in by_tf.items()
    ]
    # Fewer than there are, so that libraries differ where they can.
    size = max(min(2, len(sites)), min(_LIBRARY_SIZE, 2 * len(sites) // 3))
    longest = max(len(part.sequence) for part in sites)
    values = {
        "run_id": run_id,
        "path": _spelled(spec.path),
        "format": spec.format,
        "columns": f"{{tf: {_spelled(spec.columns.tf)}, tfbs: {_spelled(spec.columns.tfbs)}}}",
        "found": "\n".join(found),
        "length": max(_SHORTEST_DESIGN, -(-3 * longest // 10) * 10),
        "size": size,
        "members": f"[{', '.join(map(_spelled, by_tf))}]",
        "required": min(2, len(by_tf)),
        "first": _spelled(next(iter(by_tf))),
    }
    return "\n\n".join(_aligned(block, values) for block in template.split("\n\n"))


def _aligned(block: str, values: Mapping[str, object]) -> str:
    """A block of the template filled in, the comments behind its keys one below the other."""
    lines = []
    for line in block.split("\n"):
        code, comment = line, ""
        if not line.lstrip().startswith("#") and (found := _COMMENT.search(line)):
            code, comment = line[: found.start()], line[found.end() - 2 :]
        lines.append((Template(code).substitute(values), comment))
    widths = [len(code) for code, comment in lines if comment and len(code) <= _WIDEST]
    column = max(widths, default=0)
    return "\n".join(f"{code.ljust(column)}  {comment}" if comment else code for code, comment in lines)


def _range(lengths: Sequence[int]) -> str:
    return str(lengths[0]) if min(lengths) == max(lengths) else f"{min(lengths)} to {max(lengths)}"


def _spelled(text: str) -> str:
    """A text in YAML, quoted where it could be taken for something else."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT
    return text if plain else json.dumps(text, ensure_ascii=False)
