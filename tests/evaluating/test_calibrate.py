"""The shift that brings back the recall of the start, from scores that are known by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from negmine.evaluating.calibrate import AtConf, at_conf, calibrated, fit_shifts
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.figures import curve_of, figures
from negmine.evaluating.match import MatchedDetections, MatchedImage, code_of
from negmine.matching import Kind
from negmine.structures import GroundTruth
from negmine.training.calibration import STEP, shifted

CONF = 0.25


def logit(score: float) -> float:
    return math.log(score / (1 - score))


def image(
    found: Sequence[tuple[int, float]] = (), false: Sequence[tuple[int, float]] = (), objects: Sequence[str] = ()
) -> MatchedImage:
    """An image with true and false positives (class, score), and objects; without any it is a background."""
    rows = [(*row, Kind.TRUE_POSITIVE) for row in found] + [(*row, Kind.BACKGROUND) for row in false]
    boxes = np.tile([0.0, 0.0, 9.0, 9.0], (len(objects), 1)).reshape(-1, 4)
    return MatchedImage(
        path=Path("image.png"),
        sha256="0",
        background=not objects,
        truth=GroundTruth(boxes, tuple(objects), *(np.zeros(len(objects), dtype=np.bool_) for _ in range(2))),
        boxes_xyxy=np.tile([0.0, 0.0, 9.0, 9.0], (len(rows) if objects else 0, 1)).reshape(-1, 4),
        scores=np.array([score for _, score, _ in rows], dtype=np.float64),
        classes=np.array([index for index, *_ in rows], dtype=np.int32),
        codes=np.array([code_of(kind) for *_, kind in rows], dtype=np.uint8),
    )


def matched(images: Sequence[MatchedImage], names: tuple[str, ...] = ("lamp",)) -> MatchedDetections:
    return MatchedDetections("toy", "0", names, names, (), tuple(images))


def of_scores(true: Sequence[float], false: Sequence[float] = (), *, objects: int | None = None) -> MatchedDetections:
    """One class: the scores of what it finds, and of what it takes for a lamp on a background."""
    count = len(true) if objects is None else objects
    return matched(
        [image([(0, score) for score in true], objects=["lamp"] * count), image(false=[(0, s) for s in false])]
    )


def shift_of(start: Mapping[str, AtConf], trained: MatchedDetections, loss: float = 0.0) -> float:
    return fit_shifts(start, trained, CONF, max_recall_loss=loss).shifts["lamp"]


def test_a_start_that_finds_nothing_asks_for_no_shift() -> None:
    assert fit_shifts({"lamp": AtConf(4, 0, 0)}, of_scores([0.9] * 4), CONF).shifts == {"lamp": 0}


def test_a_detector_that_finds_nothing_is_not_shifted_and_falls_short() -> None:
    fitted = fit_shifts({"lamp": AtConf(4, 3, 0)}, of_scores([], objects=4), CONF)
    assert (fitted.shifts, fitted.short) == ({"lamp": 0}, ("lamp",))


def test_conf_lies_between_the_same_two_ranks_as_with_the_start() -> None:
    start = at_conf(of_scores([0.9, 0.6, 0.3, 0.2], [0.5, 0.1]), CONF)
    assert start == {"lamp": AtConf(objects=4, found=3, false_positives=1, over=0.3, under=0.2)}
    shift = shift_of(start, of_scores([0.5, 0.2, 0.1, 0.05]))
    share = (logit(0.3) - logit(0.25)) / (logit(0.3) - logit(0.2))  # how far conf is from the last to the next
    at = logit(0.1) - share * (logit(0.1) - logit(0.05))
    assert at == pytest.approx(logit(0.25) - shift, abs=STEP) and shift >= logit(0.25) - at
    assert (shift / STEP).is_integer() and at_conf(calibrated(of_scores([0.5, 0.2, 0.1, 0.05]), {"lamp": shift}), CONF)[
        "lamp"
    ].found == 3


@pytest.mark.parametrize("true", [[0.9, 0.6, 0.3, 0.2], [0.9, 0.8], [0.9, 0.3], [0.25, 0.1], [0.9, 0.01]])
def test_the_same_scores_need_no_shift(true: list[float]) -> None:
    same = of_scores(true, [0.5, 0.1])
    assert shift_of(at_conf(same, CONF), same) == 0


def test_where_all_objects_are_found_their_margin_is_kept_as_far_as_that_is_sensible() -> None:
    start = at_conf(of_scores([0.9, 0.8]), CONF)
    assert shift_of(start, of_scores([0.9, 0.3])) == pytest.approx(1 - logit(0.3) + logit(0.25), abs=STEP)
    assert shift_of(start, of_scores([0.9, 0.7])) == 0  # it has fallen, and is sure enough
    assert shift_of(start, of_scores([0.9, 0.9])) == pytest.approx(logit(0.8) - logit(0.9), abs=STEP)


def test_scores_that_rose_are_lowered() -> None:
    assert shift_of({"lamp": AtConf(2, 1, 0, 0.3, 0.2)}, of_scores([0.9, 0.8])) < 0


def test_recall_at_conf_is_that_of_the_start_after_it() -> None:
    rng = np.random.default_rng(0)
    before = of_scores(list(rng.uniform(0.05, 1, 40)), list(rng.uniform(0, 0.4, 30)))
    sunk = calibrated(before, {"lamp": -2.5})
    start = at_conf(before, CONF)
    fitted = fit_shifts(start, sunk, CONF)
    assert at_conf(sunk, CONF)["lamp"].found < start["lamp"].found and not fitted.short
    assert at_conf(calibrated(sunk, fitted.shifts), CONF)["lamp"].found == start["lamp"].found


def test_so_much_recall_may_be_lost() -> None:
    start, trained = {"lamp": AtConf(4, 3, 0, 0.25, 0.2)}, of_scores([0.5, 0.2, 0.1, 0.05])
    assert shift_of(start, trained, 0.25) == pytest.approx(logit(0.25) - logit(0.2), abs=STEP)
    assert shift_of(start, trained, 0.24) == shift_of(start, trained)  # less than an object


def test_no_shift_makes_a_class_fire_clearly_more_often_than_it_did() -> None:
    start = {"lamp": AtConf(objects=2, found=2, false_positives=3)}  # 3 + 2 sqrt(4): seven are borne
    trained = of_scores([0.5, 0.01], [0.01 * n for n in range(2, 22)])
    fitted = fit_shifts(start, trained, CONF)
    assert fitted.short == ("lamp",)
    after = at_conf(calibrated(trained, fitted.shifts), CONF)["lamp"]
    assert (after.found, after.false_positives) == (1, 7)


def test_where_there_are_too_many_false_positives_already_scores_stay() -> None:
    fitted = fit_shifts({"lamp": AtConf(2, 2, 0)}, of_scores([0.5, 0.01], [0.9] * 9), CONF)
    assert (fitted.shifts, fitted.short) == ({"lamp": 0}, ("lamp",))


def test_a_recall_that_no_score_reaches_is_approached_as_far_as_objects_are_found() -> None:
    fitted = fit_shifts({"lamp": AtConf(4, 4, 0)}, of_scores([0.5, 0.1], objects=4), CONF)
    assert fitted.short == ("lamp",)
    assert fitted.shifts["lamp"] == pytest.approx(logit(0.25) - logit(0.1), abs=STEP)


def test_a_class_of_few_objects_takes_much_of_the_shift_of_all() -> None:
    def trained(rare: float) -> MatchedDetections:
        common = image([(0, 0.1)] * 60, objects=["lamp"] * 60)
        return matched([common, image([(1, rare)], objects=["sign"])], ("lamp", "sign", "tree"))

    start = {"lamp": AtConf(60, 60, 0, 0.25), "sign": AtConf(1, 1, 0, 0.25), "tree": AtConf(0, 0, 0)}
    shifts, other = (fit_shifts(start, trained(rare), CONF).shifts for rare in (0.1, 0.05))
    assert set(shifts) == {"lamp", "sign", "tree"}
    assert shifts["tree"] == shifts["lamp"] == shifts["sign"]
    # Its own differs by what 0.05 is under 0.1, and one object of 21 decides; that of all moves by a little too.
    own = logit(0.1) - logit(0.05)
    assert own / 21 - STEP <= other["sign"] - shifts["sign"] <= own + STEP
    assert other["sign"] > other["lamp"]


def test_the_curve_stays_and_its_thresholds_move() -> None:
    rng = np.random.default_rng(1)
    before = of_scores(list(rng.uniform(0, 1, 30)), list(rng.uniform(0, 1, 50)))
    after = calibrated(before, {"lamp": 1.5})
    assert (curve_of(before).fppi == curve_of(after).fppi).all()
    assert (curve_of(before).recall == curve_of(after).recall).all()
    assert curve_of(after).thresholds == pytest.approx(shifted(curve_of(before).thresholds, 1.5))
    for at in (0.3, 0.6, 0.9):
        first, second = (figures(each, EvalConfig(), at_recall=at) for each in (before, after))
        assert first.fppi_at_recall == second.fppi_at_recall and first.map50 == second.map50


def test_scores_of_zero_and_one_stay_in_order_and_between_them() -> None:
    after = calibrated(of_scores([1.0, 0.5, 0.0]), {"lamp": 3.0}).images[0].scores
    assert (np.diff(after) < 0).all() and (after >= 0).all() and (after <= 1).all()


def test_detections_under_the_floor_are_dropped_and_other_classes_keep_their_scores() -> None:
    images = [image([(0, 0.5), (1, 0.5)], objects=["lamp", "sign"]), image(false=[(0, 0.01), (1, 0.01), (-1, 0.3)])]
    after = calibrated(matched(images, ("lamp", "sign")), {"lamp": -5.0}, floor=0.005).images
    assert after[0].scores == pytest.approx([shifted(np.array([0.5]), -5.0)[0], 0.5])
    assert after[0].boxes_xyxy.shape == (2, 4) and after[1].boxes_xyxy.shape == (0, 4)
    assert after[1].scores.tolist() == [0.01, 0.3] and after[1].classes.tolist() == [1, -1]
