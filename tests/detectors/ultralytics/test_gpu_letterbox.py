"""The letterbox, in memory and on a device, against Ultralytics' own, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from negmine.detectors import letterbox as placement
from negmine.detectors.letterbox import Placement, on_image, whole_strides
from negmine.detectors.ultralytics.gpu_letterbox import letterboxed, model_input
from negmine.detectors.ultralytics.quiet import import_ultralytics

import_ultralytics()

from ultralytics.data.augment import LetterBox  # noqa: E402
from ultralytics.utils.checks import check_imgsz  # noqa: E402
from ultralytics.utils.ops import scale_boxes  # noqa: E402

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


def stacks(*images: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(image)[None] for image in images]


@pytest.mark.parametrize(("imgsz", "stride"), [(640, 32), (320, 32), (96, 32), (640, 64)])
@pytest.mark.parametrize("size_hw", SIZES_HW)
def test_every_pixel_is_as_ultralytics_draws_it(size_hw: tuple[int, int], imgsz: int, stride: int) -> None:
    rng = np.random.default_rng(1)
    for image in (smooth(*size_hw), rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8)):
        theirs = LetterBox([imgsz, imgsz], auto=True, stride=stride)
        place = Placement.of(image.shape, imgsz, stride)
        ours = letterboxed(stacks(image), [place], 1)[0].numpy()
        expected = theirs(image=image)
        assert ours.shape == expected.shape and place.picture_hw == expected.shape[:2]
        difference = np.abs(ours.astype(int) - expected.astype(int))
        # all are the same on x86; other processors have other instructions, and an OpenCV of other instructions
        assert difference.max() <= 1 and difference.mean() < 0.001
        if stride == 32:
            assert np.array_equal(placement.letterboxed(image, imgsz), expected)


def test_an_image_of_the_right_size_is_not_touched() -> None:
    image = np.random.default_rng(2).integers(0, 256, (320, 640, 3), dtype=np.uint8)
    (picture,) = letterboxed(stacks(image), [Placement.of(image.shape, 640)], 1)
    assert np.array_equal(picture.numpy(), image)


def test_images_of_other_sizes_share_pictures_of_one_and_what_is_left_is_grey() -> None:
    images = [smooth(360, 640, 1), smooth(720, 1280, 2), smooth(368, 640, 3)]
    places = [Placement.of(image.shape, 640) for image in images]
    pictures = letterboxed(stacks(*images), places, 5)
    assert pictures.shape == (5, 384, 640, 3) and pictures.dtype == torch.uint8
    for image, place, picture in zip(images, places, pictures, strict=False):
        (alone,) = letterboxed(stacks(image), [place], 1)
        assert torch.equal(picture, alone)
    assert (pictures[3:] == 114).all() and (pictures[0, :12] == 114).all() and not (pictures[0, 12] == 114).all()


def test_images_of_one_size_are_drawn_together_as_each_alone() -> None:
    images = [smooth(50, 70, seed) for seed in range(3)]
    letterbox = LetterBox([96, 96], auto=True, stride=32)
    place = Placement.of(images[0].shape, 96)
    together = letterboxed([torch.from_numpy(np.stack(images))], [place], 3)
    assert np.array_equal(together.numpy(), np.stack([letterbox(image=image) for image in images]))


def test_the_model_is_given_red_first_from_0_to_1() -> None:
    picture = torch.tensor([[[[0, 51, 255]]]], dtype=torch.uint8)  # blue, green, red
    given = model_input(picture.expand(2, 4, 6, 3), torch.float32)
    assert given.shape == (2, 3, 4, 6) and given.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(given[1, :, 3, 5], torch.tensor([1.0, 0.2, 0.0]))
    assert model_input(picture, torch.float16).dtype == torch.float16


@pytest.mark.parametrize("imgsz", [640, 320, 96])
@pytest.mark.parametrize("size_hw", [*SIZES_HW, (416, 639), (1081, 1923), (770, 1031)])
def test_boxes_are_moved_back_as_ultralytics_does_to_the_last_digit(size_hw: tuple[int, int], imgsz: int) -> None:
    picture_hw = Placement.of(size_hw, imgsz).picture_hw
    boxes = np.random.default_rng(3).uniform(-20, imgsz + 20, (50, 4)).astype(np.float32)
    expected = scale_boxes(picture_hw, torch.from_numpy(boxes.copy()), size_hw).numpy()
    assert np.array_equal(on_image(boxes, picture_hw, (*size_hw, 3)), expected)


def test_an_input_size_is_made_whole_strides_as_ultralytics_does() -> None:
    for imgsz in (32, 33, 63, 64, 150, 639, 640, 641):
        assert whole_strides(imgsz) == check_imgsz(imgsz, stride=32)
