"""Average precision in samples is what COCO's evaluation gives for as many copies of the images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from negmine.evaluating.metrics.average_precision import ClassBoxes, average_precision, class_matches
from negmine.evaluating.metrics.sampled_precision import sampled_average_precision

_X = st.sampled_from([0.0, 2.0, 4.0, 30.0])


@st.composite
def class_boxes(draw: st.DrawFn) -> ClassBoxes:
    """An image with boxes of 10 pixels that overlap by more and less."""
    found, objects = (draw(st.lists(_X, max_size=3)) for _ in range(2))
    scores = draw(st.lists(st.integers(1, 99), min_size=len(found), max_size=len(found), unique=True))
    difficult = draw(st.lists(st.booleans(), min_size=len(objects), max_size=len(objects)))
    boxes = [np.array([[x, 0, x + 10, 10] for x in each], dtype=np.float64).reshape(-1, 4) for each in (found, objects)]
    none = np.zeros(len(objects), dtype=np.bool_)
    return ClassBoxes(boxes[0], np.array(scores) / 100, boxes[1], np.array(difficult, dtype=np.bool_), none)


@given(st.lists(st.tuples(class_boxes(), st.integers(0, 2)), min_size=1, max_size=4))
@settings(max_examples=15)
def test_samples_are_copies(images: list[tuple[ClassBoxes, int]]) -> None:
    matches = class_matches({number: image for number, (image, _) in enumerate(images)})
    copies = average_precision([image for image, times in images for _ in range(times)])
    if matches is None:
        assert copies is None
        return
    (found,) = sampled_average_precision(matches, np.array([[times for _, times in images]]))
    if copies is None:
        assert np.isnan(found).all()
    else:
        assert found.tolist() == pytest.approx([copies.ap50, copies.ap50_95], abs=1e-9)
