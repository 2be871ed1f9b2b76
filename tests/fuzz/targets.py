"""What is fuzzed: each target by its name, with real inputs and words to make others from.

A target reads bytes. It may raise an error of the project's trees; anything else that it raises is a find, as is an input
that takes too long or too much memory (:mod:`tests.fuzz.limits`), or a result of which something is not true. Inputs
that were found and mended lie in ``found/<name>/`` and are run again by every ``make test``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import file_targets, seeds, usr_targets
from tests.fuzz.limits import MOST_BYTES

FOUND = Path(__file__).parent / "found"

_TYPE_WORDS = (
    *("list<", "large_list<", "fixed_size_list<", "struct<", "timestamp[", ">", "]", ">[", ",", ":", " "),
    *(
        "bool",
        "int8",
        "uint64",
        "float16",
        "large_string",
        "binary",
        "date32",
        "us, UTC]",
        "Europe/Berlin",
        "2147483647",
    ),
)
_YAML_WORDS = (
    *(
        "- ",
        ": ",
        "? ",
        "&a ",
        "*a",
        "!!",
        "!t ",
        "|\n",
        ">-\n",
        "---\n",
        "...\n",
        "#",
        "'",
        '"',
        "{",
        "}",
        "[",
        "]",
    ),
    *(
        "<<: ",
        "%YAML 1.1\n",
        "null",
        "~",
        "yes",
        "1e999",
        ".nan",
        "0x_",
        "2026-13-45",
        "\\ud800",
        "\u2028",
        "\ufeff",
    ),
    *(
        "\n  ",
        "\n    - ",
        "namespaces:",
        "usr_state:",
        "columns:",
        "owner:",
        "description:",
        "{name: m__x, type: bool}",
    ),
)
_JSON_WORDS = (
    *(
        "null",
        "true",
        "NaN",
        "-Infinity",
        "1e999",
        "-0.0",
        "\\ud800",
        "\\u0000",
        '":',
        '",',
        "[",
        "]",
        "{",
        "}",
        "[]",
    ),
    *(
        "18446744073709551616",
        '"event_version":1',
        '"timestamp_utc":"',
        "2026-02-30T00:00:00Z",
        "24:00",
        "+23:59:59.9",
    ),
    *(
        '"events":',
        '"log_offset":',
        '"moves":[',
        '"publishes":[',
        '"removes":[',
        '"metrics":{',
        '"artifacts":{',
        "0001-01-01",
    ),
)
_CONFIG_WORDS = (
    *(
        "run:",
        "inputs:",
        "plans:",
        "solver:",
        "output:",
        "limits:",
        "library:",
        "kind: pwm",
        "length: [1, 2]",
        "quota: 1",
    ),
    *(
        "version: 1",
        "provider: slack",
        "webhook:",
        "env: A",
        "file: /a",
        "signing:",
        "delivery:",
        "include: [args]",
    ),
)
_SECRET_WORDS = (
    *(
        "://",
        "@",
        "Bearer ",
        "Basic ",
        "token=",
        "password: ",
        "--api-key ",
        "-----BEGIN ",
        "PRIVATE KEY-----",
        "ghp_",
    ),
    *(
        "https://hooks.slack.com/services/",
        "xoxb-",
        "AKIA",
        "[REDACTED]",
        "Authorization",
        "?sig=",
        "&",
        "%3D",
        "author",
    ),
)
_SEQUENCE_WORDS = (
    *(
        ">",
        "@",
        "+\n",
        "\r\n",
        ";",
        "LOCUS       ",
        "ORIGIN\n",
        "//\n",
        "FEATURES",
        "     CDS             ",
        "join(1..2,",
    ),
    *(
        "complement(",
        "order(",
        "ACCESSION   ",
        "        1 acgt",
        '/gene="',
        "DEFINITION  ",
        "bp    DNA     linear",
    ),
)
_CELL_WORDS = (
    *(
        '"',
        '""',
        ",",
        "\t",
        "\r",
        "\r\n",
        "\ufeff",
        "NaN",
        "inf",
        "1e999",
        "[1]",
        '{"x":1}',
        "2026-01-02T03:04:05Z",
    ),
    *(
        "letter-probability matrix:",
        "w= ",
        "MOTIF ",
        "A [ 1 ]",
        "Background letter frequencies\n",
        "ALPHABET= ",
        "tf",
    ),
)


@dataclass(frozen=True, slots=True)
class Target:
    """Something that reads bytes.

    Args:
        read: Reads them, and checks what must be true of a result.
        seeds: Makes real inputs.
        words: What such inputs are made of.
        most_bytes: The longest input; shorter where the libraries below are slow and their size limits are our own.
    """

    read: Callable[[bytes], None]
    seeds: Callable[[], tuple[bytes, ...]]
    words: tuple[str, ...] = ()
    most_bytes: int = MOST_BYTES


TARGETS: dict[str, Target] = {
    "type": Target(usr_targets.type_string, lambda: seeds.TYPES, _TYPE_WORDS),
    "columns": Target(usr_targets.column_spec, lambda: seeds.SPECS, _TYPE_WORDS),
    "registry": Target(usr_targets.registry, seeds.registries, _YAML_WORDS + _TYPE_WORDS),
    "registry-edit": Target(usr_targets.registry_edit, seeds.registries, _YAML_WORDS),
    "event": Target(usr_targets.event, seeds.event_lines, _JSON_WORDS),
    "event-log": Target(usr_targets.event_log, seeds.event_logs, _JSON_WORDS),
    "redaction": Target(usr_targets.redaction, lambda: seeds.REDACTED, _SECRET_WORDS),
    "intent": Target(usr_targets.intent, seeds.intents, _JSON_WORDS),
    "footer": Target(usr_targets.parquet_footer, seeds.footers),
    "parquet": Target(usr_targets.parquet_file, seeds.parquet_files),
    "npz": Target(usr_targets.npz_file, seeds.npz_files, ("PK\x03\x04", "PK\x01\x02", "NUMPY", "'descr': '<f8'", "'|O'", "(3,)")),
    "fasta": Target(file_targets.fasta, lambda: seeds.FASTA, _SEQUENCE_WORDS),
    "fastq": Target(file_targets.fastq, lambda: seeds.FASTQ, _SEQUENCE_WORDS),
    "genbank": Target(file_targets.genbank, lambda: seeds.GENBANK, _SEQUENCE_WORDS),
    "csv": Target(file_targets.csv_table, lambda: seeds.CSV, _CELL_WORDS),
    "jsonl": Target(file_targets.jsonl_table, lambda: seeds.JSONL, _JSON_WORDS + _CELL_WORDS),
    "packed": Target(file_targets.packed_table, lambda: seeds.PACKED),
    "config": Target(file_targets.config, seeds.configs, _YAML_WORDS + _CONFIG_WORDS),
    "sites": Target(file_targets.site_table, lambda: seeds.SITES, _CELL_WORDS),
    "motifs": Target(file_targets.motifs, lambda: seeds.MOTIFS, _CELL_WORDS),
    "profile": Target(file_targets.profile, seeds.profiles, _YAML_WORDS + _CONFIG_WORDS),
    "cursor": Target(file_targets.cursor, seeds.cursors, _JSON_WORDS),
    "told-event": Target(file_targets.told_event, seeds.event_lines, _JSON_WORDS),
}  # fmt: skip


def found_inputs(name: str) -> list[Path]:
    """The inputs of a target that were found and mended."""
    return sorted(path for path in (FOUND / name).glob("*") if path.is_file())
