"""Average precision: by hand, and against COCO's own loaders where those work."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from negmine.evaluating.metrics.average_precision import (
    AveragePrecision,
    ClassBoxes,
    average_precision,
    mean_average_precision,
)

Box = tuple[float, float, float, float]
A, B, FAR = (0.0, 0.0, 10.0, 10.0), (20.0, 0.0, 30.0, 10.0), (50.0, 50.0, 60.0, 60.0)


def image(
    found: Sequence[tuple[Box, float]] = (),
    objects: Sequence[Box] = (),
    *,
    difficult: Sequence[int] = (),
    crowd: Sequence[int] = (),
) -> ClassBoxes:
    numbers = range(len(objects))
    return ClassBoxes(
        np.array([box for box, _ in found], dtype=np.float64).reshape(-1, 4),
        np.array([score for _, score in found], dtype=np.float64),
        np.array(objects, dtype=np.float64).reshape(-1, 4),
        np.array([n in difficult for n in numbers], dtype=np.bool_),
        np.array([n in crowd for n in numbers], dtype=np.bool_),
    )


@pytest.mark.parametrize(
    "images",
    [
        [],
        [image()],
        [image([(A, 0.9)])],
        [image([(A, 0.9)], [A], difficult=[0])],
        [image([(A, 0.9)], [A], crowd=[0])],
    ],
)
def test_without_an_object_to_find_there_is_none(images: list[ClassBoxes]) -> None:
    assert average_precision(images) is None


def test_nothing_detected_is_zero() -> None:
    assert average_precision([image(objects=[A])]) == (0, 0)
    assert average_precision([image(objects=[A]), image()]) == (0, 0)


def test_all_found_is_one() -> None:
    assert average_precision([image([(A, 0.2), (B, 0.9)], [A, B])]) == pytest.approx((1, 1))


def test_by_hand() -> None:
    """Hit, miss, hit over two objects: precision 1 up to recall 0.5 (51 of 101 recalls), then two thirds (50)."""
    expected = (51 + 50 * 2 / 3) / 101
    assert average_precision([image([(A, 0.9), (FAR, 0.8), (B, 0.7)], [A, B])]) == pytest.approx((expected, expected))


def test_detections_in_images_without_objects_count() -> None:
    expected = (51 + 50 * 2 / 3) / 101
    images = [image([(A, 0.9), (B, 0.7)], [A, B]), image([(A, 0.8)])]
    assert average_precision(images) == pytest.approx((expected, expected))


def test_only_the_overlap_asked_for_counts() -> None:
    """IoU 0.8: a hit at 0.5, 0.55, ..., 0.8, which are seven of ten."""
    assert average_precision([image([((0, 0, 10, 8), 0.9)], [A])]) == pytest.approx((1, 0.7))


@pytest.mark.parametrize("mark", ["difficult", "crowd"])
def test_an_ignored_object_swallows_any_number(mark: str) -> None:
    found = [(B, 0.95), (B, 0.94), (A, 0.5)]
    assert average_precision([image(found, [A, B], **{mark: [1]})]) == pytest.approx((1, 1))
    spoiled = average_precision([image(found, [A])])
    assert spoiled is not None and spoiled.ap50 == pytest.approx(1 / 3)


def test_a_crowd_swallows_by_the_share_inside_and_a_difficult_object_by_iou() -> None:
    inside = (20.0, 0.0, 22.0, 2.0)  # all of it in B, IoU 0.04
    found = [(inside, 0.9), (A, 0.5)]
    assert average_precision([image(found, [A, B], crowd=[1])]) == pytest.approx((1, 1))
    assert average_precision([image(found, [A, B], difficult=[1])]) == pytest.approx((0.5, 0.5))


def test_the_hundred_best_of_an_image_are_looked_at() -> None:
    hundred = [(FAR, 0.9)] * 100
    assert average_precision([image([*hundred, (A, 0.1)], [A])]) == (0, 0)
    shown = average_precision([image([*hundred[1:], (A, 0.1)], [A])])
    assert shown is not None and shown.ap50 == pytest.approx(0.01)


def test_it_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    average_precision([image([(A, 0.9)], [A])])
    assert capsys.readouterr() == ("", "")


def test_the_mean_leaves_classes_without_objects_out() -> None:
    assert mean_average_precision([]) is None
    assert mean_average_precision([None]) is None
    assert mean_average_precision([AveragePrecision(1, 0.5), None, AveragePrecision(0, 0)]) == (0.5, 0.25)


def coco(images: Sequence[ClassBoxes]) -> tuple[float, float]:
    """COCO's own way, through its files: it needs a detection, and knows crowds only."""
    truth = COCO()
    truth.dataset = {
        "images": [{"id": n} for n in range(len(images))],
        "categories": [{"id": 1}],
        "annotations": [
            {"image_id": n, "category_id": 1, "iscrowd": int(crowd), "bbox": [x, y, w - x, h - y],
             "area": (w - x) * (h - y)}
            for n, each in enumerate(images)
            for (x, y, w, h), crowd in zip(each.objects_xyxy.tolist(), each.crowd, strict=True)
        ],
    }  # fmt: skip
    for number, annotation in enumerate(truth.dataset["annotations"], 1):
        annotation["id"] = number
    rows = [
        {"image_id": n, "category_id": 1, "score": float(score), "bbox": [x, y, w - x, h - y]}
        for n, each in enumerate(images)
        for (x, y, w, h), score in zip(each.found_xyxy.tolist(), each.scores, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(rows), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[1]), float(evaluation.stats[0])


BOXES = st.builds(
    lambda x, y, w, h: (float(x), float(y), float(x + w), float(y + h)),
    *[st.integers(0, 12)] * 2, *[st.integers(4, 12)] * 2,
)  # fmt: skip
IMAGES = st.builds(
    lambda found, objects: image(
        found, [box for box, _ in objects], crowd=[number for number, (_, crowd) in enumerate(objects) if crowd]
    ),
    st.lists(st.tuples(BOXES, st.integers(1, 9).map(lambda n: n / 10)), max_size=6),
    st.lists(st.tuples(BOXES, st.booleans()), max_size=4),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(IMAGES, min_size=1, max_size=4))
def test_it_is_what_coco_gives(images: list[ClassBoxes]) -> None:
    found = average_precision(images)
    if found is None or not any(len(each.scores) for each in images):
        assert found is None or found == (0, 0)
    else:
        assert found == pytest.approx(coco(images), abs=1e-12)
