"""Whether there may be a GPU, without asking torch."""

from __future__ import annotations

import ctypes
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import torch

from negmine.detectors.devices import may_have_gpu


def test_where_torch_has_a_gpu_there_may_be_one() -> None:
    assert may_have_gpu() or not torch.cuda.is_available()


@pytest.mark.parametrize(
    ("version", "driver", "expected"),
    [
        ("cuda = None\nhip = None", True, False),
        ("cuda = '13.0'\nhip = None", True, True),
        ("cuda = '13.0'\nhip = None", False, False),
        ("cuda = '13.0'", False, False),
        ("cuda = None\nhip = '6.4'", False, True),
        (None, False, True),
        ("from . import nothing", False, True),
        ("cuda =", False, True),
    ],
)
def test_it_is_ruled_out_by_how_torch_was_built_or_by_a_missing_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None, driver: bool, expected: bool
) -> None:
    if version is not None:
        (tmp_path / "version.py").write_text(version)
    spec = ModuleSpec("torch", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: spec)

    def load(name: str) -> None:
        if not driver or "cuda" not in name:
            raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", load)
    assert may_have_gpu() == expected


def test_without_torch_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert not may_have_gpu()
