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


@pytest.mark.parametrize("format_name", ["voc", "createml", "coco"])
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
    if format_name == "createml":  # which negmine does not read
        return
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
    done = run("export", "--format", "voc", "--merge", "data", "--missing-is-empty", "--out", "out", "--json")
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
        "empties_left_out": 0,
    }
    assert [each["file"] for each in document["merged"]["skipped"]] == ["data/4.png"]
    assert (document["schema_version"], document["negatives"], document["files"]["removed"]) == (1, 2, 0)
    again = json.loads(
        run("export", "--format", "voc", "--merge", "data", "--missing-is-empty", "--out", "out", "--json").stdout
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
        (["--merge", "masks", "--format", "voc"], "a.png: its label holds more than boxes (masks), which"),
        (["--split", "train"], "--merge"),
        (["--boxes-only"], "--merge"),
        (["--missing-is-empty"], "--merge"),
        (["--merge", "data", "--workers", "0"], "expected 1 worker or more, found 0"),
        (["--merge", "data", "--out", "data"], "holds something that no export put there"),
        (["--merge", "data", "--out", "negmine-bank-in"], "holds something that no export put there (000.png)"),
        (["--merge", "data", "--bank", "data"], "is not a bank"),
        (["--hardest", "0"], "expected --hardest to be 1 or more, up to 1000000000, found 0"),
        (["--diverse"], "expected --hardest, --count or --ratio with --diverse, found none; say how many"),
        (["--classes", "dog"], "that the detectors of the bank know (lamp, sign), found 'dog'"),
        (["--ratio", "1:1"], "expected --data or --merge with --ratio, found none; name the labelled images"),
        (["--ratio", "1:1", "--merge", "data", "--data", "data"], "the ratio is of the merged data set"),
        (["--only", "accepted"], "none of 2 negatives that may be exported is left by --only accepted"),
        (["--split", "0.9/0.9"], "that add up to 1, such as 0.8/0.2 or 0.7/0.2/0.1, found 0.9/0.9"),
        (["--group-by", "folder"], "expected --split with shares, such as 0.8/0.2, with --group-by, found none"),
        (["--split", "0.5/0.3/0.2"], "negatives of 3 or more groups that are not alike, one for each split, found 1"),
        (["--into", "data"], "expected --into with a bank, how many, and how files are written alone, found --out"),
        (["--no-bank"], "expected a bank or --merge, found neither"),
        (
            ["--no-bank", "--merge", "data", "--hardest", "2"],
            "--no-bank with --merge and its options alone, found --hard",
        ),
        (["--remove", "--into", "data"], "how labels are understood alone, found --out"),
        (["--only", "targets", "--hardest", "2"], "--out and how files are written alone, found --hardest"),
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


def test_yolo_without_val_is_said_with_the_way_out(run: Run, bank: Path, data: Path) -> None:
    command = ["export", "--format", "yolo", "--merge", "data", "--out", "out"]
    done = run(*command)
    assert (
        done.returncode == 0 and "there is nothing to validate on" in done.stdout and "--split 0.8/0.2" in done.stdout
    )
    done = run(*command[:-1], "divided", "--split", "0.6/0.4")
    assert done.returncode == 0 and "│ val " in done.stdout, done


def test_splits_and_how_many_are_said(run: Run, make_bank: MakeBank) -> None:
    make_bank({"a.png": [(20, 20, 40, 40, 50)], "b.png": [(90, 30, 190, 100, 50)]}, "negmine-bank")
    done = run("export", "--format", "yolo", "--split", "0.5/0.5", "--out", "out")
    assert "1 negative in train, 1 negative in val" in done.stdout and "train nothing alone" in done.stdout
    done = run("export", "--hardest", "1", "--out", "one")
    assert "1 other negative could be exported too, and was not asked for" in done.stdout
    done = run("export", "--hardest", "9", "--count", "7", "--out", "few")
    assert "--count 7 found 2 negatives: there are no more that fit" in done.stdout


def test_what_was_added_in_place_is_taken_out_by_the_command_that_is_printed(
    run: Run, bank: Path, data: Path, tmp_path: Path
) -> None:
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    done = run("export", "--into", "data", "--hardest", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"1 negative and 0 variants in {data} (Pascal VOC): 2 files written, 0 unchanged")
    assert "positive to negative images: 1 : 0.67" in done.stdout
    command = done.stdout.splitlines()[-1].removeprefix("to take them out again: negmine ")
    again = json.loads(run(*command.split(), "--json").stdout)
    assert (again["removed"], again["kept"]) == (2, [])
    assert {path.name: path.read_bytes() for path in data.iterdir()} == before
    assert "data: nothing was added to it, or it was taken out already" in one_line(run(*command.split()))


def test_a_file_that_stands_in_the_place_of_a_negative_is_counted_and_named(run: Run, bank: Path, data: Path) -> None:
    run("export", "--into", "data")
    changed = next(data.glob("*-*.jpg"))
    changed.write_bytes(changed.read_bytes() + b"\0")
    run("export", "--into", "data", "--remove")
    done = run("export", "--into", "data")
    assert "1 negative or variant left out: the data set has other files of these names" in done.stdout
    assert f"skipped {changed}: it is not one that was added" in done.stderr
