"""Which labelled objects are small, by both definitions, and what the ratio says of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from blobs import draw, voc_xml

from negmine.cli.ratio import render
from negmine.ratios.ratio import ratio


@pytest.fixture
def data(tmp_path: Path) -> Path:
    draw(tmp_path / "a.png", size_wh=(200, 120), seed=1)
    boxes = [("lamp", 1, 1, 15, 10), ("lamp", 21, 21, 100, 90), ("sign", 1, 31, 25, 40)]
    voc_xml(tmp_path / "a.xml", "a.png", boxes)
    return tmp_path


@pytest.mark.parametrize("duplicates", [True, False])
def test_small_objects_are_counted_by_class(data: Path, duplicates: bool) -> None:
    found = ratio(data, duplicates=duplicates).small.to_dict()
    sign = {"objects": 1, "under_32px": 1, "under_tenth": 0, "either": 1}
    lamp = {"objects": 2, "under_32px": 1, "under_tenth": 1, "either": 1}
    assert found == {
        "objects": 3, "under_32px": 2, "under_tenth": 1, "either": 2, "per_class": {"lamp": lamp, "sign": sign}
    }  # fmt: skip


def test_the_command_says_what_to_do(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    render(ratio(data))
    said = capsys.readouterr().out
    assert "2 of 3 objects are small: 2 under 32 x 32 px, 1 under a tenth of their image's sides" in said
    assert "--tile auto" in said and "lamp: 1 of 2 objects is small" in said


def test_large_objects_are_not_worth_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(tmp_path / "a.png", size_wh=(200, 120), seed=1)
    voc_xml(tmp_path / "a.xml", "a.png", [("lamp", 21, 21, 100, 90)])
    render(ratio(tmp_path))
    assert "small" not in capsys.readouterr().out
