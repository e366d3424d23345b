"""The detector that works on its device alone, on the device `cpu`, against Ultralytics' own path."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from firing import pictures, write_firing_checkpoint

from negmine.boxes import box_iou
from negmine.detectors.base import Detector, opening_notes
from negmine.detectors.batches import predict_each
from negmine.detectors.config import DetectorConfig
from negmine.detectors.ultralytics.detector import UltralyticsDetector
from negmine.detectors.ultralytics.gpu import OnDeviceDetector
from negmine.detectors.ultralytics.gpu_parity import open_on_device
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.errors import BoxError, DetectorError
from negmine.structures import Detections, Image

# at imgsz 96: the same size, larger and smaller ones, flat, tall, tiny, a line; several share a picture's size
SIZES_HW = [(96, 96), (60, 96), (64, 96), (96, 64), (200, 130), (40, 160), (300, 200), (33, 31), (5, 7), (120, 250),
            (96, 60), (500, 500), (2, 90), (1, 1)]  # fmt: skip


def drawn(size_hw: tuple[int, int], seed: int) -> Image:
    """Coarse noise, smoothed: a resize has no edges to fall on either side of."""
    noise = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    picture: Image = cv2.resize(noise, size_hw[::-1], interpolation=cv2.INTER_CUBIC)
    return picture


IMAGES = [drawn(size_hw, seed) for seed, size_hw in enumerate(SIZES_HW)]
LARGE = [image for image in IMAGES if min(image.shape[:2]) > 30]  # where a digit of a box says little of its overlap


@pytest.fixture(
    scope="module",
    params=["yolo11n", *(pytest.param(name, marks=pytest.mark.slow) for name in ("yolov8n", "yolov10n", "yolo26n"))],
)
def weights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two families with suppression, and two with the head that needs none."""
    return write_firing_checkpoint(
        tmp_path_factory.mktemp("firing") / f"{request.param}.pt",
        architecture=request.param,
        without_suppression=request.param in ("yolov10n", "yolo26n"),
    )


def opened(weights: Path, *, half: bool = False, **settings: object) -> tuple[UltralyticsDetector, OnDeviceDetector]:
    config = DetectorConfig(str(weights), **{"conf": 0.05, "device": "cpu", "batch": 4} | settings)  # type: ignore[arg-type]
    original = UltralyticsDetector(config)
    return original, OnDeviceDetector(original, config, half=half)


def same(one: Detections, other: Detections) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("boxes_xyxy", "scores", "class_ids")
    )


def found_again(theirs: Detections, ours: Detections, iou: float = 0.99, score: float = 0.01) -> int:
    partners = (
        (theirs.class_ids[:, None] == ours.class_ids[None])
        & (np.abs(theirs.scores[:, None] - ours.scores[None]) <= score)
        & (box_iou(theirs.boxes_xyxy, ours.boxes_xyxy) >= iou)
    )
    return int(partners.any(axis=1).sum())


def close(one: Detections, other: Detections) -> bool:
    """The same up to the last digits; one in fifty may have fallen otherwise."""
    again = found_again(one, other, iou=0.999, score=1e-4)
    return abs(len(one) - len(other)) <= 0.02 * len(one) and again >= 0.98 * len(one)


def test_no_images_give_no_results(weights: Path) -> None:
    assert opened(weights)[1].predict([]) == []


def found_in(detector: Detector, images: list[Image]) -> list[Detections]:
    """A head that needs no suppression and has learnt nothing gives boxes inside out for some images: none there."""
    found = predict_each(detector, images)
    return [Detections.empty() if isinstance(each, BoxError) else each for each in found]


@pytest.mark.slow_after(1)
@pytest.mark.parametrize("settings", [{}, {"imgsz": 150}, {"iou": 0.3, "conf": 0.2}, {"classes": ("3", "5", "7")}])
def test_it_finds_what_ultralytics_finds_in_images_of_all_sizes(weights: Path, settings: dict[str, object]) -> None:
    original, ours = opened(weights, **settings)
    theirs, found = found_in(original, IMAGES), found_in(ours, IMAGES)
    total, again = sum(map(len, theirs)), sum(map(found_again, theirs, found))
    # sums in another order have other last digits, and among hundreds of boxes the suppression has its close calls
    assert total > 10 and again >= 0.95 * total and sum(map(len, found)) <= 1.05 * total
    assert {number for each in found for number in each.class_ids.tolist()} <= set(original.class_ids or range(80))


def test_of_images_that_are_no_lines_it_finds_every_digit_but_the_last(weights: Path) -> None:
    original, ours = opened(weights, conf=0.1)
    theirs = found_in(original, LARGE)
    assert sum(map(len, theirs)) > 10 and all(map(close, theirs, found_in(ours, LARGE)))


