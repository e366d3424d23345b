"""Matching for an evaluation: what is kept of an image, and that one matching serves every threshold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from blobs import square_detector
from eval_sets import LEFT, SIZE_WH, scene
from hypothesis import given, settings
from hypothesis import strategies as st

from negmine.datasets.open import open_truth
from negmine.detectors.base import Detector
from negmine.errors import BoxError
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.match import (
    EvalImage,
    ImageMatcher,
    MatchedDetections,
    MatchedImage,
    code_of,
    merge_matched,
)
from negmine.matching import Kind, match_detections
from negmine.mining.result import SkippedImage
from negmine.structures import Detections, GroundTruth

BOXES = st.builds(
    lambda x, y, w, h: (float(x), float(y), float(x + w), float(y + h)),
    *[st.integers(0, 15)] * 2, *[st.integers(5, 15)] * 2,
)  # fmt: skip
FOUND = st.lists(st.tuples(BOXES, st.integers(1, 9).map(lambda n: n / 10), st.integers(0, 2)), max_size=12)
OBJECTS = st.lists(st.tuples(BOXES, st.sampled_from(["lamp", "sign"]), st.booleans(), st.booleans()), max_size=5)
NAMES = {0: "lamp", 1: "sign", 2: "crane"}


def matched(
    detector: Detector, found: Detections | BoxError, root: Path, *, background: bool = False, **config: object
) -> MatchedImage | SkippedImage:
    """The detections of a detector in an image with a lamp, or in one without."""
    truth = open_truth(root / "data.yaml")
    pixels = np.zeros((SIZE_WH[1], SIZE_WH[0], 3), dtype=np.uint8)
    objects = GroundTruth.empty() if background else GroundTruth.of([LEFT], ["lamp"])
    matcher = ImageMatcher(detector, truth, ["lamp"], EvalConfig(**config))  # type: ignore[arg-type]
    return matcher.match(EvalImage(Path("a.png"), "0", pixels, objects, background), found)


def test_kinds_and_their_codes_say_the_same(tmp_path: Path) -> None:
    found = Detections(
        np.array([LEFT, LEFT, (100, 60, 120, 80)], float), np.array([0.9, 0.8, 0.7]), np.array([0, 0, 1])
    )
    image = matched(square_detector(), found, scene(tmp_path))
    assert isinstance(image, MatchedImage)
    assert image.kinds == (Kind.TRUE_POSITIVE, Kind.DUPLICATE, Kind.UNJUDGED)
    assert image.codes.dtype == np.uint8 and [code_of(kind) for kind in image.kinds] == image.codes.tolist()
    assert sorted(map(code_of, Kind)) == list(range(len(Kind)))


def test_what_is_wrong_with_a_result_is_the_reason_to_skip_the_image(tmp_path: Path) -> None:
    skipped = matched(square_detector(), BoxError("detection 0 is not finite"), scene(tmp_path))
    assert skipped == SkippedImage(Path("a.png"), "detector", "squares: detection 0 is not finite")


@settings(max_examples=300, deadline=None)
@given(FOUND, OBJECTS, st.integers(0, 10).map(lambda n: n / 10))
def test_dropping_lower_scores_changes_no_other_match(
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


def of_one(sha256: str, *images: MatchedImage, lacking: tuple[str, ...] = ()) -> MatchedDetections:
    skipped = (SkippedImage(Path(f"{sha256}.png"), "image", "torn"),)
    return MatchedDetections("w", sha256, ("lamp", "sign"), ("lamp", "sign"), lacking, images, skipped)


def blank(name: str, *, background: bool) -> MatchedImage:
    none = np.zeros(0)
    codes, classes = none.astype(np.uint8), none.astype(np.int32)
    return MatchedImage(Path(name), name, background, GroundTruth.empty(), np.zeros((0, 4)), none, classes, codes)


def test_what_several_detectors_find_in_images_of_their_own_is_merged_the_labelled_ones_first() -> None:
    one = of_one("a", blank("l1", background=False), blank("b1", background=True))
    other = of_one("b", blank("l2", background=False), blank("b2", background=True), lacking=("sign",))
    assert merge_matched([one]) is one
    merged = merge_matched([one, other])
    assert [image.path.name for image in merged.images] == ["l1", "l2", "b1", "b2"]
    assert [each.source.name for each in merged.skipped] == ["a.png", "b.png"]
    assert merged.lacking == ("sign",) and merged.name == "w" and merged.sha256 not in ("a", "b")
