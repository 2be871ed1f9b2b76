"""The columns of the ``densegen`` namespace: names, types, and a design as one row of them."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from dnadesign.densegen.contract.design import Design

NAMESPACE = "densegen"
OWNER = "densegen"
DESCRIPTION = "How each design was made: its plan, library, placements, padding, solver and checks."
ROW_VERSION = "1"

_DETAIL = (
    "tf:string,tfbs:string,motif_id:string,tfbs_id:string,orientation:string,offset:int64,offset_raw:int64,"
    "length:int64,end:int64,pad_left:int64,site_id:string,source:string,part_kind:string,role:string,"
    "constraint:string,score:float64"
)
_FIELDS: tuple[tuple[str, str], ...] = (
    ("schema_version", "string"),
    ("run_id", "string"),
    ("config_sha256", "string"),
    ("plan", "string"),
    ("library_sha256", "string"),
    ("created_at", "timestamp[us, UTC]"),
    ("attempt_id", "int64"),
    ("library_index", "int64"),
    ("library_size", "int64"),
    ("target_length", "int64"),
    ("inputs", "list<string>"),
    ("required_regulators", "list<string>"),
    ("used_tfbs_detail", f"list<struct<{_DETAIL}>>"),
    ("used_tf_counts", "list<struct<tf:string,count:int64>>"),
    (
        "promoters",
        "list<struct<name:string,upstream_offset:int64,downstream_offset:int64,spacer:int64>>",
    ),
    ("pad", "struct<left:int64,right:int64,gc:float64,tries:int64>"),
    ("solver", "struct<status:string,solution_index:int64,parts_placed:int64,seconds:float64>"),
    (
        "checks",
        "struct<placements:int64,incidental:int64,groups_met:int64,min_counts_met:int64,promoters_met:int64,"
        "forbidden_kmers:int64>",
    ),
    ("compression_ratio", "float64"),
    ("gc_total", "float64"),
    ("gc_core", "float64"),
    ("npz_ref", "string"),
    ("npz_sha256", "string"),
    ("npz_bytes", "int64"),
    ("npz_arrays", "list<struct<name:string,dtype:string,shape:list<int64>>>"),
)
COLUMNS: tuple[tuple[str, str], ...] = tuple((f"{NAMESPACE}__{name}", kind) for name, kind in _FIELDS)
_OF_DESIGN = tuple(field.name for field in fields(Design) if field.name != "sequence")


def column(name: str) -> str:
    """The full name of a column of the namespace."""
    return f"{NAMESPACE}__{name}"


def design_row(design: Design, *, run_id: str, config_sha256: str) -> dict[str, Any]:
    """A design as a row: full column name to plain value; columns without a value are left out."""
    values = asdict(design)
    row = {column(name): values[name] for name in _OF_DESIGN}
    return row | {
        column("schema_version"): ROW_VERSION,
        column("run_id"): run_id,
        column("config_sha256"): config_sha256,
    }
