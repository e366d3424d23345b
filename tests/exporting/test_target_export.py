"""Images with targets that nobody labelled, for a labeller: in every format, with what is known and what was found."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from banks import NATIVE, MakeBank, bank_maker, copy_banks
from blobs import draw, square_detector, voc_xml
from clips import encode
from lxml import etree

from negmine.bank.bank import Bank
from negmine.bank.filters import ReviewState
from negmine.bank.image_index import ImageIndex
from negmine.bank.verdicts import Verdicts
from negmine.datasets.open import open_dataset, open_truth
from negmine.errors import ConfigError, ExportError, TruthError
from negmine.exporting.config import TargetExportConfig
from negmine.exporting.export import export
from negmine.exporting.targets import export_targets
from negmine.importing.matching_images import ImageMatcher, Match
from negmine.importing.recognise import IMPORTED_FORMATS, read_entries
from negmine.labels.formats import OBJECT_FORMATS, label_writer
from negmine.mining.config import CropConfig, ScanConfig
from negmine.mining.flicker.config import FlickerConfig
from negmine.mining.scan import scan
from negmine.structures import Image
from negmine.videos.config import Every, VideoConfig

HARD, SOFT, OTHER = (20, 20, 40, 40, 90), (60, 70, 90, 100, 70), (150, 80, 170, 100, 50)
CROP = CropConfig("context", 1.5, NATIVE.size)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bank."""
    folder = tmp_path_factory.mktemp("made")
    mark(bank_maker(folder)({"a b.png": [HARD, SOFT, OTHER], "c.png": [HARD]}, crop=CROP), "a b.png", 2)
    return folder


@pytest.fixture
def bank(made: Path, tmp_path: Path) -> Path:
    """Two images: three negatives in the first, of which the two harder show a target, and one in the second."""
    copy_banks(made, tmp_path)
    return tmp_path / "bank"


def mark(folder: Path, source: str, count: int, state: ReviewState = "target") -> None:
    """Judge the hardest negatives of an image."""
    with Verdicts(folder) as verdicts:
        numbers = [each.id for each in verdicts.negatives() if each.source.name == source][:count]
        verdicts.decide(numbers, state, origin="review")


def test_no_target_is_nothing_to_label(make_bank: MakeBank, tmp_path: Path) -> None:
    make_bank(1)
    with pytest.raises(ExportError, match=r"no target that waits for its label \(no negative is marked as a target\)"):
        export_targets(tmp_path / "bank", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("format_name", "opened"), [("voc", ""), ("yolo", ""), ("coco", ""), ("roboflow", ""), ("darknet", "")]
)
def test_the_boxes_of_targets_are_labels_to_correct(bank: Path, tmp_path: Path, format_name: str, opened: str) -> None:
    result = export_targets(bank, tmp_path / "out", config=TargetExportConfig(format_name))
    assert (result.images, result.negatives, result.proposals, result.objects) == (1, 2, 2, 0)
    dataset = open_dataset(tmp_path / "out" / opened)
    (image,) = dataset.splits[0].images
    assert image.read_bytes() == (tmp_path / "bank-in" / "a b.png").read_bytes()
    truth = dataset.truth.read(image, (200, 120))
    assert truth is not None and set(truth.class_names) == {"lamp"}
    np.testing.assert_allclose(truth.boxes_xyxy, [HARD[:4], SOFT[:4]], atol=0.01)


def test_label_studio_gets_tasks_with_predictions_and_an_interface(bank: Path, tmp_path: Path) -> None:
    export_targets(bank, tmp_path / "to label", config=TargetExportConfig("label-studio"))
    (task,) = json.loads((tmp_path / "to label" / "tasks.json").read_text())
    served = task["data"]["image"].removeprefix("/data/local-files/?d=")
    assert " " not in served and (tmp_path / unquote(served)).is_file()
    (prediction,) = task["predictions"]
    assert [each["score"] for each in prediction["result"]] == [0.9, 0.7] and prediction["score"] == 0.9
    value = prediction["result"][0]["value"]
    assert (value["x"], value["y"], value["width"]) == pytest.approx((10, 100 * 20 / 120, 10))
    root = etree.parse(tmp_path / "to label" / "label-config.xml").getroot()
    names = [each.get("value") for each in root.iter("Label")]
    assert names == ["lamp", "sign"] and value["rectanglelabels"] == ["lamp"]
    assert root.find("RectangleLabels").get("name") == prediction["result"][0]["from_name"]  # type: ignore[union-attr]


