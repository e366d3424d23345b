"""Copies of a checkpoint, a core each, against one alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from firing import pictures, write_firing_checkpoint

from negmine.detectors import side_by_side
from negmine.detectors.base import Detector
from negmine.detectors.batches import predict_each
from negmine.detectors.config import DetectorConfig
from negmine.detectors.open import open_detector
from negmine.detectors.quiet import keep_threads
from negmine.detectors.side_by_side import SideBySideDetector
from negmine.detectors.ultralytics import UltralyticsDetector
from negmine.errors import BoxError, WeightsError
from negmine.structures import Detections


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one core."""
    with keep_threads():
        torch.set_num_threads(1)
        yield


def config(weights: Path, **settings: object) -> DetectorConfig:
    return DetectorConfig(str(weights), **{"device": "cpu", "conf": 0.3} | settings)  # type: ignore[arg-type]


def same(one: Detections, other: Detections) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("boxes_xyxy", "scores", "class_ids")
    )


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("cores", [1, 2, 5])
def test_it_finds_what_one_copy_finds_on_one_core_to_the_last_digit(firing_weights: Path, cores: int) -> None:
    alone = UltralyticsDetector(config(firing_weights))
    images = pictures(7)
    expected = [alone.predict([image])[0] for image in images]
    together = SideBySideDetector(UltralyticsDetector(config(firing_weights)), config(firing_weights), cores=cores)
    assert sum(map(len, expected)) > 10
    assert all(map(same, expected, together.predict(images)))
    assert all(map(same, expected * 3, together.predict(images * 3)))
    assert all(map(same, expected[::-1], [together.predict([image])[0] for image in images[::-1]]))
    assert together.predict([]) == []


def test_it_says_what_one_copy_says_and_gives_threads_back(firing_weights: Path) -> None:
    first = UltralyticsDetector(config(firing_weights))
    first.note("a note")
    together = SideBySideDetector(first, config(firing_weights), cores=3)
    for name in ("identity", "class_names", "device", "trained_imgsz", "notes"):
        assert getattr(together, name) == getattr(first, name), name
    assert together.batch_size == 16 and isinstance(together, Detector)
    before = torch.get_num_threads(), cv2.getNumThreads()
    together.predict(pictures(3))
    assert (torch.get_num_threads(), cv2.getNumThreads()) == before


@pytest.mark.parametrize(("cores", "settings", "copies"), [(4, {}, True), (1, {}, False), (4, {"batch": 2}, False)])
def test_it_is_taken_where_it_helps(
    firing_weights: Path, monkeypatch: pytest.MonkeyPatch, cores: int, settings: dict[str, object], copies: bool
) -> None:
    monkeypatch.setattr(side_by_side, "usable_cores", lambda: cores)
    for backend in ("torch", "auto"):
        found = open_detector(config(firing_weights, backend=backend, **settings))
        assert type(found) is (SideBySideDetector if copies else UltralyticsDetector)


@pytest.mark.parametrize(
    ("cores", "fit", "copies", "threads"),
    [(2, 9, 2, 1), (8, 9, 8, 1), (12, 9, 6, 2), (64, 9, 8, 8), (8, 5, 4, 2), (8, 8, 8, 1), (3, 2, 1, 3), (4, 0, 1, 4)],
)
def test_copies_share_the_cores_and_are_few_where_they_are_large(
    firing_weights: Path, monkeypatch: pytest.MonkeyPatch, cores: int, fit: int, copies: int, threads: int
) -> None:
    first = UltralyticsDetector(config(firing_weights))
    opened: list[DetectorConfig] = []
    monkeypatch.setattr(side_by_side, "UltralyticsDetector", lambda asked: opened.append(asked) or first)
    size = sum(each.numel() * each.element_size() for each in first.module.state_dict().values())
    monkeypatch.setattr(side_by_side, "_MOST_BYTES", size * fit)
    seen: list[int] = []
    first.module.model[0].register_forward_pre_hook(lambda *_: seen.append(torch.get_num_threads()))
    SideBySideDetector(first, config(firing_weights), cores=cores).predict(pictures(1))
    assert (len(opened) + 1, set(seen)) == (copies, {threads})


def test_weights_that_change_while_they_are_opened_are_refused(tmp_path: Path) -> None:
    weights = write_firing_checkpoint(tmp_path / "w.pt")
    first = UltralyticsDetector(config(weights))
    write_firing_checkpoint(weights, seed=1)
    with pytest.raises(WeightsError, match=r"w\.pt has changed while it was opened; start again"):
        SideBySideDetector(first, config(weights), cores=2)


def test_one_image_that_fails_fails_alone(firing_weights: Path) -> None:
    first = UltralyticsDetector(config(firing_weights))
    images = pictures(5)
    (bad,) = [index for index, image in enumerate(images) if image.shape[:2] == (40, 160)]
    failing = False

    def fail(_: object, given: tuple[torch.Tensor, ...]) -> None:
        if failing and tuple(given[0].shape[2:]) == (32, 96):  # of that image alone, letterboxed
            raise BoxError("expected numbers, found none")

    first.module.model[0].register_forward_pre_hook(fail)
    together = SideBySideDetector(first, config(firing_weights), cores=1)
    before = together.predict(images)
    failing = True
    with pytest.raises(BoxError, match="expected numbers, found none"):
        together.predict(images)
    found = predict_each(together, images)
    assert [index for index, each in enumerate(found) if isinstance(each, BoxError)] == [bad]
    assert all(same(one, other) for one, other in zip(before, found, strict=True) if isinstance(other, Detections))
    failing = False
    assert all(map(same, before, together.predict(images)))
