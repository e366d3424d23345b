"""Copies of a checkpoint, a core each, against one alone."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from detector_members import missing_members
from firing import pictures
from killing import until

from negmine.detectors.batches import predict_each
from negmine.detectors.config import DetectorConfig
from negmine.detectors.open import open_detector
from negmine.detectors.ultralytics import cpu_copies
from negmine.detectors.ultralytics.cpu_copies import CpuCopiesDetector
from negmine.detectors.ultralytics.detector import UltralyticsDetector
from negmine.detectors.ultralytics.quiet import keep_threads
from negmine.errors import BoxError
from negmine.structures import Detections, Image


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


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("cores", [1, 2, 5])
def test_it_finds_what_one_copy_finds_on_one_core_to_the_last_digit(firing_weights: Path, cores: int) -> None:
    alone = UltralyticsDetector(config(firing_weights))
    images = pictures(7)
    expected = [alone.predict([image])[0] for image in images]
    together = CpuCopiesDetector(UltralyticsDetector(config(firing_weights)), cores)
    assert sum(map(len, expected)) > 10
    assert all(map(same, expected, together.predict(images)))
    assert all(map(same, expected * 3, together.predict(images * 3)))
    assert all(map(same, expected[::-1], [together.predict([image])[0] for image in images[::-1]]))
    assert together.predict([]) == []


@pytest.mark.slow
def test_it_says_what_one_copy_says_and_gives_threads_back(firing_weights: Path) -> None:
    first = UltralyticsDetector(config(firing_weights))
    first.note("a note")
    together = CpuCopiesDetector(first, 3)
    for name in ("identity", "class_names", "device", "trained_imgsz", "notes"):
        assert getattr(together, name) == getattr(first, name), name
    assert together.batch_size == 16 and missing_members(together) == []
    before = torch.get_num_threads(), cv2.getNumThreads()
    together.predict(pictures(3))
    assert (torch.get_num_threads(), cv2.getNumThreads()) == before


@pytest.mark.parametrize(("cores", "settings", "copies"), [(4, {}, True), (1, {}, False), (4, {"batch": 2}, False)])
def test_it_is_taken_where_it_helps(
    firing_weights: Path, monkeypatch: pytest.MonkeyPatch, cores: int, settings: dict[str, object], copies: bool
) -> None:
    monkeypatch.setattr(cpu_copies, "usable_cores", lambda: cores)
    with keep_threads():
        torch.set_num_threads(4)
        for backend in ("torch", "auto"):
            found = open_detector(config(firing_weights, backend=backend, **settings))
            assert type(found) is (CpuCopiesDetector if copies else UltralyticsDetector)


def test_the_users_own_limit_of_threads_holds(firing_weights: Path, one_thread: None) -> None:
    assert type(open_detector(config(firing_weights, backend="torch"))) is UltralyticsDetector


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cores", "fit", "imgsz", "copies", "threads"),
    [
        (2, 9, 96, 2, 1),
        (8, 9, 96, 8, 1),
        (12, 9, 96, 6, 2),
        (64, 9, 96, 8, 8),
        (8, 5, 96, 4, 2),
        (8, 8, 96, 8, 1),
        (3, 2, 96, 1, 3),
        (4, 0, 96, 1, 4),
        (8, 9, 1280, 2, 4),
        (8, 9, 1920, 1, 8),
    ],
)
def test_copies_share_the_cores_and_are_few_where_they_are_large(
    firing_weights: Path, monkeypatch: pytest.MonkeyPatch, cores: int, fit: int, imgsz: int, copies: int, threads: int
) -> None:
    first = UltralyticsDetector(config(firing_weights, imgsz=imgsz))
    size = sum(each.numel() * each.element_size() for each in first.module.state_dict().values())
    monkeypatch.setattr(cpu_copies, "_MOST_BYTES", size * fit)
    seen: set[tuple[int, int]] = set()
    expected = 1

    def predict(self: UltralyticsDetector, _: list[Image]) -> list[Detections]:
        seen.add((id(self), torch.get_num_threads()))
        until(lambda: len(seen) >= expected)  # so that no copy does it all
        return [Detections.empty()]

    together = CpuCopiesDetector(first, cores)
    monkeypatch.setattr(UltralyticsDetector, "predict", predict)
    together.predict(pictures(1))
    assert len(seen) == 1, "one image needs one copy"
    expected = copies
    together.predict(pictures(16))
    assert len(seen) == copies and {each for _, each in seen} == {threads}


def test_one_image_that_fails_fails_alone(firing_weights: Path) -> None:
    images = pictures(5)
    (bad,) = [index for index, image in enumerate(images) if image.shape[:2] == (40, 160)]
    together = CpuCopiesDetector(UltralyticsDetector(config(firing_weights)), 2)
    before = together.predict(images)
    failing = False

    def fail(_: object, given: tuple[torch.Tensor, ...]) -> None:
        if failing and tuple(given[0].shape[2:]) == (32, 96):  # of that image alone, letterboxed
            raise BoxError("expected numbers, found none")

    for each in together._copies:
        each.module.model[0].register_forward_pre_hook(fail)
    failing = True
    with pytest.raises(BoxError, match="expected numbers, found none"):
        together.predict(images)
    found = predict_each(together, images)
    assert [index for index, each in enumerate(found) if isinstance(each, BoxError)] == [bad]
    assert all(same(one, other) for one, other in zip(before, found, strict=True) if isinstance(other, Detections))
    failing = False
    assert all(map(same, before, together.predict(images)))


def test_once_an_image_fails_no_other_is_begun(firing_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = CpuCopiesDetector(UltralyticsDetector(config(firing_weights)), 2)
    begun: list[int] = []

    def predict(self: UltralyticsDetector, images: list[Image]) -> list[Detections]:
        begun.append(len(images))
        if len(begun) == 1:
            raise BoxError("expected numbers, found none")
        time.sleep(0.2)
        return [Detections.empty()]

    monkeypatch.setattr(UltralyticsDetector, "predict", predict)
    with pytest.raises(BoxError):
        together.predict(pictures(20))
    assert len(begun) <= 3


def test_it_can_be_given_up_in_the_middle_and_used_again(firing_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = CpuCopiesDetector(UltralyticsDetector(config(firing_weights)), 2)
    before = together.predict(pictures(4))
    begun: list[int] = []

    def predict(self: UltralyticsDetector, images: list[Image]) -> list[Detections]:
        begun.append(len(images))
        if len(begun) == 10:
            together.give_up()
        return [Detections.empty()]

    with monkeypatch.context() as patch:
        patch.setattr(UltralyticsDetector, "predict", predict)
        with pytest.raises(InterruptedError):
            together.predict(pictures(4) * 100)
    assert 10 <= len(begun) <= 11
    assert all(map(same, before, together.predict(pictures(4))))


INTERRUPTED = """
import os, signal, sys, threading, time
import numpy, torch
from negmine.detectors.config import DetectorConfig
from negmine.detectors.ultralytics import cpu_copies
from negmine.detectors.ultralytics.cpu_copies import CpuCopiesDetector
from negmine.detectors.ultralytics.detector import UltralyticsDetector
detector = CpuCopiesDetector(UltralyticsDetector(DetectorConfig(sys.argv[1], device="cpu")), 2)
images = [numpy.zeros((96, 96, 3), dtype=numpy.uint8)] * 4
before = torch.get_num_threads()
detector.predict(images)
threading.Timer(1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    detector.predict(images * 100000)
except KeyboardInterrupt:
    print(torch.get_num_threads() == before, len(detector.predict(images)))
"""


@pytest.mark.slow
def test_ctrl_c_ends_it_and_leaves_it_usable(firing_weights: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(firing_weights)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert done.stdout.split() == ["True", "4"]
