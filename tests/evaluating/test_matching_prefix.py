"""The law that evaluation rests on: a verdict depends on detections of the same or a higher score alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from negmine.matching import match_detections
from negmine.structures import Detections, GroundTruth

BOXES = st.builds(
    lambda x, y, w, h: (float(x), float(y), float(x + w), float(y + h)),
    *[st.integers(0, 15)] * 2, *[st.integers(5, 15)] * 2,
)  # fmt: skip
FOUND = st.lists(st.tuples(BOXES, st.integers(1, 9).map(lambda n: n / 10), st.integers(0, 2)), max_size=12)
OBJECTS = st.lists(st.tuples(BOXES, st.sampled_from(["lamp", "sign"]), st.booleans(), st.booleans()), max_size=5)
NAMES = {0: "lamp", 1: "sign", 2: "crane"}


@settings(max_examples=300, deadline=None)
@given(FOUND, OBJECTS, st.integers(0, 10).map(lambda n: n / 10))
def test_dropping_lower_scores_changes_no_verdict(
    found: list[tuple[tuple[float, ...], float, int]],
    objects: list[tuple[tuple[float, ...], str, bool, bool]],
    threshold: float,
) -> None:
    detections = Detections(
        np.array([box for box, _, _ in found], dtype=np.float64).reshape(-1, 4),
        np.array([score for _, score, _ in found]),
        np.array([number for _, _, number in found], dtype=np.int64),
    )
    truth = GroundTruth.of(
        [box for box, *_ in objects],
        [name for _, name, _, _ in objects],
        difficult=[difficult for _, _, difficult, _ in objects],
        crowd=[crowd for *_, crowd in objects],
    )
    kept = detections.scores >= threshold
    every = match_detections(detections, truth, NAMES, judged={"lamp", "sign"})
    some = match_detections(detections.select(kept), truth, NAMES, judged={"lamp", "sign"})
    assert some.kinds == tuple(kind for kind, keep in zip(every.kinds, kept, strict=True) if keep)
    assert some.objects.tolist() == every.objects[kept].tolist()