def test_what_runs_beside_an_image_does_not_change_it(weights: Path) -> None:
    ours = opened(weights)[1]
    alone = [ours.predict([image])[0] for image in LARGE]
    assert sum(map(len, alone)) > 10
    for seed in range(3):
        order = random.Random(seed).sample(range(len(LARGE)), len(LARGE))
        for index, found in zip(order, ours.predict([LARGE[index] for index in order]), strict=True):
            # a processor's products of matrices, in the attention of most families, depend on where in memory they lie
            exact = weights.stem == "yolov8n"
            assert same(alone[index], found) if exact else close(alone[index], found)


@pytest.mark.slow_after(1)
@pytest.mark.parametrize("batch", [1, 3, 64])
def test_any_batch_finds_the_same(weights: Path, batch: int) -> None:
    detector = opened(weights, batch=batch)[1]
    assert (detector.at_once, detector.batch_size) == (batch, 2 * batch)
    assert all(map(close, opened(weights)[1].predict(LARGE), detector.predict(LARGE)))


def test_it_says_what_it_is(firing_weights: Path) -> None:
    original, ours = opened(firing_weights, batch=None)
    assert ours.identity == original.identity and ours.class_names == original.class_names
    assert (ours.at_once, ours.batch_size, ours.trained_imgsz, ours.notes) == (1, 2, 96, ())
    half = opened(firing_weights, half=True)[1]
    assert half.identity.settings == {**original.identity.settings, "backend": "torch half"}


def test_the_original_is_left_as_it_is(firing_weights: Path) -> None:
    untouched = UltralyticsDetector(DetectorConfig(str(firing_weights), conf=0.05, device="cpu"))
    original, half = opened(firing_weights, half=True)
    half.predict(IMAGES[:3])
    assert all(map(same, untouched.predict(IMAGES), original.predict(IMAGES)))


def test_in_half_precision_it_finds_the_same_things(weights: Path) -> None:
    original, half = opened(weights, half=True, conf=0.1)
    theirs, found = found_in(original, LARGE[:5]), found_in(half, LARGE[:5])
    total, again = sum(map(len, theirs)), sum(found_again(*each, 0.9, 0.03) for each in zip(theirs, found, strict=True))
    assert total > 10 and again >= 0.9 * total
    assert not all(map(same, theirs, found)), "it is no half precision"


def test_half_precision_tells_corners_far_to_the_right_more_exactly_than_half_a_pixel(firing_weights: Path) -> None:
    _, half = opened(firing_weights, half=True, imgsz=640, batch=1, conf=0.001)
    corners = half.predict([drawn((64, 640), 3)])[0].boxes_xyxy[:, 2]
    corners = corners[(corners > 520) & (corners < 630)]
    assert len(corners) > 3 and (np.abs(corners * 2 - np.round(corners * 2)) > 0.01).any()


