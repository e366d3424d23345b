"""Readers that no one here wrote, and that are known to choke on images without objects, read the export back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from banks import MakeBank, judge

from negmine.exporting.export import export
from negmine.mining.config import CropConfig


@pytest.fixture
def voc(make_bank: MakeBank, tmp_path: Path) -> Path:
    """An export of two negatives, one of which a reviewer accepted: its label says `verified="yes"`."""
    bank = make_bank(2, crop=CropConfig())
    judge(bank, 1, "accepted")
    export(bank, tmp_path / "VOCdevkit" / "VOC2012")
    return tmp_path / "VOCdevkit" / "VOC2012"


def test_torchvision_reads_it(voc: Path) -> None:
    # Its pitfalls: it looks for .jpg by name, under VOCdevkit/VOC2012, and turns the tree into a dict in which a lone
    # object would be no list.
    from torchvision.datasets import VOCDetection

    dataset = VOCDetection(str(voc.parents[1]), year="2012", image_set="train")
    assert len(dataset) == 2
    for image, target in dataset:
        size = target["annotation"]["size"]
        assert image.size == (int(size["width"]), int(size["height"])) == (200, 120)
        assert not target["annotation"].get("object")


def test_supervision_reads_it(voc: Path) -> None:
    # Its pitfall: some versions from 0.28 on fail on any VOC file without objects, their own included.
    import supervision

    dataset = supervision.DetectionDataset.from_pascal_voc(str(voc / "JPEGImages"), str(voc / "Annotations"))
    assert len(dataset) == 2 and all(len(found) == 0 for _, _, found in dataset)


def test_datumaro_reads_it(voc: Path) -> None:
    # Its pitfall: it goes by ImageSets/Main, and writes no XML itself for an image without boxes. It runs in its own
    # environment, since it would replace OpenCV in this one; `make test` makes that.
    python = Path(sys.prefix) / "readers" / "bin" / "python"
    if not python.exists():
        pytest.skip("Datumaro is not installed beside this environment; `make test` installs it")
    script = (
        "import sys, datumaro\n"
        "items = list(datumaro.Dataset.import_from(sys.argv[1], 'voc_detection'))\n"
        "print(len(items), sum(len(item.annotations) for item in items), {item.media.data.shape for item in items})"
    )
    done = subprocess.run([python, "-c", script, voc], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["2 0 {(120, 200, 3)}"], done.stderr
