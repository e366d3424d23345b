"""Files of tensors cost no more than they hold."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from negmine.files import reason_of
from negmine.tensor_files import open_tensors

pytest.importorskip("safetensors")


def write(path: Path, header: object, tensors: bytes = b"") -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + tensors)
    return path


def test_what_is_sound_is_opened(tmp_path: Path) -> None:
    header = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
    with open_tensors(write(tmp_path / "a.safetensors", header, bytes(8)), "numpy") as file:
        assert file.get_tensor("a").tolist() == [0, 0]


def test_a_tensor_of_holes_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.safetensors", {"a": {"dtype": "F32", "shape": [1 << 38], "data_offsets": [0, 1 << 40]}})
    os.truncate(path, path.stat().st_size + (1 << 40))
    with pytest.raises(OSError, match="nearly all holes"), open_tensors(path, "numpy"):
        pass


def test_a_header_that_no_network_has_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes((2 << 30).to_bytes(8, "little") + b"{}")
    with pytest.raises(OSError) as raised, open_tensors(path, "numpy"):
        pass
    assert reason_of(raised.value) == "its header has over 8 MiB, or it is no such file"
