"""Arrays as the bytes of an ``.npz`` file that depend on nothing but the arrays, and back without trust.

The file is a zip of ``<name>.npy`` members in order of name, stored uncompressed with one fixed time, so that equal
arrays have equal bytes whatever wrote them, and its name can be its hash.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dnadesign.usr.contract.errors import CorruptFileError, SchemaError, ValidationError

Arrays = Mapping[str, npt.ArrayLike]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}", re.ASCII)
_KINDS = "biufcSU"  # bool, integers, floats, complex, fixed-width bytes and text
_LARGEST_ITEM = {"f": 8, "c": 16}  # longer floats differ from machine to machine
_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_UNPACKED_BYTES = 1 << 26  # always allowed; what this library writes is not packed at all
_UNPACKED_RATIO = 200
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_READ_ERRORS = (
    ValueError,
    OSError,
    EOFError,
    KeyError,
    RuntimeError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
_MODE = 0o644 << 16


@dataclass(frozen=True, slots=True)
class ArrayInfo:
    """One array of a file; ``dtype`` as NumPy spells it, such as ``<f4``."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a column ``<namespace>__npz_arrays``."""
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.shape)}


@dataclass(frozen=True, slots=True)
class Encoded:
    """An ``.npz`` file in memory."""

    data: bytes
    sha256: str
    arrays: tuple[ArrayInfo, ...]


def encode_arrays(arrays: Arrays) -> Encoded:
    """Arrays as the bytes of an ``.npz`` file.

    Args:
        arrays: Name to array: numbers, bools, or text and bytes of fixed width. Byte order and memory order are made
            uniform.

    Raises:
        ValidationError: A name is outside the grammar, or there is no array.
        SchemaError: An array is of another kind (objects, times, structures, long floats).
    """
    if not isinstance(arrays, Mapping) or not arrays:
        raise ValidationError(
            "artifact: expected a mapping from names to arrays, with at least one",
            mend="pass {'name': array}",
        )
    sink = io.BytesIO()
    found: list[ArrayInfo] = []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays, key=_checked_name):
            array = _plain(arrays[name], name)
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=_TIME)
            entry.create_system, entry.external_attr = _UNIX, _MODE
            archive.writestr(entry, member.getvalue())
            found.append(ArrayInfo(name, array.dtype.str, array.shape))
    data = sink.getvalue()
    return Encoded(data, hashlib.sha256(data).hexdigest(), tuple(found))


def _checked_name(name: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.endswith(".npy"):
        raise ValidationError(
            f"artifact: array name {name!r:.80}: expected a letter, digit or _, then those and . - (not ending in "
            ".npy)",
            mend="name it like 'scores' or 'layer_1.weights'",
        )
    return name


def _plain(value: npt.ArrayLike, name: str) -> np.ndarray:
    """An array of a kind that is stored, little-endian and in C order."""
    if np.ma.is_masked(value):
        raise SchemaError(
            f"artifact: array {name!r} is masked, and a mask is not stored",
            mend="fill it (array.filled(...)), and store the mask as an array of its own",
        )
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise SchemaError(
            f"artifact: array {name!r}: {error}",
            mend="give numbers, bools or texts in one shape; ragged data goes into one array of values and one of offsets",
        ) from error
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind not in _KINDS or array.dtype.hasobject or size > _LARGEST_ITEM.get(kind, size):
        raise SchemaError(
            f"artifact: array {name!r} has dtype {array.dtype}: expected numbers, bools, or text and bytes of fixed "
            "width",
            mend="give such an array; ragged data goes into one array of values and one of offsets",
        )
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def decode_arrays(data: bytes, *, where: str, sha256: str) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz`` file whose bytes have that hash; nothing is unpickled.

    Args:
        data: The file.
        where: Its path, for errors.
        sha256: What its bytes must hash to; checked before anything is read from them.

    Raises:
        CorruptFileError: The hash is another, or the bytes are no such file.
    """
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise CorruptFileError(
            f"{where}: its bytes hash to {found}, expected {sha256}", mend="restore the file from a backup"
        )
    try:
        return _members(data)
    except _READ_ERRORS as error:
        raise CorruptFileError(
            f"{where}: not a file of plain arrays: {error}", mend="restore the file from a backup"
        ) from error


def _members(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of a file that unpacks to no more than it may, each as large as it claims to be.

    Raises:
        ValueError: It is none.
    """
    most = max(_UNPACKED_BYTES, _UNPACKED_RATIO * len(data))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries) > most:
            raise ValueError(f"its {len(data)} bytes would unpack to more than {most}")
        return {e.filename.removesuffix(".npy"): _array(e.filename, archive.read(e)) for e in entries}


def _array(name: str, data: bytes) -> np.ndarray:
    member = io.BytesIO(data)
    version = np.lib.format.read_magic(member)
    if version not in _HEADERS:
        raise ValueError(f"{name} is of version {version}")
    shape, _, dtype = _HEADERS[version](member)
    claimed = math.prod(shape) * dtype.itemsize
    if claimed != len(data) - member.tell() or min(shape, default=0) < 0:
        raise ValueError(f"{name} claims {claimed} bytes of values")
    member.seek(0)
    return np.lib.format.read_array(member, allow_pickle=False)
