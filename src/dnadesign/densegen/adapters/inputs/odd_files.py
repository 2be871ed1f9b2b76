"""What a file is that was given for text and is none."""

from __future__ import annotations

import shlex
from pathlib import Path

from dnadesign.densegen.contract.errors import InputError

# First bytes, what they are the sign of, and the command that unpacks it.
_PACKED = (
    (b"\x1f\x8b", "compressed with gzip", "gunzip -k"),
    (b"BZh", "compressed with bzip2", "bunzip2 -k"),
    (b"\xfd7zXZ", "compressed with xz", "unxz -k"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unzstd -k"),
)
_ZIP = b"PK\x03\x04"  # of archives, and of what spreadsheets save by themselves
# First bytes, what they are the sign of, and what to do about it.
_OTHERS = (
    (b"PAR1", "a Parquet file", "write its table as CSV"),
    (b"ARROW1", "an Arrow or Feather file", "write its table as CSV"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet's own file", "save the sheet as CSV in UTF-8"),
    (b"\xff\xfe", "text in UTF-16", "save it as UTF-8"),
    (b"\xfe\xff", "text in UTF-16", "save it as UTF-8"),
)


def not_text(path: Path) -> InputError:
    """The error for a file that does not decode as UTF-8: it says what the file is, where that shows."""
    with path.open("rb") as file:
        start = file.read(8)
    for sign, what, command in _PACKED:
        if start.startswith(sign):
            mend = f"unpack it, and name what comes out: {command} {shlex.quote(str(path))}"
            return InputError(f"{path}: is {what}; expected plain text", mend=mend)
    if start.startswith(_ZIP):
        return InputError(
            f"{path}: is a spreadsheet's own file or a zip archive; expected plain text",
            mend="save the sheet as CSV in UTF-8, or unpack the archive, and name that file",
        )
    for sign, what, do in _OTHERS:
        if start.startswith(sign):
            return InputError(f"{path}: is {what}; expected plain text", mend=f"{do}, and name that file")
    return InputError(f"{path}: is not text in UTF-8", mend="save it as UTF-8, and name that file")
