"""Predictions as other programs write them; each file is what the program's documentation or source shows."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import supervision as sv

from negmine.detectors.config import PredictionsConfig
from negmine.detectors.open import open_detector
from negmine.detectors.predictions.detector import PredictionsDetector
from negmine.errors import BoxError, PredictionsError

SIZE = (200, 100)
# https://docs.roboflow.com/deploy/serverless/object-detection
ROBOFLOW = {
    "predictions": [
        {"x": 30.0, "y": 40, "width": 20, "height": 40, "class": "lamp", "class_id": 1, "confidence": 0.544,
         "detection_id": "8a3f"},
    ],
    "image": {"width": 200, "height": 100},
    "time": 0.19,
}  # fmt: skip
# mmdet.apis.DetInferencer.pred2dict
MMDETECTION = {"labels": [1, 0], "scores": [0.9, 0.25], "bboxes": [[20.0, 20.0, 40.0, 60.0], [0.5, 0, 10, 10.5]]}
# detectron2.evaluation.coco_evaluation.instances_to_coco_json
DETECTRON2 = {"image_id": 5, "category_id": 2, "bbox": [20.0, 20.0, 20.0, 40.0], "score": 0.9, "segmentation": {}}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("names.txt").write_text("clock\nlamp\n")
    Path("said").mkdir()
    return tmp_path


def opened(path: str = "said", **settings: Any) -> PredictionsDetector:
    detector = open_detector(PredictionsConfig(path, conf=0, **settings))
    assert isinstance(detector, PredictionsDetector)
    return detector


def boxes(detector: PredictionsDetector, image: str = "a.jpg") -> list[tuple[str, float, list[float]]]:
    """Class, score and box of each prediction."""
    found = detector.predict_path(Path("images") / image, SIZE)
    names = [detector.class_names[number] for number in found.class_ids.tolist()]
    return list(zip(names, found.scores.tolist(), found.boxes_xyxy.tolist(), strict=True))


def write(path: str, document: object) -> str:
    Path(path).write_text(json.dumps(document))
    return path


LAMP = ("lamp", 0.9, [20, 20, 40, 60])


def test_detectron2_and_mmdetection_write_coco_results() -> None:
    coco = {
        "images": [{"id": 5, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "clock"}, {"id": 2, "name": "lamp"}],
    }
    write("coco.json", coco)
    detector = opened(write("coco_instances_results.json", [DETECTRON2]), images="coco.json")
    assert boxes(detector) == [LAMP]


@pytest.mark.parametrize(("base", "name"), [(0, None), (1, "lamp"), (None, "lamp")])
def test_a_base_says_where_coco_results_count_from(base: Any, name: str | None) -> None:
    """A 2 of two classes cannot be counted from 0."""
    write("results.json", [DETECTRON2 | {"image_id": "a"}])
    if name is None:
        with pytest.raises(PredictionsError, match=r"category 2 is not among the classes of names.txt"):
            opened("results.json", class_names="names.txt", category_base=base)
    else:
        assert boxes(opened("results.json", class_names="names.txt", category_base=base)) == [LAMP]


def test_a_base_settles_what_numbers_leave_open() -> None:
    write("results.json", [DETECTRON2 | {"image_id": "a", "category_id": 1}])
    with pytest.raises(PredictionsError, match="say which with"):
        opened("results.json", class_names="names.txt")
    assert boxes(opened("results.json", class_names="names.txt", category_base=0)) == [LAMP]
    (found,) = boxes(opened("results.json", class_names="names.txt", category_base=1))
    assert found[0] == "clock"
    coco = {"images": [], "categories": [{"id": 7, "name": "clock"}, {"id": 9, "name": "lamp"}]}
    write("coco.json", coco | {"images": [{"id": "a", "file_name": "a.jpg"}]})
    assert boxes(opened("results.json", images="coco.json", category_base=0)) == [LAMP]  # the second of the categories


def test_mmdetection_writes_a_file_for_each_image() -> None:
    write("said/a.json", MMDETECTION)
    write("said/b.json", {"labels": [], "scores": [], "bboxes": []})
    detector = opened(class_names="names.txt")
    detector.check_paths([Path("images/a.jpg"), Path("images/b.jpg")])
    assert boxes(detector) == [LAMP, ("clock", 0.25, [0.5, 0, 10, 10.5])]
    assert boxes(detector, "b.jpg") == []
    with pytest.raises(BoxError, match="said does not list it, so nothing was predicted on it"):
        boxes(detector, "c.jpg")
    assert boxes(opened("said/a.json", class_names="names.txt"))[0] == LAMP
    with pytest.raises(PredictionsError, match="gives its classes by number"):
        opened()


def test_json_beside_text_is_litter() -> None:
    write("said/settings.json", {"conf": 0.25})
    Path("said/a.txt").write_text("1 0.15 0.4 0.1 0.4 0.9\n")
    assert len(boxes(opened(class_names="names.txt"))) == 1


def test_roboflow_names_classes_and_gives_centres() -> None:
    write("said/a.json", ROBOFLOW)
    write("said/b.json", ROBOFLOW | {"predictions": []})
    detector = opened()
    assert boxes(detector) == [("lamp", 0.544, [20, 20, 40, 60])] and boxes(detector, "b.jpg") == []
    assert dict(detector.class_names) == {0: "lamp"}  # no other is known
    assert dict(opened(class_names="names.txt").class_names) == {0: "clock", 1: "lamp"}


def test_roboflows_python_package_says_which_image_it_is() -> None:
    row = ROBOFLOW["predictions"][0] | {"image_path": "/somewhere/a.jpg", "prediction_type": "ObjectDetectionModel"}
    write("answer.json", {"predictions": [row], "image": {"width": "200", "height": "100"}})
    assert boxes(opened("answer.json")) == [("lamp", 0.544, [20, 20, 40, 60])]


@pytest.mark.parametrize("names", [None, "names.txt"])
@pytest.mark.parametrize("sink", [sv.CSVSink("found.csv"), sv.JSONSink("found.json")])
def test_what_supervisions_sinks_write_is_read(sink: Any, names: str | None) -> None:
    found = sv.Detections(
        np.array([[20, 20, 40, 60], [0, 0, 10, 10.5]]), confidence=np.array([0.9, 0.25]), class_id=np.array([1, 0]),
        data={"class_name": np.array(["lamp", "clock"])},
    )  # fmt: skip
    with sink:
        sink.append(found, custom_data={"file_name": "images/a.jpg"})
        sink.append(found[:1], custom_data={"file_name": "images/b.jpg"})
    detector = opened(sink.file_name, class_names=names)
    detector.check_paths([Path("images/a.jpg"), Path("images/b.jpg")])
    (lamp, clock), (other,) = boxes(detector), boxes(detector, "b.jpg")
    assert (lamp, clock[0], other) == (LAMP, "clock", LAMP)


def test_a_row_that_does_not_say_its_image_is_refused() -> None:
    with sv.CSVSink("found.csv") as sink:
        sink.append(sv.Detections(np.ones((1, 4)), confidence=np.ones(1), class_id=np.ones(1, int)), {"frame": 3})
    with pytest.raises(PredictionsError, match=r"found.csv:2 does not say which image .* custom_data=\{'file_name'"):
        opened("found.csv")


@pytest.mark.parametrize(
    "row", ["lamp 0.9 20 20 40 60", "1 0.9 20 20 40 60", "lamp 20 20 40 60 0.9", "1 20.0 20 40 60 0.9000"]
)
def test_text_in_pixels_has_its_score_first_or_last(row: str) -> None:
    Path("said/a.txt").write_text(f"{row}\n")
    Path("said/b.txt").write_text("")
    assert boxes(opened(class_names="names.txt", category_base=0)) == [LAMP]


def test_text_counts_classes_from_where_the_base_says() -> None:
    Path("said/a.txt").write_text("2 0.15 0.4 0.1 0.4 0.9\n")
    with pytest.raises(PredictionsError, match=r"class 2 is not among .*--category-base 1"):
        opened(class_names="names.txt")
    (found,) = boxes(opened(class_names="names.txt", category_base=1))
    assert found[0] == "lamp" and found[2] == pytest.approx(LAMP[2])
    Path("said/a.txt").write_text("2 0.9 20 20 40 60\n")
    assert boxes(opened(class_names="names.txt", category_base=1)) == [LAMP]


def test_yolox_writes_a_file_for_each_class_of_voc() -> None:
    """yolox/data/datasets/voc.py: `image score x1 y1 x2 y2`, each coordinate one more."""
    Path("said/comp4_det_test_lamp.txt").write_text("a 0.900 21.0 21.0 41.0 61.0\n")
    Path("said/comp4_det_test_traffic_light.txt").write_text("")
    assert boxes(opened()) == [LAMP]
    Path("said/comp4_det_test_lamps.txt").write_text("a 0.900 21.0 21.0 41.0 61.0\n")
    with pytest.raises(PredictionsError, match=r"class lamps is not among clock, lamp; did you mean 'lamp'\?"):
        opened(class_names="names.txt")


@pytest.mark.parametrize("name", ["results.pkl", "results.pickle", "instances_predictions.pth", "said/results.pkl"])
def test_no_pickle_is_opened(name: str) -> None:
    class Runs:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path("opened").touch, ()

    Path(name).write_bytes(pickle.dumps(Runs()))
    with pytest.raises(
        PredictionsError, match=r"can run code .* write JSON instead: MMDetection with DetInferencer"
    ) as at:
        opened(name if "/" not in name else "said", class_names="names.txt")
    assert "\n" not in str(at.value) and not Path("opened").exists()


_HEAD = "x_min,y_min,x_max,y_max,class_id,confidence,image\n"
_BOX = '"bboxes": [[1, 2, 3, 4]]'


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("found.csv", "a,b\n1,2\n", "expected columns x_min, y_min, x_max, y_max, as supervision"),
        ("found.csv", f"{_HEAD}1,2,3,x,0,1,a\n", "found.csv:2: expected y_max"),
        ("found.csv", f"{_HEAD}1,2,3,4,0,,a\n", "expected confidence to be a"),
        ("found.csv", "\xff", "cannot be read as CSV"),
        ("found.json", '[{"x_min": 1}, 3]', r"found.json\[0\]: expected y_min to be a number, found None"),
        ("a.json", '{"labels": [1], "scores": [], "bboxes": []}', "lists of one length"),
        ("a.json", '{"labels": [1], "scores": [1], "bboxes": [[1, 2]]}', r"bboxes\[0\]: expected \[x1, y1, x2"),
        ("a.json", f'{{"labels": ["1"], "scores": [1], {_BOX}}}', "expected a label and a score, found '1'"),
        ("a.json", f'{{"labels": [1], "scores": [2], {_BOX}}}', "expected a score from 0 to 1, found 2"),
        ("a.json", f'{{"labels": [5], "scores": [1], {_BOX}}}', "class 5 is not among clock, lamp; name it"),
        ("a.json", '{"predictions": {"dog": {}}}', "expected predictions to be a list, found an object"),
        ("a.json", '{"predictions": [{"class": "dog"}]}', "expected x, y, width and height of a box"),
        ("a.json", '{"predictions": [{"x": 1, "y": 1, "width": 1, "height": 1}]}', "expected class and confidence"),
    ],
)
def test_what_is_none_of_it_is_said_with_its_place(name: str, text: str, message: str) -> None:
    Path(name).write_bytes(text.encode("latin-1"))
    with pytest.raises(PredictionsError, match=message) as caught:
        opened(name, class_names="names.txt")
    assert "\n" not in str(caught.value)


def test_the_base_is_part_of_the_identity() -> None:
    Path("said/a.txt").write_text("1 0.15 0.4 0.1 0.4 0.9\n")
    one, other = (opened(class_names="names.txt", category_base=base) for base in (0, 1))
    assert one.identity.settings != other.identity.settings
