"""Damaged files of every kind: each reader ends with a result or an error of one line."""

from __future__ import annotations

import importlib
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from negmine.errors import NegmineError

FAST = [
    *("jpeg", "png", "tiff", "webp", "gif", "bmp", "avif", "jpeg2000", "netpbm", "hdr", "sun"),
    *("voc", "yolo", "coco", "data.yaml", "list", "predictions", "cvat", "mot"),
]
SLOW = ["video", "checkpoint", "safetensors", "onnx", "bank", "manifest", "retrain"]


@pytest.fixture
def readers(benchmarks: Path) -> Any:
    return importlib.import_module("fuzz_readers")


def test_every_reader_is_tested_here(readers: Any) -> None:
    assert {*FAST, *SLOW} == set(readers.READERS)


@pytest.mark.parametrize("name", FAST)
def test_damaged_files_are_refused_or_read(readers: Any, tmp_path: Path, name: str) -> None:
    read = readers.prepared(name, tmp_path)
    for number in range(20):
        try:
            read(random.Random(f"{name} {number}"))
        except NegmineError as error:
            assert "\n" not in str(error)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FAST, *SLOW])
def test_a_hundred_damaged_files_cost_little(benchmarks: Path, name: str) -> None:
    """Each in two seconds and a gigabyte, in a process that is watched."""
    if name == "onnx":
        pytest.importorskip("onnxruntime")
    command = [sys.executable, str(benchmarks / "fuzz.py"), "--reader", name, "--count", "100", "--seed", "7", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    (tally,) = json.loads(done.stdout)
    assert (tally["inputs"], tally["failures"], done.returncode) == (100, [], 0)


def test_an_input_is_made_again_by_its_number(benchmarks: Path) -> None:
    mutating = importlib.import_module("mutating")
    first, second = (mutating.changed_bytes(random.Random("0 png 5"), bytes(range(99))) for _ in range(2))
    assert first == second
