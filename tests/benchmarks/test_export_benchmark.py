"""The comparison of the writers of Pascal VOC, at a size that says nothing but that it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_every_writer_writes_an_annotation_for_every_picture(benchmarks: Path) -> None:
    pytest.importorskip("supervision")
    command = [sys.executable, str(benchmarks / "export.py"), "--count", "6", "--quick", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    document = json.loads(done.stdout)
    whole = ["negmine export", "supervision", "lxml", "negmine export --hardlink", "negmine verify"]
    alone = ["XML alone: negmine", "XML alone: supervision", "XML alone: lxml"]
    assert list(document["sides"]) == whole + alone
    annotations = {name: side.get("annotations") for name, side in document["sides"].items()}
    assert annotations == {**dict.fromkeys(whole, 6), "negmine verify": None, **dict.fromkeys(alone, 3)}
    assert all(document["sides"][name]["whole_per_s"] > 0 for name in whole)
    assert all(document["sides"][name]["steady_per_s"] > 0 for name in alone)
    assert len(document["ratios"]) == 6 and document["missing"] == {}


def test_the_bank_is_whole_and_the_same_each_time(benchmarks: Path, tmp_path: Path) -> None:
    from tiny_bank import make_bank

    from negmine.bank.bank import Bank
    from negmine.bank.verify import verify

    works = [make_bank(5, tmp_path / name) for name in ("a", "b")]
    checked = verify(works[0].path)
    assert checked.ok and checked.negatives == works[0].items == 5
    hashes = []
    for work in works:
        with Bank(work.path) as bank:
            hashes.append([negative.sha256 for negative in bank.negatives()])
    assert hashes[0] == hashes[1] and len(set(hashes[0])) == 5


def test_plain_lxml_writes_what_is_read_as_an_image_without_objects(benchmarks: Path, tmp_path: Path) -> None:
    from tiny_bank import SIZE_WH, make_bank
    from voc_writers import lxml_data_set

    from negmine.datasets.open import open_truth

    pictures = sorted(make_bank(2, tmp_path / "bank").path.glob("negatives/*/*.jpg"))
    lxml_data_set(pictures, tmp_path / "out")
    images = sorted((tmp_path / "out" / "JPEGImages").iterdir())
    assert [path.read_bytes() for path in images] == [path.read_bytes() for path in pictures]
    truth = open_truth(tmp_path / "out")
    for image in images:
        read = truth.read(image, SIZE_WH)
        assert read is not None and not len(read)