def limit_memory(original: UltralyticsDetector, most: int, runs: list[int]) -> None:
    """Have the model itself run out of memory on more than so many pictures."""

    def check(_: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        runs.append(len(given[0]))
        if len(given[0]) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    original.module.model[0].register_forward_pre_hook(check)


def limited(weights: Path, most: int, *, batch: int) -> tuple[OnDeviceDetector, list[int]]:
    config = DetectorConfig(str(weights), conf=0.05, device="cpu", batch=batch)
    original, runs = UltralyticsDetector(config), list[int]()
    limit_memory(original, most, runs)
    return OnDeviceDetector(original, config, half=False), runs


def test_out_of_memory_it_goes_on_with_half_as_many_at_once(firing_weights: Path) -> None:
    images = IMAGES[:2] + [IMAGES[0]] * 9
    detector, runs = limited(firing_weights, 2, batch=8)
    found = detector.predict(images)
    assert all(map(same, opened(firing_weights, batch=2)[1].predict(images), found))
    assert runs[:3] == [8, 4, 2] and set(runs[3:]) == {2}
    assert (detector.at_once, detector.batch_size) == (2, 4)
    assert detector.notes == (
        "cpu ran out of memory: firing.pt runs on 4 images at once from then on",
        "cpu ran out of memory: firing.pt runs on 2 images at once from then on",
    )
    runs.clear()
    detector.predict(images)
    assert set(runs) == {2}, "what was learnt is kept"


def test_what_was_found_before_the_memory_ran_out_is_not_looked_for_again(firing_weights: Path) -> None:
    config = DetectorConfig(str(firing_weights), conf=0.05, device="cpu", batch=4)
    original, runs = UltralyticsDetector(config), list[int]()

    def check(_: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        runs.append(len(given[0]))
        if len(runs) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory")

    original.module.model[0].register_forward_pre_hook(check)
    found = OnDeviceDetector(original, config, half=False).predict([IMAGES[0]] * 8)
    assert runs == [4, 4, 2, 2] and len(found) == 8


def test_without_memory_for_a_single_image_it_says_so(firing_weights: Path) -> None:
    detector, _ = limited(firing_weights, 0, batch=2)
    with pytest.raises(
        DetectorError, match=r"memory on cpu to run firing\.pt on one image at imgsz 96, found too little"
    ):
        detector.predict(IMAGES[:1])


def test_what_is_not_finite_is_told_and_takes_no_other_image_along(firing_weights: Path) -> None:
    config = DetectorConfig(str(firing_weights), conf=0.05, device="cpu", batch=4)
    original = UltralyticsDetector(config)

    def spoil(_: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        black = (given[0] == 0).flatten(1).all(dim=1)
        return (torch.where(black[:, None, None, None], torch.inf, given[0]),)

    original.module.model[0].register_forward_pre_hook(spoil)
    detector = OnDeviceDetector(original, config, half=False)
    black = np.zeros((96, 96, 3), dtype=np.uint8)
    with pytest.raises(BoxError, match=r"firing\.pt gave boxes or scores that are not finite"):
        detector.predict([IMAGES[0], black])
    first, second, third = predict_each(detector, [IMAGES[0], black, IMAGES[1]])
    assert isinstance(first, Detections) and isinstance(second, BoxError) and isinstance(third, Detections)


def samples(most: int) -> Iterator[Image]:
    assert most == 16
    return iter(pictures(5))


@pytest.mark.parametrize("half", [False, True])
def test_it_is_used_where_it_finds_the_same(firing_weights: Path, half: bool) -> None:
    config = DetectorConfig(str(firing_weights), conf=0.3, device="cpu", batch=2)
    detector = open_on_device(UltralyticsDetector(config), config, samples, half=half)
    assert isinstance(detector, OnDeviceDetector) and detector.at_once == 2
    notes = opening_notes(detector)
    if half:
        assert len(notes) == 1 and notes[0].startswith("firing.pt runs in half precision: on 5 images it finds ")
    else:
        assert notes == ()
    assert sum(map(len, detector.predict(pictures(5)))) > 10


@pytest.mark.parametrize("half", [False, True])
def test_where_nothing_can_be_compared_it_is_used(firing_weights: Path, half: bool) -> None:
    config = DetectorConfig(str(firing_weights), device="cpu")
    detector = open_on_device(UltralyticsDetector(config), config, lambda _: iter(()), half=half)
    assert isinstance(detector, OnDeviceDetector)


def test_where_half_precision_overflows_full_precision_is_used_loudly(tmp_path: Path) -> None:
    weights = write_firing_checkpoint(tmp_path / "loud.pt")
    with quiet_ultralytics():
        checkpoint = torch.load(weights, weights_only=False)
        model = checkpoint["model"].float()
        first, second = model.model[0].bn, model.model[1].bn
        with torch.no_grad():  # what the first layer gives is 30,000 times as much, and the second expects it
            first.weight *= 3e4
            first.bias *= 3e4
            second.running_mean *= 3e4
            second.running_var *= 9e8
        torch.save(checkpoint, weights)
    config = DetectorConfig(str(weights), conf=0.05, device="cpu")
    original = UltralyticsDetector(config)
    assert open_on_device(original, config, samples, half=True) is original
    (note,) = original.notes
    assert note.startswith("warning: loud.pt does not find the same in half precision as in full precision")
    assert "it fails with BoxError: loud.pt gave boxes or scores that are not finite" in note
    assert sum(map(len, original.predict(pictures(5)))) > 0
    assert isinstance(open_on_device(original, config, samples, half=False), OnDeviceDetector)


@pytest.mark.parametrize(("most", "batch"), [(1, 1), (2, 2)])
def test_memory_that_runs_out_while_comparing_is_told_before_the_first_image(
    firing_weights: Path, most: int, batch: int
) -> None:
    """Every convolution of this process has memory for so many pictures."""

    def check(module: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        if isinstance(module, torch.nn.Conv2d) and len(given[0]) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")

    config = DetectorConfig(str(firing_weights), device="cpu", batch=4)
    original = UltralyticsDetector(config)
    hook = torch.nn.modules.module.register_module_forward_pre_hook(check)
    try:
        detector = open_on_device(original, config, lambda _: iter(pictures(1)), half=False)
    finally:
        hook.remove()
    assert isinstance(detector, OnDeviceDetector) and detector.at_once == batch
    assert f"firing.pt runs on {batch} images at once from then on" in opening_notes(detector)[-1]