@pytest.mark.parametrize("key", ["cvat", "datumaro", "fiftyone", "createml"])
def test_other_tools_get_the_boxes_as_labels_and_no_image_is_called_a_negative(
    bank: Path, tmp_path: Path, key: str
) -> None:
    result = export_targets(bank, tmp_path / "out", config=TargetExportConfig(key))
    written = "".join(path.read_text() for path in tmp_path.glob("out/**/*") if path.suffix in (".json", ".xml"))
    assert result.proposals == 2 and "lamp" in written
    assert '"hard_negative": true' not in written and '["train", "hard_negative"]' not in written


def test_a_class_name_cannot_leave_its_place_in_the_interface() -> None:
    plan = label_writer("label-studio").plan([], class_names=['"/><script>', "a\nb"], folder="out")
    interface = plan["label-config.xml"]
    assert isinstance(interface, bytes)
    values = [each.get("value") for each in etree.fromstring(interface).iter("Label")]
    assert values == ['"/><script>', "a\nb"]


def test_labels_that_are_known_are_kept_and_what_they_cover_is_not_proposed(bank: Path, tmp_path: Path) -> None:
    """One of the two targets is labelled by now, and so is something that the detector did not find."""
    voc_xml(tmp_path / "bank-in" / "a b.xml", "a b.png", [("lamp", 21, 21, 40, 40), ("sign", 101, 6, 110, 20)])
    with Verdicts(bank) as verdicts:
        verdicts.undo()
    config = ScanConfig(crop=CROP)
    scan(tmp_path / "bank-in" / "a b.png", square_detector(), bank=bank, truth=open_truth(tmp_path / "bank-in"),
         config=config)  # fmt: skip
    mark(bank, "a b.png", 1)
    result = export_targets(bank, tmp_path / "out")
    assert (result.proposals, result.objects) == (1, 2)
    root = etree.parse(tmp_path / "out" / "Annotations" / "a_b.xml").getroot()
    assert [each.findtext("name") for each in root.iter("object")] == ["lamp", "sign", "lamp"]


def test_what_several_runs_found_is_proposed_once(bank: Path, tmp_path: Path) -> None:
    scan(tmp_path / "bank-in", square_detector(key="2"), bank=bank, config=ScanConfig(crop=CROP))
    assert export_targets(bank, tmp_path / "out").proposals == 2


def test_an_image_that_is_gone_or_changed_is_named_and_the_others_are_written(bank: Path, tmp_path: Path) -> None:
    mark(bank, "c.png", 1)
    draw(tmp_path / "bank-in" / "c.png", seed=7)
    result = export_targets(bank, tmp_path / "out")
    assert dict(result.skipped) == {tmp_path / "bank-in" / "c.png": "it has changed since it was scanned"}
    assert result.images == 1
    (tmp_path / "bank-in" / "c.png").unlink()
    result = export_targets(bank, tmp_path / "out")
    assert dict(result.skipped) == {tmp_path / "bank-in" / "c.png": "it is gone"} and result.written == 0


@pytest.mark.parametrize("before", [False, True])
def test_where_all_images_are_gone_this_is_said_and_an_earlier_export_stays(
    bank: Path, tmp_path: Path, before: bool
) -> None:
    mark(bank, "c.png", 1)
    if before:
        export_targets(bank, tmp_path / "out")
    there = sorted(tmp_path.glob("out/**/*"))
    for image in (tmp_path / "bank-in").iterdir():
        image.unlink()
    said = r"2 images with a target that waits for its label, and none can be written \(.*: it is gone, and 1 more\)"
    with pytest.raises(ExportError, match=said):
        export_targets(bank, tmp_path / "out")
    assert sorted(tmp_path.glob("out/**/*")) == there


def test_a_label_that_somebody_corrected_is_never_written_over(bank: Path, tmp_path: Path) -> None:
    export_targets(bank, tmp_path / "out")
    label = tmp_path / "out" / "Annotations" / "a_b.xml"
    label.write_text(label.read_text().replace("lamp", "sign"))
    mark(bank, "c.png", 1)
    with pytest.raises(ExportError, match="was changed since it was exported"):
        export_targets(bank, tmp_path / "out")
    assert "sign" in label.read_text()


def test_an_export_of_negatives_and_one_of_targets_do_not_mix(bank: Path, tmp_path: Path) -> None:
    export(bank, tmp_path / "negatives")
    export_targets(bank, tmp_path / "targets")
    with pytest.raises(ExportError, match="holds an export of format voc"):
        export_targets(bank, tmp_path / "negatives")
    with pytest.raises(ExportError, match="holds an export of format voc-targets"):
        export(bank, tmp_path / "targets")


