"""In which formats a model's files are, told by their bytes: nothing is ever loaded, and names are not believed.

A file may be of several at once: a zip is what its members are, too. What is of no format known here is `unknown`, so
that an allow list never lets it through.
"""

from __future__ import annotations

import bz2
import io
import json
import lzma
import struct
import zipfile
import zlib
from enum import StrEnum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from modelwarden.fingerprints.pickles import is_pickle

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

TEXT_BYTES: Final = 16 * 2**20
"""Of a text file, or of the header of a safetensors file, that are read whole."""
MOST_MEMBERS: Final = 2_000
MEMBER_BYTES: Final = 4 * 2**20
"""Of each member of a zip, and of what is compressed, that are looked at."""
DEEPEST: Final = 3


class Format(StrEnum):
    """What an allow list can name."""

    SAFETENSORS = "safetensors"
    ONNX = "onnx"
    GGUF = "gguf"
    HDF5 = "hdf5"
    NPY = "npy"
    JSON = "json"
    TEXT = "text"
    PYTHON = "python"
    ZIP = "zip"
    COMPRESSED = "compressed"
    JOBLIB = "joblib"
    PICKLE = "pickle"


UNKNOWN: Final = "unknown"


def formats_of(file: BinaryIO, name: str, *, depth: int = 0) -> frozenset[str]:
    """Return every format that the bytes are of; `name` tells only joblib from pickle and Python from text.

    A pickle is `joblib` where it is named so: as able to run code as any other.
    """
    suffix = PurePosixPath(name).suffix.lower()
    size = file.seek(0, io.SEEK_END)
    found = {str(kind) for kind, holds in BY_BYTES.items() if holds(_begun(file), size)}
    if is_pickle(_begun(file), size):
        found.add(Format.JOBLIB if suffix == ".joblib" else Format.PICKLE)
    found |= _members(_begun(file), depth) | _unpacked(_begun(file), suffix, depth)
    if not found:
        found = _words(_begun(file), size, suffix)
    return frozenset(found) or frozenset({UNKNOWN})


def _begun(file: BinaryIO) -> BinaryIO:
    file.seek(0)
    return file


def _is_safetensors(file: BinaryIO, size: int) -> bool:
    """Tell whether a header describes all that follows it, to the last byte."""
    head = file.read(8)
    if len(head) < 8:  # noqa: PLR2004  # a little-endian length
        return False
    (length,) = struct.unpack("<Q", head)
    if not 0 < length <= min(size - 8, TEXT_BYTES):
        return False
    tree = _json(file.read(length))
    if not isinstance(tree, dict):
        return False
    tensors = [each for name, each in tree.items() if name != "__metadata__"]
    try:
        ends = [int(each["data_offsets"][1]) for each in tensors]
    except (TypeError, KeyError, IndexError, ValueError):
        return False
    return bool(size - 8 - length == max(ends, default=0))


def _is_onnx(file: BinaryIO, size: int) -> bool:
    """Tell whether the file is one protobuf message with the fields of ModelProto, a graph among them."""
    seen: set[int] = set()
    while file.tell() < size:
        key = _varint(file)
        if key is None or key >> 3 not in ONNX_FIELDS or key & 7 != ONNX_FIELDS[key >> 3]:
            return False
        length = _varint(file)
        if length is None:
            return False
        if key & 7 and file.seek(length, io.SEEK_CUR) > size:
            return False
        seen.add(key >> 3)
        if len(seen) == 1 and key >> 3 != ONNX_FIRST:
            return False
    return ONNX_GRAPH in seen


ONNX_FIELDS: Final = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
"""Number → wire type of ModelProto's fields."""
ONNX_FIRST: Final = 1
ONNX_GRAPH: Final = 7


def _varint(file: BinaryIO) -> int | None:
    value = 0
    for place in range(9):
        byte = file.read(1)
        if not byte:
            return None
        value |= (byte[0] & 127) << (7 * place)
        if byte[0] < 128:  # noqa: PLR2004  # the last of them
            return value
    return None


def _is_npy(file: BinaryIO, _size: int) -> bool:
    """Tell whether it is an array of numbers: one of objects holds a pickle, and is of no format here."""
    head = file.read(4096)
    return head.startswith(b"\x93NUMPY") and b"descr" in head and b"O" not in _descr(head)


def _descr(head: bytes) -> bytes:
    return head.partition(b"descr")[2].partition(b"fortran_order")[0]


BY_BYTES: Final[dict[Format, Callable[[BinaryIO, int], bool]]] = {
    Format.SAFETENSORS: _is_safetensors,
    Format.ONNX: _is_onnx,
    Format.GGUF: lambda file, _size: file.read(4) == b"GGUF",
    Format.HDF5: lambda file, _size: file.read(8) == b"\x89HDF\r\n\x1a\n",
    Format.NPY: _is_npy,
}


def _members(file: BinaryIO, depth: int) -> set[str]:
    """Return `zip` and what its members are, wherever in the file its directory stands."""
    if not zipfile.is_zipfile(file):
        return set()
    found: set[str] = {Format.ZIP}
    try:
        with zipfile.ZipFile(_begun(file)) as packed:
            files = [each for each in packed.infolist() if not each.is_dir()]
            if len(files) > MOST_MEMBERS or depth >= DEEPEST:
                return {*found, UNKNOWN}
            for each in files:
                with packed.open(each) as member:
                    head = member.read(MEMBER_BYTES)
                found |= _inside(head, each.filename, depth, whole=len(head) == each.file_size)
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, RuntimeError, EOFError):
        found.add(UNKNOWN)  # damaged, encrypted, or packed in a way that is not read here
    except NotImplementedError:
        found.add(UNKNOWN)
    return found


def _inside(head: bytes, name: str, depth: int, *, whole: bool) -> set[str]:
    """Return what the beginning of something packed is; one that is longer is told by what needs no end alone."""
    found = formats_of(io.BytesIO(head), name, depth=depth + 1)
    if whole:
        return set(found)
    return set(found - {Format.TEXT, Format.JSON, Format.PYTHON}) or {UNKNOWN}


def _unpacked(file: BinaryIO, suffix: str, depth: int) -> set[str]:
    """Return `compressed` and what is inside, of a file that gzip, zlib, bz2 or xz wrote."""
    data = file.read(MEMBER_BYTES)
    openers: dict[bytes, Callable[[], Any]] = {
        b"\x1f\x8b": lambda: zlib.decompressobj(wbits=31),
        b"x": zlib.decompressobj,
        b"BZh": bz2.BZ2Decompressor,
        b"\xfd7zXZ\x00": lzma.LZMADecompressor,
    }
    opener = next((each for magic, each in openers.items() if data.startswith(magic)), None)
    if opener is None:
        return set()
    try:
        head = opener().decompress(data, MEMBER_BYTES)
    except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError):
        return set()
    if depth >= DEEPEST:
        return {Format.COMPRESSED, UNKNOWN}
    inside = _inside(head, f"inside{suffix}", depth, whole=len(head) < MEMBER_BYTES)
    return {Format.COMPRESSED, *inside}


def _words(file: BinaryIO, size: int, suffix: str) -> set[str]:
    if size > TEXT_BYTES:
        return set()
    data = file.read()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return set()
    if "\x00" in text:
        return set()
    if suffix in {".py", ".pyw", ".pth"}:
        return {Format.PYTHON}
    return {Format.JSON} if _json(data) is not None else {Format.TEXT}


def _json(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
