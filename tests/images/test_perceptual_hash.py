"""The hash of what an image shows: near for what looks alike, whatever the size; far for what does not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from negmine.images import decode_image, encode_jpeg, perceptual_hash
from negmine.structures import Image


def _picture(seed: int, size_wh: tuple[int, int] = (300, 200)) -> Image:
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, size_wh, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _distance(first: Image, second: Image) -> int:
    return (perceptual_hash(first) ^ perceptual_hash(second)).bit_count()


@pytest.mark.parametrize("size_wh", [(60, 40), (256, 256), (257, 30), (900, 600), (2400, 1600)])
@pytest.mark.parametrize("seed", range(5))
def test_another_size_of_the_same_picture_is_near(seed: int, size_wh: tuple[int, int]) -> None:
    assert _distance(_picture(seed), _picture(seed, size_wh)) <= 4


@pytest.mark.parametrize("seed", range(5))
def test_encoding_and_brightness_move_few_bits_and_another_picture_many(seed: int) -> None:
    picture = _picture(seed)
    assert _distance(picture, decode_image(encode_jpeg(picture, quality=50))) <= 4
    assert _distance(picture, (picture * 0.8).astype(np.uint8)) <= 4
    assert _distance(picture, _picture(seed + 100)) > 12
    assert _distance(picture, picture[:, ::-1].copy()) > 12


def test_half_of_the_bits_are_set_but_for_what_shows_nothing() -> None:
    assert all(perceptual_hash(_picture(seed)).bit_count() == 32 for seed in range(5))
    for value in (0, 114, 255):
        assert perceptual_hash(np.full((50, 70, 3), value, dtype=np.uint8)).bit_count() <= 1


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1000, 3), (1000, 1, 3)])
def test_any_size_has_a_hash(shape: tuple[int, int, int]) -> None:
    assert 0 <= perceptual_hash(np.full(shape, 90, dtype=np.uint8)) < 1 << 64
