"""Predictions in place of a model: what they say of which image, and what is no prediction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from negmine.detectors.batches import predict_each
from negmine.detectors.config import DetectorConfig, PredictionsConfig
from negmine.detectors.open import open_detector
from negmine.detectors.predictions.detector import PredictionsDetector
from negmine.errors import BoxError, ConfigError, DetectorError, PredictionsError, WeightsError
from negmine.structures import Image

SIZE = (200, 100)
CATEGORIES = [{"id": 90, "name": "clock"}, {"id": 7, "name": "lamp"}]
IMAGES = [{"id": 1, "file_name": "a/x.jpg"}, {"id": "two", "file_name": "b/x.jpg"}, {"id": 3, "file_name": "y.png"}]


def result(image: object = 1, category: object = 7, box: object = (10, 20, 30, 40), score: object = 0.5) -> Any:
    return {"image_id": image, "category_id": category, "bbox": box, "score": score}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("coco.json").write_text(json.dumps({"images": IMAGES, "annotations": [], "categories": CATEGORIES}))
    Path("names.txt").write_text("clock\nlamp\n")
    return tmp_path


def coco(results: object, *, images: str | None = "coco.json", **settings: Any) -> PredictionsDetector:
    Path("results.json").write_text(json.dumps(results))
    detector = open_detector(PredictionsConfig("results.json", images=images, **settings))
    assert isinstance(detector, PredictionsDetector) and detector.needs_files
    return detector


def yolo(files: dict[str, str], **settings: Any) -> PredictionsDetector:
    for name, text in files.items():
        (Path("labels") / name).parent.mkdir(parents=True, exist_ok=True)
        (Path("labels") / name).write_text(text)
    detector = open_detector(PredictionsConfig("labels", **{"class_names": "names.txt"} | settings))
    assert isinstance(detector, PredictionsDetector)
    return detector


def named(image: object) -> PredictionsDetector:
    """One prediction, of an image that is called so; categories counted from 1."""
    return coco([result(image, 2)], images=None, class_names="names.txt")


def paths(*names: str) -> list[Path]:
    return [Path(name) for name in names]


def test_no_predictions_are_no_detections() -> None:
    detector = coco([])
    detector.check_paths(paths("a/x.jpg"))
    assert len(detector.predict_path(Path("a/x.jpg"), SIZE)) == 0 and detector.predict([]) == []
    assert detector.lowest_score is None


def test_coco_results_are_boxes_of_the_image_that_the_id_means() -> None:
    detector = coco(
        [result(1, 7, [10, 20, 30, 40], 0.5), result("two", 90, [0, 0, 5, 5.5], 1), result(1, 90, score=0.25)]
    )
    detector.check_paths(paths("data/a/x.jpg", "data/b/x.jpg", "data/y.png"))
    first = detector.predict_path(Path("data/a/x.jpg"), SIZE)
    assert first.boxes_xyxy.tolist() == [[10, 20, 40, 60], [10, 20, 40, 60]]
    assert (first.scores.tolist(), first.class_ids.tolist()) == ([0.5, 0.25], [1, 0])
    assert detector.predict_path(Path("data/b/x.jpg"), SIZE).boxes_xyxy.tolist() == [[0, 0, 5, 5.5]]
    assert len(detector.predict_path(Path("data/y.png"), SIZE)) == 0
    assert dict(detector.class_names) == {0: "clock", 1: "lamp"} and detector.lowest_score == 0.25


@pytest.mark.parametrize(
    ("image", "file"),
    [("x", "some/x.jpg"), ("x.jpg", "some/x.jpg"), ("some/x.jpg", "in/some/x.jpg"), ("some/x", "in/some/x.jpg"),
     (42, "000042.jpg"), ("042", "042.jpg"), ("x.y", "x.y.jpg"), (0, "0.png")],
)  # fmt: skip
def test_without_a_coco_file_ids_are_names_as_ultralytics_writes_them(image: object, file: str) -> None:
    detector = named(image)
    detector.check_paths(paths(file, "other/unlike.jpg"))
    assert detector.predict_path(Path(file), SIZE).class_ids.tolist() == [1]
    assert len(detector.predict_path(Path("other/unlike.jpg"), SIZE)) == 0


def test_a_file_name_beside_the_id_goes_first() -> None:
    detector = coco([result(5, 2) | {"file_name": "x.jpg"}], images=None, class_names="names.txt")
    assert len(detector.predict_path(Path("x.jpg"), SIZE)) == 1
    assert len(detector.predict_path(Path("5.jpg"), SIZE)) == 0


@pytest.mark.parametrize(
    ("image", "file"), [("x", "x2.jpg"), ("some/x.jpg", "x.jpg"), ("x.jpg", "x.png"), (42, "42a.jpg")]
)
def test_predictions_of_images_that_are_not_there_are_refused(image: object, file: str) -> None:
    with pytest.raises(PredictionsError, match=r"results.json has predictions for 1 images that are not among"):
        named(image).check_paths(paths(file))


def test_the_first_few_of_them_are_named() -> None:
    results = [result(f"p{i}", 2) for i in range(9)]
    detector = coco(results, images=None, class_names="names.txt")
    with pytest.raises(PredictionsError, match=r"for 8 images .* sources: p0, p1, p3, \.\.\.; name"):
        detector.check_paths(paths("p2.jpg"))


@pytest.mark.parametrize(
    ("image", "files"), [("x", ("a/x.jpg", "b/x.jpg")), ("x", ("x.jpg", "x.png")), (7, ("7.png", "007.png"))]
)
def test_a_name_that_several_images_have_is_refused(image: object, files: Sequence[str]) -> None:
    with pytest.raises(PredictionsError, match=rf"several of the sources, such as {image}: .* and .*; scan them sep"):
        named(image).check_paths(paths(*files))


def test_the_longest_name_wins() -> None:
    detector = coco([result("x.jpg", 1), result("a/x.jpg", 2)], images=None, class_names="names.txt")
    detector.check_paths(paths("a/x.jpg", "b/x.jpg"))
    assert [detector.predict_path(path, SIZE).class_ids.tolist() for path in paths("a/x.jpg", "b/x.jpg")] == [[1], [0]]


def test_an_image_that_the_coco_file_does_not_list_was_not_predicted_on() -> None:
    with pytest.raises(BoxError, match=r"coco.json does not list it"):
        coco([result()]).predict_path(Path("z.jpg"), SIZE)


def test_yolo_rows_are_shares_of_the_image() -> None:
    detector = yolo({"x.txt": "1 0.5 0.5 0.25 0.5 0.9\n\n0 0.1 0.2 0.2 0.4 0.3\n", "empty.txt": ""})
    detector.check_paths(paths("some/x.jpg", "z.jpg"))
    found = detector.predict_path(Path("some/x.jpg"), SIZE)
    np.testing.assert_allclose(found.boxes_xyxy, [[75, 25, 125, 75], [0, 0, 40, 40]], atol=1e-9)
    assert (found.scores.tolist(), found.class_ids.tolist()) == ([0.9, 0.3], [1, 0])
    assert len(detector.predict_path(Path("z.jpg"), SIZE)) == 0
    with pytest.raises(PredictionsError, match=r"1 images that are not among the sources: x;"):
        detector.check_paths(paths("z.jpg"))


@pytest.mark.parametrize("place", ["labels/classes.txt", "labels/data.yaml", "classes.txt", "data.yaml"])
def test_yolo_class_names_are_found_beside(place: str, here: Path) -> None:
    Path("labels").mkdir()
    Path(place).write_text("names: {0: clock, 1: lamp}" if place.endswith("yaml") else "clock\nlamp\n")
    detector = yolo({"x.txt": "1 0.5 0.5 0.25 0.5 0.9\n"}, class_names=None)
    assert dict(detector.class_names) == {0: "clock", 1: "lamp"}
    detector.check_paths(paths("x.jpg"))  # the names are no predictions


def test_the_file_of_class_names_is_no_prediction_however_it_is_written(here: Path) -> None:
    Path("labels").mkdir()
    Path("labels/words.txt").write_text("clock\nlamp\n")
    detector = yolo({"x.txt": "1 0.5 0.5 0.25 0.5 0.9\n"}, class_names=str(here / "labels/words.txt"))
    assert len(detector.predict_path(Path("x.jpg"), SIZE)) == 1


def test_litter_beside_yolo_files_is_no_prediction() -> None:
    litter = dict.fromkeys(
        ["._x.txt", ".ipynb_checkpoints/x-checkpoint.txt", "__MACOSX/x.txt", "x.txt~", "~$y.txt"], "?"
    )
    detector = yolo({"x.TXT": "1 0.5 0.5 0.25 0.5 0.9\n", **litter})
    detector.check_paths(paths("x.jpg"))
    assert len(detector.predict_path(Path("x.jpg"), SIZE)) == 1


def test_low_scores_other_classes_and_boxes_without_area_are_dropped() -> None:
    results = [result(score=0.3), result(score=0.29), result(category=90, score=0.8), result(box=[1, 1, 0, 5])]
    assert coco(results, conf=0.3).predict_path(Path("a/x.jpg"), SIZE).scores.tolist() == [0.3, 0.8]
    assert coco(results, conf=0.3, classes=("clock",)).predict_path(Path("a/x.jpg"), SIZE).scores.tolist() == [0.8]


@pytest.mark.parametrize(("box", "kept"), [([-2, 0, 10, 10], [0, 0, 8, 10]), ([195, 95, 7, 6], [195, 95, 200, 100])])
def test_a_box_may_stick_out_by_a_hundredth_or_a_pixel(box: list[float], kept: list[float]) -> None:
    assert coco([result(box=box)]).predict_path(Path("a/x.jpg"), SIZE).boxes_xyxy.tolist() == [kept]


@pytest.mark.parametrize("box", [[-2.1, 0, 10, 10], [0, 95, 5, 6.1], [300, 20, 5, 5]])
def test_a_box_that_sticks_out_further_is_an_error(box: list[float]) -> None:
    detector = coco([result(box=box)])
    (found,) = predict_each(detector, [np.zeros((100, 200, 3), np.uint8)], paths("a/x.jpg"))
    assert isinstance(found, BoxError) and "outside the image of 200x100 pixels" in str(found)


def test_a_pixel_is_allowed_where_a_hundredth_is_less() -> None:
    assert len(coco([result(box=[40, 40, 10.9, 10.9])]).predict_path(Path("a/x.jpg"), (50, 50))) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[\n{"image_id": 1,}]', r"results.json:2: expected JSON"),
        ("\xff\xfe", r"results.json"),
        ("{}", r"expected a list of COCO results, found an object"),
        ("[3]", r"results.json\[0\]: expected image_id, category_id, bbox and score, found 3"),
        ([result(), result(category=8)], r"results.json\[1\]: category 8 is not among the categories of coco.json"),
        ([result(category=None)], r"category None is not among"),
        ([result(image=9)], r"\[0\]: image 9 is not among those of the COCO file"),
        ([result(image=None)], r"expected an image_id, found None"),
        ([result(image=[1])], r"expected an image_id, found \[1\]"),
        ([result(box=[1, 2, 3])], r"expected bbox to be \[x, y, width, height\], found \[1, 2, 3\]"),
        ([result(box=[1, 2, -3, 4])], r"expected a box of x, y, width and height"),
        ('[{"image_id": 1, "category_id": 7, "bbox": [NaN, 0, 1, 1], "score": 0.5}]', r"expected bbox"),
        ([result(score=None)], r"expected a score, found None; labels are not predictions"),
        ([result(score=1.5)], r"expected a score from 0 to 1, found 1.5"),
        ([result(score=10**400)], r"expected a score"),
    ],
)
def test_what_are_no_coco_results_is_said_with_its_place(text: object, message: str) -> None:
    data = text.encode("latin-1") if isinstance(text, str) else json.dumps(text).encode()
    Path("bad").mkdir()
    Path("bad/results.json").write_bytes(data)
    with pytest.raises(PredictionsError, match=message) as caught:
        open_detector(PredictionsConfig("bad/results.json", images="coco.json"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], r"coco.json is no COCO file"),
        ({"images": IMAGES}, r"coco.json lists no categories; give --class-names"),
        ({"images": [{"id": 1}], "categories": CATEGORIES}, r"images\[0\]: expected an id and a file_name"),
        ({"images": [*IMAGES, IMAGES[0]], "categories": CATEGORIES}, r"images\[3\] has the id 1, which another has"),
        ({"images": [*IMAGES, {"id": 9, "file_name": "y.png"}], "categories": CATEGORIES}, r"the image y.png twice"),
        ({"images": IMAGES, "categories": [{"id": 7}]}, r"categories\[0\]: expected an id and a name"),
    ],
)
def test_what_is_no_coco_file_of_the_images_is_said(document: object, message: str) -> None:
    Path("coco.json").write_text(json.dumps(document))
    with pytest.raises(PredictionsError, match=message):
        coco([])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("0 0.5 0.5 0.1 0.1", r"x.txt:2: expected six numbers.* found 5 values; write them with save_conf=True"),
        ("0 0.5 0.5 0.1 0.1 0.1 0.1", r"x.txt:2: .* found 7 values; correct the row"),
        ("lamp 0.5 0.5 0.1 0.1 0.5", r"x.txt:2: expected six numbers.* found 'lamp 0"),
        ("2 0.5 0.5 0.1 0.1 0.5", r"x.txt:2: class 2 is not among the 2 that have names"),
        ("0.5 0.5 0.5 0.1 0.1 0.5", r"x.txt:2: class 0.5"),
        ("nan 0.5 0.5 0.1 0.1 0.5", r"x.txt:2: class nan"),
        ("0 0.5 0.5 -0.1 0.1 0.5", r"x.txt:2: expected a box"),
        ("0 0.5 0.5 0.1 0.1 50", r"x.txt:2: expected a score from 0 to 1, found 50"),
    ],
)
def test_what_is_no_yolo_row_is_said_with_its_line(row: str, message: str) -> None:
    with pytest.raises(PredictionsError, match=message):
        yolo({"x.txt": f"0 0.5 0.5 0.1 0.1 0.5\n{row}\n"})


def test_what_is_missing_is_said() -> None:
    with pytest.raises(PredictionsError, match=r"no predictions at nowhere"):
        open_detector(PredictionsConfig("nowhere"))
    with pytest.raises(PredictionsError, match=r"does not say what its categories are called"):
        coco([], images=None)
    with pytest.raises(PredictionsError, match=r"coco.json names the categories; leave --class-names out"):
        coco([], class_names="names.txt")
    with pytest.raises(PredictionsError, match=r"expected class names in a data.yaml or classes.txt"):
        yolo({"x.txt": ""}, class_names=None)
    with pytest.raises(PredictionsError, match=r"leave --predictions-images out"):
        yolo({"x.txt": ""}, images="coco.json")
    Path("bare").mkdir()
    with pytest.raises(PredictionsError, match=r"bare holds no predictions"):
        open_detector(PredictionsConfig("bare", class_names="names.txt"))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [("gone.txt", None, "No such file"), ("a.txt", "", "names no classes"), ("a.txt", "lamp\n\nsign", "a.txt:2"),
     ("a.yaml", "names: [", "cannot be read as YAML"), ("a.yaml", "nc: 3", "expected names"),
     ("a.yaml", "names: {x: lamp}", "expected names")],
)  # fmt: skip
def test_class_names_that_are_none_are_refused(name: str, text: str | None, message: str) -> None:
    if text is not None:
        Path(name).write_text(text)
    with pytest.raises(ConfigError, match=message):
        yolo({"x.txt": ""}, class_names=name)


@pytest.mark.parametrize(
    ("numbers", "classes"),
    [([0], ["clock"]), ([0, 1], ["clock", "lamp"]), ([2], ["lamp"]), ([1, 2], ["clock", "lamp"])],
)
def test_a_0_or_the_number_of_classes_tells_where_categories_are_counted_from(
    numbers: list[int], classes: list[str]
) -> None:
    detector = coco([result("x", number) for number in numbers], images=None, class_names="names.txt")
    found = detector.predict_path(Path("x.jpg"), SIZE)
    assert [detector.class_names[number] for number in found.class_ids] == classes


def test_numbers_that_may_be_counted_from_0_or_1_are_asked_about(here: Path) -> None:
    with pytest.raises(
        PredictionsError, match=r"may be counted from 0 or from 1, .*names.txt names 2 .*--predictions-im"
    ):
        coco([result("x", 1)], images=None, class_names="names.txt")
    with pytest.raises(PredictionsError, match=r"category 2 is not among the classes of names.txt"):
        coco([result("x", 0), result("x", 2)], images=None, class_names="names.txt")
    Path("data.yaml").write_text("names: {1: clock, 2: lamp}")
    detector = coco([result("x", 1)], images=None, class_names="data.yaml")
    assert detector.predict_path(Path("x.jpg"), SIZE).class_ids.tolist() == [1] and detector.class_names[1] == "clock"


@pytest.mark.parametrize(
    ("categories", "numbers", "classes"),
    [
        ([0, 1], [1], ["lamp"]),  # the id that the file says
        ([0, 1], [1, 2], ["clock", "lamp"]),
        ([1, 2], [0, 1], ["clock", "lamp"]),
        ([1, 2], [1], ["clock"]),
    ],
)
def test_categories_of_a_coco_file_count_from_where_it_does_unless_the_numbers_show_another_start(
    categories: list[int], numbers: list[int], classes: list[str]
) -> None:
    listed = [{"id": number, "name": name} for number, name in zip(categories, ("clock", "lamp"), strict=True)]
    Path("coco.json").write_text(json.dumps({"images": IMAGES, "categories": listed}))
    detector = coco([result(1, number) for number in numbers])
    found = detector.predict_path(Path("a/x.jpg"), SIZE)
    assert [detector.class_names[number] for number in found.class_ids] == classes
    shifted = not set(numbers) <= set(categories)
    start = f"results.json counts its categories from {min(numbers)}, and coco.json from {categories[0]}"
    assert detector.notes == ((start,) if shifted else ())


def test_numbers_that_fit_neither_start_are_refused() -> None:
    listed = [{"id": 0, "name": "clock"}, {"id": 1, "name": "lamp"}]
    Path("coco.json").write_text(json.dumps({"images": IMAGES, "categories": listed}))
    with pytest.raises(PredictionsError, match=r"category 2 is not among the categories of coco.json"):
        coco([result(1, 0), result(1, 2)])


def test_the_identity_is_the_predictions_and_what_drops_some() -> None:
    same, again = coco([result()]).identity, coco([result()]).identity
    assert same == again and same.name == "results.json" and same.settings["conf"] == 0.25
    assert coco([result(score=0.6)]).identity.sha256 != same.sha256
    assert coco([result()], conf=0.1).identity.settings != same.settings
    Path("coco.json").write_text(json.dumps({"images": IMAGES, "categories": [{"id": 7, "name": "sign"}]}))
    assert coco([result()]).identity.sha256 != same.sha256
    before = yolo({"x.txt": "0 0.5 0.5 0.1 0.1 0.5"}).identity.sha256
    Path("labels/x.txt").rename("labels/z.txt")
    assert yolo({}).identity.sha256 != before


def test_there_is_no_model_to_ask() -> None:
    image: Image = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(DetectorError, match=r"results.json is not a model"):
        coco([]).predict([image])
    assert coco([]).predict([]) == []
    by_file = coco([result()])
    (found,) = by_file.predict([np.zeros((SIZE[1], SIZE[0], 3), np.uint8)], [Path("a/x.jpg")])
    assert found.scores.tolist() == by_file.predict_path(Path("a/x.jpg"), SIZE).scores.tolist() != []
    with pytest.raises(ConfigError, match=r"no class tree; it has clock, lamp"):
        coco([], classes=("tree",))
    with pytest.raises(WeightsError, match=r"results.json is not a model.*--predictions"):
        open_detector(DetectorConfig("results.json"))


def test_more_predictions_than_any_detector_gives_are_an_error_of_that_image() -> None:
    detector = yolo(
        {"x.txt": "0 0.5 0.5 0.2 0.2 0.9\n" * 10_001, "y.txt": "0 0.5 0.5 0.2 0.2 0.9\n", "classes.txt": "cat\n"}
    )
    with pytest.raises(BoxError, match=r"it has over 10000 predictions of a score of .* or more; raise --conf"):
        detector.predict_path(Path("x.jpg"), SIZE)
    assert len(detector.predict_path(Path("y.jpg"), SIZE)) == 1