def test_the_loop_closes_when_the_labels_are_read(bank: Path, tmp_path: Path) -> None:
    export_targets(bank, tmp_path / "out")
    scan(tmp_path / "out" / "JPEGImages", square_detector(), bank=bank, truth=open_truth(tmp_path / "out"),
         config=ScanConfig(crop=CROP))  # fmt: skip
    with pytest.raises(ExportError, match="no target that waits for its label"):
        export_targets(bank, tmp_path / "again")
    with Bank(bank) as opened:  # the two with an object in them are withdrawn
        assert sorted(each.score for each in opened.negatives()) == [0.5, 0.9]
    assert export(bank, tmp_path / "negatives").waiting == 0


def test_formats_are_those_that_can_say_which_objects_there_are() -> None:
    assert {"voc", "yolo", "coco", "label-studio", "cvat"} < set(OBJECT_FORMATS) and "csv" not in OBJECT_FORMATS
    for nothing in ("csv", "tfrecord"):
        with pytest.raises(ConfigError, match=f"expected one of voc, yolo, coco, .*found '{nothing}'"):
            TargetExportConfig(nothing)


def test_what_import_reads_leads_back_to_the_images(bank: Path, tmp_path: Path) -> None:
    with Bank(bank) as opened:
        index = ImageIndex.read(opened)
    for key in OBJECT_FORMATS:
        out = tmp_path / key
        export_targets(bank, out, config=TargetExportConfig(key))
        if key == "label-studio":  # as the tool exports it, once somebody accepted the boxes
            (task,) = json.loads((out / "tasks.json").read_text())
            (out / "tasks.json").write_text(json.dumps([{**task, "annotations": task["predictions"]}]))
        found = {}
        for path in out.rglob("*.*"):
            with suppress(TruthError):
                found[path] = read_entries(path)[1]
        assert bool(found) == (key in IMPORTED_FORMATS), key
        for path, (entry,) in found.items():
            match = ImageMatcher(index, path.parent).find(entry)
            assert isinstance(match, Match) and not match.is_negative


@pytest.fixture(scope="module")
def with_gap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bank of the frame of a clip in which one thing was found, and another was likely missed."""
    folder = tmp_path_factory.mktemp("gaps")
    clip = encode(folder / "clip.mkv", 13, codec="ffv1", pix_fmt="bgr0", draw=_walkers)
    config = ScanConfig(
        crop=CROP, video=VideoConfig(Every(frames=1)), flicker=FlickerConfig(window=2, max_gap=1, min_track=2)
    )
    scan(clip, square_detector(), bank=folder / "bank", config=config)
    return folder


def _walkers(number: int) -> Image:
    """Two squares that stay; one of them is missing in the seventh frame."""
    image = np.random.default_rng(0).integers(0, 80, size=(120, 200, 3), dtype=np.uint8)
    image[20:40, 20:40] = (200, 0, 255)
    if number != 6:
        image[70:100, 60:90] = (150, 0, 255)
    return image


def exported_gaps(folder: Path, out: Path, format_name: str) -> Path:
    result = export_targets(folder / "bank", out, config=TargetExportConfig(format_name, only="gaps"))
    assert (result.images, result.proposals, result.objects) == (1, 2, 0)
    return out


def test_a_likely_miss_is_told_from_what_was_found_where_the_format_can_say_so(with_gap: Path, tmp_path: Path) -> None:
    out = exported_gaps(with_gap, tmp_path / "voc", "voc")
    root = etree.parse(out / "Annotations" / "clip-t0.600-f6.xml").getroot()
    assert [each.findtext("pose") for each in root.iter("object")] == ["Unspecified", "gap"]
    assert root.findtext("source/image") == "clip.mkv/t=0.600,frame=6"
    truth = open_dataset(out).truth.read(out / "JPEGImages" / "clip-t0.600-f6.jpg", (200, 120))
    assert truth is not None and truth.boxes_xyxy.tolist() == [[20, 20, 40, 40], [60, 70, 90, 100]]
    out = exported_gaps(with_gap, tmp_path / "coco", "coco")
    found = json.loads((out / "annotations.json").read_text())["annotations"]
    assert [each["attributes"]["proposed"] for each in found] == ["detection", "gap"]
    assert [each["score"] for each in found] == pytest.approx([0.8, 0.6])
    out = exported_gaps(with_gap, tmp_path / "label-studio", "label-studio")
    (task,) = json.loads((out / "tasks.json").read_text())
    detected, gap = task["predictions"][0]["result"]
    assert "meta" not in detected and gap["meta"]["text"] == ["likely miss: found in the frames before and after"]
    out = exported_gaps(with_gap, tmp_path / "yolo", "yolo")
    assert len((out / "labels" / "train" / "clip-t0.600-f6.txt").read_text().splitlines()) == 2
