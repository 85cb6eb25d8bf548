"""Formats are told by bytes, whatever a file is called; nothing is loaded (check `artifact`)."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from modelwarden.fingerprints.formats import formats_of
from modelwarden.fingerprints.pickles import LONGEST, MOST

MARK: Final = Path("/dev/shm/modelwarden-unpickled")  # noqa: S108  # a file that must not come to be


class Evil:
    """Touches a file when it is unpickled."""

    def __reduce__(self) -> Any:  # noqa: ANN401  # what pickle asks for
        return os.mknod, (str(MARK),)


def found(data: bytes, name: str = "model.bin") -> set[str]:
    return {str(each) for each in formats_of(io.BytesIO(data), name)}


def tensors(extra: bytes = b"") -> bytes:
    head = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(head)) + head + b"\0\0\0\0" + extra


def onnx(graph: bytes = b"\x0a\x00") -> bytes:
    """Return a ModelProto: ir_version 9, producer, graph, one opset."""
    return b"\x08\x09\x12\x02me" + b"\x3a" + bytes([len(graph)]) + graph + b"\x42\x02\x10\x12"


def zipped(**members: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, each in members.items():
            packed.writestr(name, each)
    return data.getvalue()


def saved(array: Any) -> bytes:  # noqa: ANN401  # numpy's
    data = io.BytesIO()
    np.save(data, array, allow_pickle=True)
    return data.getvalue()


def test_plain_formats_are_known_by_their_bytes() -> None:
    assert found(tensors()) == {"safetensors"}
    assert found(onnx()) == {"onnx"}
    assert found(b"GGUF\x03\0\0\0") == {"gguf"}
    assert found(b"\x89HDF\r\n\x1a\n\0\0") == {"hdf5"}
    assert found(saved(np.array([1.0]))) == {"npy"}
    assert found(b'{"intercept": 1}') == {"json"}
    assert found(b"import os\n", "code/model.py") == {"python"}
    for text in ("channels:\n- defaults\n", "cat\ndog\nbird\n", "flavors:\n  a: 1\n", "# hi\n", ""):
        assert found(text.encode(), "MLmodel") == {"text"}
    for other in (b"\xff\xfe\0\1", tensors(b"x"), onnx()[:-1], b"MZ\0\0", saved(np.array([{}]))):
        assert found(other, "model.onnx") == {"unknown"}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", ["model.onnx", "model.safetensors", "model", "notes.txt"])
def test_a_pickle_is_one_under_any_name(protocol: int, name: str) -> None:
    for data in (Evil(), {"w": [1.0, 2.0]}, np.arange(4), None):
        assert found(pickle.dumps(data, protocol), name) == {"pickle"}
    assert found(pickle.dumps(Evil(), protocol) + b"and more\xff", name) == {"pickle"}
    assert found(pickle.dumps(Evil(), protocol)[:-1], name) == {"pickle"}  # it has run by then
    assert found(pickle.dumps(Evil(), protocol), "model.joblib") == {"joblib"}
    assert not MARK.exists()


def test_a_pickle_that_hides_behind_length_is_one() -> None:
    evil = b"0cos\nsystem\n(S'x'\ntR."
    size = LONGEST + 1
    assert found(b"X" + size.to_bytes(4, "little") + b"a" * size + evil) == {"pickle"}
    assert found(b"V" + b"a" * size + b"\n" + evil) == {"pickle"}
    assert found(b"N0" * MOST + evil) == {"pickle"}
    assert found(b"X" + b"\xff\xff\xff\x7f" + b"a") == {
        "unknown"
    }  # longer than the file: no pickle


def test_what_is_packed_is_looked_into() -> None:
    evil = pickle.dumps(Evil())
    assert found(zipped(**{"data.pkl": evil, "version": b"3"}), "model.onnx") == {
        "zip",
        "pickle",
        "json",
    }
    assert found(zipped(**{"a.zip": zipped(w=evil)})) == {"zip", "pickle"}
    assert found(tensors(zipped(w=evil)), "model.safetensors") == {"zip", "pickle"}
    assert found(evil + zipped(w=tensors())) == {"pickle", "zip", "safetensors"}
    for pack in (gzip.compress, zlib.compress, bz2.compress, lzma.compress):
        assert found(pack(evil), "model.onnx") == {"compressed", "pickle"}
        assert found(pack(evil), "model.joblib") == {"compressed", "joblib"}
        assert found(pack(tensors())) == {"compressed", "safetensors"}
    deep = evil
    for _ in range(6):
        deep = zipped(inner=deep)
    assert found(deep) == {"zip", "unknown"}
    assert not MARK.exists()


def test_a_bomb_is_no_more_work_than_its_beginning() -> None:
    bomb = zipped(zeros=bytes(2**26))
    assert found(bomb) == {"zip", "unknown"}
    many = zipped(**{f"f{n}": b"" for n in range(2_100)})
    assert found(many) == {"zip", "unknown"}
    damaged = bytearray(zipped(w=pickle.dumps(Evil())))
    damaged[40] ^= 0xFF
    assert "unknown" in found(bytes(damaged)) or "pickle" in found(bytes(damaged))
