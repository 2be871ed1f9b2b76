"""The rules of artifacts: every row that refers to one finds it, with the size and hash that it says."""

from __future__ import annotations

from dnadesign.usr.contract.errors import SequencesError
from dnadesign.usr.contract.layout import ARTIFACTS
from dnadesign.usr.operations._artifacts import distinct_refs, ref_columns, reference_problem, wanted_columns
from dnadesign.usr.operations._report import Report
from dnadesign.usr.storage.parquet import read_columns
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import PinnedFile, Version

_SHOWN = 5


def check_artifacts(store: Store, version: Version, report: Report) -> None:
    """Check every reference of base and overlays; a commit that is being applied counts as done."""
    intent = version.log.intent
    publishes = intent.publishes if intent is not None and intent.synced else ()
    sizes = {publish.target: publish.bytes for publish in publishes}
    before, count = len(report.problems), 0
    for file in version.files():
        try:
            count += _check_file(store, file, sizes, report)
        except SequencesError as error:
            report.error("artifacts", file.path, error)
    if count and len(report.problems) == before:
        report.passed("artifacts", ARTIFACTS, f"{count} references resolve")


def _check_file(store: Store, file: PinnedFile, sizes: dict[str, int], report: Report) -> int:
    columns = wanted_columns(file.footer)
    if not columns:
        return 0
    table, count = read_columns(file.file, columns), 0
    for column in ref_columns(table.schema):
        problems = []
        for path, sha256, size in distinct_refs(table, column):
            count += 1
            problem = reference_problem(path, sha256, size, sizes=sizes, store=store)
            problems += [problem] if problem is not None else []
        if problems:
            shown = "; ".join(problems[:_SHOWN]) + ("; ..." if len(problems) > _SHOWN else "")
            report.failed(
                "artifacts",
                file.path,
                f"column {column!r}: {len(problems)} references do not hold: {shown}",
                "restore the files from a backup, or write the rows again with their arrays",
            )
    return count
