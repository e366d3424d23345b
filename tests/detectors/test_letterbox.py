"""The letterbox against Ultralytics' own, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from negmine.boxes import clip_boxes
from negmine.detectors.letterbox import Letterbox, letterbox, scale_boxes, whole_strides
from negmine.detectors.ultralytics.quiet import import_ultralytics

import_ultralytics()

from ultralytics.data.augment import LetterBox  # noqa: E402
from ultralytics.utils.checks import check_imgsz  # noqa: E402
from ultralytics.utils.ops import scale_boxes as ultralytics_scale_boxes  # noqa: E402

SIZES_HW = [
    (480, 640), (1080, 1920), (720, 1280), (427, 640), (640, 427), (333, 500), (31, 33), (1, 1), (1, 700), (3000, 2),
    (640, 640), (320, 640), (1280, 1280), (97, 1203), (1999, 1501), (64, 20), (639, 641),
]  # fmt: skip


def smooth(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Waves of all colours: nothing that a resize would have to guess."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    phases = rng.uniform(0, 6, 3)
    waves = [np.sin(x / (7 + 5 * k) + phases[k]) + np.cos(y / (9 + 4 * k)) for k in range(3)]
    return (np.stack(waves, axis=-1) * 60 + 127).round().astype(np.uint8)


@pytest.mark.parametrize(("imgsz", "stride"), [(640, 32), (320, 32), (96, 32), (640, 64)])
@pytest.mark.parametrize("size_hw", SIZES_HW)
def test_every_pixel_is_as_ultralytics_draws_it(size_hw: tuple[int, int], imgsz: int, stride: int) -> None:
    rng = np.random.default_rng(1)
    for image in (smooth(*size_hw), rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8)):
        theirs = LetterBox([imgsz, imgsz], auto=True, stride=stride)
        expected = theirs(image=image)
        place = Letterbox.smallest(image.shape, imgsz, stride)
        assert place.input_hw == expected.shape[:2]
        assert np.array_equal(place.draw(image), expected)
        if stride == 32:
            assert np.array_equal(letterbox(image, imgsz), expected)


@pytest.mark.parametrize("size_hw", SIZES_HW)
def test_in_an_input_of_a_given_size_every_pixel_is_as_ultralytics_draws_it(size_hw: tuple[int, int]) -> None:
    image = smooth(*size_hw)
    for input_hw in ((64, 96), (320, 320), (640, 480)):
        expected = LetterBox(input_hw, auto=False)(image=image)
        assert np.array_equal(Letterbox.into(image.shape, input_hw).draw(image), expected)


def test_an_image_of_the_right_size_is_not_touched() -> None:
    image = np.random.default_rng(2).integers(0, 256, (320, 640, 3), dtype=np.uint8)
    assert np.array_equal(letterbox(image, 640), image)


def test_what_the_image_does_not_cover_is_grey() -> None:
    place = Letterbox.smallest((360, 640), 640)
    assert (place.resized_hw, place.top, place.left, place.input_hw) == ((360, 640), 12, 0, (384, 640))
    padded = place.draw(smooth(360, 640))
    assert (padded[:12] == 114).all() and (padded[372:] == 114).all() and not (padded[12] == 114).all()


@pytest.mark.parametrize("imgsz", [640, 320, 96])
@pytest.mark.parametrize("size_hw", [*SIZES_HW, (416, 639), (1081, 1923), (770, 1031)])
def test_boxes_are_moved_back_as_ultralytics_does_to_the_last_digit(size_hw: tuple[int, int], imgsz: int) -> None:
    input_hw = Letterbox.smallest(size_hw, imgsz).input_hw
    boxes = np.random.default_rng(3).uniform(-20, imgsz + 20, (50, 4)).astype(np.float32)
    expected = ultralytics_scale_boxes(input_hw, torch.from_numpy(boxes.copy()), size_hw).numpy()
    ours = scale_boxes(boxes, input_hw, (*size_hw, 3))
    assert ours.dtype == np.float32 and np.array_equal(clip_boxes(ours, size_hw[::-1]), expected)


def test_an_input_size_is_made_whole_strides_as_ultralytics_does() -> None:
    for imgsz in (32, 33, 63, 64, 150, 639, 640, 641):
        assert whole_strides(imgsz) == check_imgsz(imgsz, stride=32)
