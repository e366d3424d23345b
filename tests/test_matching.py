"""The matcher: each kind of false positive by a drawing that fits in one line, then its laws by property."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from negmine.errors import ConfigError
from negmine.matching import Kind, Matches, match_detections
from negmine.structures import Detections, GroundTruth
from negmine.thresholds import MatchConfig

NAMES = {0: "cat", 1: "dog", 2: "cow"}
OBJECT = (0.0, 0.0, 10.0, 10.0)


def _detections(*rows: tuple[tuple[float, float, float, float], float, int]) -> Detections:
    return Detections(
        np.array([r[0] for r in rows], dtype=np.float64).reshape(-1, 4),
        np.array([r[1] for r in rows], dtype=np.float64),
        np.array([r[2] for r in rows], dtype=np.int64),
    )


def _match(detections: Detections, truth: GroundTruth, **kwargs: object) -> Matches:
    return match_detections(detections, truth, NAMES, **kwargs)  # type: ignore[arg-type]


def _strip(iou: float) -> tuple[float, float, float, float]:
    """A box inside OBJECT whose IoU with it is the share of its width."""
    return (0.0, 0.0, 10.0 * iou, 10.0)


def test_no_detections_miss_every_object() -> None:
    matches = _match(Detections.empty(), GroundTruth.of([OBJECT], ["cat"]))
    assert matches.kinds == ()
    assert matches.missed.tolist() == [True]


def test_on_a_background_image_every_detection_is_a_background_false_positive() -> None:
    matches = _match(_detections((OBJECT, 0.9, 0), (OBJECT, 0.8, 1)), GroundTruth.empty())
    assert matches.kinds == (Kind.BACKGROUND, Kind.BACKGROUND)


@pytest.mark.parametrize(
    ("box", "class_id", "kind"),
    [
        (_strip(0.5), 0, Kind.TRUE_POSITIVE),  # the threshold itself counts as a match
        (_strip(0.49), 0, Kind.LOCALIZATION),
        (_strip(0.1), 0, Kind.LOCALIZATION),
        (_strip(0.09), 0, Kind.BACKGROUND),
        (_strip(1.0), 1, Kind.CONFUSION),
        (_strip(0.1), 1, Kind.CONFUSION),
        (_strip(0.09), 1, Kind.BACKGROUND),
        (_strip(1.0), 2, Kind.UNJUDGED),
        ((50.0, 50.0, 60.0, 60.0), 2, Kind.UNJUDGED),
    ],
)
def test_kind_by_overlap_and_class(box: tuple[float, float, float, float], class_id: int, kind: Kind) -> None:
    truth = GroundTruth.of([OBJECT], ["cat"])
    matches = _match(_detections((box, 0.9, class_id)), truth, judged=["cat", "dog"])
    assert matches.kinds == (kind,)


def test_the_second_best_on_one_object_is_a_duplicate_whatever_the_order() -> None:
    truth = GroundTruth.of([OBJECT], ["cat"])
    # The lower score overlaps better, yet the higher score takes the object first.
    matches = _match(_detections((_strip(1.0), 0.6, 0), (_strip(0.6), 0.9, 0)), truth)
    assert matches.kinds == (Kind.DUPLICATE, Kind.TRUE_POSITIVE)
    assert matches.objects.tolist() == [-1, 0]


def test_a_detection_takes_another_free_object_rather_than_being_a_duplicate() -> None:
    truth = GroundTruth.of([OBJECT, (0, 0, 10, 8)], ["cat", "cat"])
    matches = _match(_detections((OBJECT, 0.9, 0), (OBJECT, 0.8, 0)), truth)
    assert matches.kinds == (Kind.TRUE_POSITIVE, Kind.TRUE_POSITIVE)
    assert matches.objects.tolist() == [0, 1]


def test_own_class_in_the_ignored_band_beats_confusion() -> None:
    truth = GroundTruth.of([_strip(0.3), OBJECT], ["cat", "dog"])
    assert _match(_detections((OBJECT, 0.9, 0)), truth).kinds == (Kind.LOCALIZATION,)


def test_detections_on_a_difficult_object_are_ignored_and_it_is_never_missed() -> None:
    truth = GroundTruth.of([OBJECT], ["cat"], difficult=[True])
    matches = _match(_detections((OBJECT, 0.9, 0), (OBJECT, 0.8, 0), (_strip(0.3), 0.7, 0)), truth)
    assert matches.kinds == (Kind.IGNORED, Kind.IGNORED, Kind.LOCALIZATION)
    assert _match(Detections.empty(), truth).missed.tolist() == [False]


def test_a_true_object_is_preferred_to_a_difficult_one() -> None:
    truth = GroundTruth.of([OBJECT, _strip(0.6)], ["cat", "cat"], difficult=[True, False])
    assert _match(_detections((OBJECT, 0.9, 0)), truth).objects.tolist() == [1]


def test_detections_inside_a_crowd_are_ignored_however_small() -> None:
    truth = GroundTruth.of([(0, 0, 100, 100)], ["cat"], crowd=[True])
    inside, half_out = (10.0, 10.0, 20.0, 20.0), (96.0, 10.0, 106.0, 20.0)
    matches = _match(_detections((inside, 0.9, 0), (half_out, 0.8, 0), (inside, 0.7, 1)), truth)
    # IoU 0.01 for all three: the first is ignored, 40 % inside is not enough, another class is not its crowd.
    assert matches.kinds == (Kind.IGNORED, Kind.BACKGROUND, Kind.BACKGROUND)


@pytest.mark.parametrize(("match_iou", "background_iou"), [(0.5, 0.0), (0.3, 0.4), (1.1, 0.1), (float("nan"), 0.1)])
def test_thresholds_out_of_order_are_refused(match_iou: float, background_iou: float) -> None:
    with pytest.raises(ConfigError, match="background IoU"):
        MatchConfig(match_iou, background_iou)


corner = st.integers(0, 12)
boxes = st.tuples(corner, corner, st.integers(1, 8), st.integers(1, 8)).map(
    lambda t: (float(t[0]), float(t[1]), float(t[0] + t[2]), float(t[1] + t[3]))
)
found = st.lists(st.tuples(boxes, st.sampled_from([0.3, 0.5, 0.7, 0.9]), st.integers(0, 2)), max_size=8)
objects = st.lists(st.tuples(boxes, st.sampled_from(["cat", "dog"]), st.booleans()), max_size=5)


@settings(max_examples=200, deadline=None)
@given(found=found, objects=objects)
def test_laws(found: list, objects: list) -> None:  # type: ignore[type-arg]
    truth = GroundTruth.of([o[0] for o in objects], [o[1] for o in objects], difficult=[o[2] for o in objects])
    detections = _detections(*found)
    matches = _match(detections, truth, judged=["cat", "dog"])
    hits = [int(o) for o, k in zip(matches.objects, matches.kinds, strict=True) if k is Kind.TRUE_POSITIVE]
    assert len(hits) == len(set(hits))  # one-to-one
    assert matches.missed.sum() == (~truth.difficult).sum() - len(hits)  # every object is found, missed or ignored
    for index, kind in enumerate(matches.kinds):
        assert (kind is Kind.UNJUDGED) == (detections.class_ids[index] == 2)


@settings(max_examples=100, deadline=None)
@given(found=found, objects=objects, seed=st.integers(0, 99))
def test_the_order_of_detections_with_distinct_scores_does_not_matter(found: list, objects: list, seed: int) -> None:  # type: ignore[type-arg]
    rows = [(box, 0.9 - 0.01 * i, cls) for i, (box, _, cls) in enumerate(found)]
    truth = GroundTruth.of([o[0] for o in objects], [o[1] for o in objects], difficult=[o[2] for o in objects])
    order = np.random.default_rng(seed).permutation(len(rows))
    straight = _match(_detections(*rows), truth).kinds
    shuffled = _match(_detections(*[rows[i] for i in order]), truth).kinds
    assert [straight[i] for i in order] == list(shuffled)


def test_any_number_of_objects_and_detections_fits_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    corners = rng.uniform(0, 90, (60, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 30, (60, 2))], axis=1)
    detections = Detections(boxes[:40], rng.uniform(0, 1, 40), rng.integers(0, 3, 40))
    truth = GroundTruth.of([tuple(box) for box in boxes[30:].tolist()], [["cat", "dog"][i % 2] for i in range(30)])
    names = {0: "cat", 1: "dog"}
    whole = match_detections(detections, truth, names)
    monkeypatch.setattr("negmine.matching.MAX_PAIRS", 70)  # two rows at a time
    parts = match_detections(detections, truth, names)
    assert (
        parts.kinds == whole.kinds and (parts.objects == whole.objects).all() and (parts.missed == whole.missed).all()
    )
    assert len({*whole.kinds}) >= 4
