"""`negmine export` as users meet it: whole processes, read back through the library, and every way to type it wrong."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from banks import MakeBank
from blobs import draw, voc_xml
from commands import one_line, unless_given

from negmine.datasets.labelled import labelled_images
from negmine.datasets.open import open_dataset

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def bank(make_bank: MakeBank) -> Path:
    """Two negatives, in the folder that is the default."""
    return make_bank(2, "negmine-bank")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Pascal VOC: three images with an object, an empty one, one without a label, one that cannot be read."""
    for i in range(6):
        draw(tmp_path / "data" / f"{i}.png", seed=50 + i)
    for i in range(5):
        voc_xml(tmp_path / "data" / f"{i}.xml", f"{i}.png", [("cat", 5, 5, 20, 20)] if i != 3 else [])
    (tmp_path / "data" / "4.png").write_bytes(b"no picture")
    return tmp_path / "data"


def test_the_negatives_alone_as_yolo(shell: Run, bank: Path, tmp_path: Path) -> None:
    done = shell("export", "--format", "yolo", "--out", "out")
    assert done.returncode == 0 and done.stdout.startswith("2 negatives and 0 variants in out (yolo): 5 files written")
    images = labelled_images([open_dataset(tmp_path / "out", split="train")])
    assert len(images) == 2 and all(image.is_empty for image in images)


@pytest.mark.parametrize("format_name", ["voc", "yolo", "coco"])
def test_a_merge_says_what_is_in_it_and_what_is_not(
    run: Run, bank: Path, data: Path, tmp_path: Path, format_name: str
) -> None:
    done = run("export", "--format", format_name, "--merge", "data", "--out", "out")
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stdout.splitlines() if "│" in line]
    assert rows == [["train", "3", "3", "1", "2", "0"]]
    for said in (
        "data (Pascal VOC)",
        "1 class: cat",
        "positive to negative images in train: 1 : 1.00",
        "1 image left out: no label",
        "1 image skipped",
        f"2 negatives and 0 variants in out ({format_name})",
    ):
        assert said in done.stdout
    assert "skipped data/4.png: it is not an image" in done.stderr
    split = None if format_name == "coco" else "train"  # where there is one split, its JSON names none
    images = labelled_images([open_dataset(tmp_path / "out", split=split)])
    assert (len(images), sum(image.is_positive for image in images), sum(image.is_empty for image in images)) == (
        6,
        3,
        3,
    )


def test_coco_says_what_trainers_do_with_images_without_annotations(run: Run, bank: Path, tmp_path: Path) -> None:
    done = run("export", "--format", "coco", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert "filter_empty_gt=False, min_size=0" in done.stdout and "FILTER_EMPTY_ANNOTATIONS False" in done.stdout
    assert "filter_empty_gt" not in run("export", "--out", "voc").stdout
    images = labelled_images([open_dataset(tmp_path / "out")])
    assert len(images) == 2 and all(image.is_empty for image in images)


def test_json_is_one_document(run: Run, bank: Path, data: Path) -> None:
    done = run("export", "--format", "yolo", "--merge", "data", "--missing-is-empty", "--out", "out", "--json")
    document = json.loads(done.stdout)
    assert document["merged"] | {"skipped": []} == {
        "data": "data",
        "format": "Pascal VOC",
        "classes": ["cat"],
        "splits": [{"name": "train", "positives": 3, "empty": 2, "objects": 3}],
        "unlabelled": 0,
        "unlisted": 0,
        "lost": 0,
        "notes": ["data: 5 labels: 5 paired"],
        "skipped": [],
        "withheld": {},
        "negatives_per_positive": 4 / 3,
    }
    assert [each["file"] for each in document["merged"]["skipped"]] == ["data/4.png"]
    assert (document["schema_version"], document["negatives"], document["files"]["removed"]) == (1, 2, 0)
    again = json.loads(
        run("export", "--format", "yolo", "--merge", "data", "--missing-is-empty", "--out", "out", "--json").stdout
    )
    assert again["files"]["written"] == 0 and again["merged"] == document["merged"]
    assert json.loads(run("export", "--out", "alone", "--json").stdout)["merged"] is None


def test_negatives_that_are_left_out_are_counted(run: Run, bank: Path, data: Path) -> None:
    (data / "3.png").write_bytes((bank.parent / "negmine-bank-in" / "000.png").read_bytes())
    voc_xml(data / "3.xml", "3.png", [("cat", 1, 1, 200, 120)])
    done = run("export", "--merge", "data", "--out", "out")
    assert "1 negative or variant left out: the data set has an object there" in done.stdout
    assert "1 negative and 0 variants in out (voc)" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--merge", "nowhere"], "data set nowhere does not exist"),
        (["--merge", "negmine-bank-in"], "holds no labels"),
        (["--merge", "data", "--split", "train"], "has no split 'train', only one without a name"),
        (["--merge", "data", "--out", "data/out"], "lie in one another"),
        (["--merge", "empty"], "empty: expected images with objects to train on, found none among 1;"),
        (["--merge", "masks", "--format", "coco"], "a.png: its label holds more than boxes (masks), which"),
        (["--split", "train"], "--merge"),
        (["--boxes-only"], "--merge"),
        (["--missing-is-empty"], "--merge"),
        (["--merge", "data", "--workers", "0"], "expected 1 worker or more, found 0"),
        (["--merge", "data", "--out", "data"], "holds something that no export put there"),
        (["--merge", "data", "--out", "negmine-bank-in"], "holds something that no export put there (000.png)"),
        (["--merge", "data", "--bank", "data"], "is not a bank"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(
    run: Run, bank: Path, data: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    draw(tmp_path / "empty" / "a.png")
    voc_xml(tmp_path / "empty" / "a.xml", "a.png", [])
    draw(tmp_path / "masks" / "images" / "a.png")
    (tmp_path / "masks" / "labels").mkdir()
    (tmp_path / "masks" / "labels" / "a.txt").write_text("0 0.1 0.1 0.9 0.1 0.5 0.9\n")
    (tmp_path / "masks" / "data.yaml").write_text("train: images\nnames: [cat]\n")
    before = sorted(p.as_posix() for p in tmp_path.rglob("*"))
    assert message in one_line(run("export", *unless_given(options, out="out")))
    assert sorted(p.as_posix() for p in tmp_path.rglob("*")) == before
