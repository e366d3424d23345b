"""Every operation against a slow twin in NumPy, or a value worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import negmine
from negmine.augmenting.config import OP_NAMES
from negmine.augmenting.draws import OPS
from negmine.augmenting.imgaug_import import imgaug_augmenters
from negmine.augmenting.operations import (
    OPERATIONS,
    average_blur,
    gaussian_blur,
    linear_contrast,
    median_blur,
    sharpen,
)
from negmine.errors import ConfigError
from negmine.structures import Image

RNG = np.random.default_rng(0)
NOISE: Image = RNG.integers(0, 256, size=(24, 31, 3), dtype=np.uint8)
EXAMPLES = {
    "gaussian_blur": {"sigma": 1.3},
    "sharpen": {"alpha": 0.4, "lightness": 0.8},
    "linear_contrast": {"alpha": 1.2},
    "average_blur": {"kernel": 3},
    "median_blur": {"kernel": 3},
}


def windows(image: Image, size: int) -> np.ndarray:
    """[H, W, 3, size, size]: what is around each pixel, the border mirrored without repeating its last row."""
    padded = np.pad(image.astype(float), ((size // 2,) * 2, (size // 2,) * 2, (0, 0)), mode="reflect")
    return sliding_window_view(padded, (size, size), axis=(0, 1))


def inner(image: np.ndarray) -> np.ndarray:
    """Without the borders, where libraries differ."""
    return image[4:-4, 4:-4].astype(float)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_gaussian_blur_is_a_weighted_mean(sigma: float) -> None:
    size = max(5, int(2 * round((2.6 if sigma >= 3 else 3.3) * sigma / 2) + 1))
    distance = np.arange(size) - size // 2
    weights = np.exp(-(distance**2) / (2 * sigma**2))
    kernel = np.outer(weights, weights) / weights.sum() ** 2
    expected = (windows(NOISE, size) * kernel).sum(axis=(-1, -2))
    assert np.abs(inner(gaussian_blur(NOISE, sigma=sigma)) - inner(expected)).max() <= 3  # kernel sizes differ a little


def test_sharpen_is_its_matrix() -> None:
    alpha, lightness = 0.4, 0.8
    kernel = np.full((3, 3), -alpha)
    kernel[1, 1] = (1 - alpha) + alpha * (8 + lightness)
    expected = (windows(NOISE, 3) * kernel).sum(axis=(-1, -2)).clip(0, 255)
    assert np.abs(inner(sharpen(NOISE, alpha=alpha, lightness=lightness)) - inner(expected)).max() <= 1


def test_sharpening_a_flat_image_scales_it_by_the_share_of_lightness() -> None:
    flat = np.full((9, 9, 3), 100, dtype=np.uint8)
    assert (sharpen(flat, alpha=0.5, lightness=0.5) == 75).all()  # 100 x (0.5 + 0.5 x 0.5)


def test_contrast_turns_about_the_middle() -> None:
    image = np.array([[[0, 127, 227]]], dtype=np.uint8)
    assert linear_contrast(image, alpha=1.25).tolist() == [[[0, 127, 252]]]  # 127 - 158 < 0; 127 + 1.25 x 100 = 252
    assert linear_contrast(image, alpha=0.75).tolist() == [[[31, 127, 202]]]


@pytest.mark.parametrize("kernel", [3, 5])
def test_average_and_median(kernel: int) -> None:
    around = windows(NOISE, kernel)
    assert np.abs(inner(average_blur(NOISE, kernel=kernel)) - inner(around.mean(axis=(-1, -2)))).max() <= 0.5 + 1e-6
    assert (inner(median_blur(NOISE, kernel=kernel)) == inner(np.median(around, axis=(-1, -2)))).all()


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [("gaussian_blur", {"sigma": 0.0}), ("sharpen", {"alpha": 0.0}), ("linear_contrast", {"alpha": 1.0})],
)
def test_some_parameters_change_nothing(operation: str, parameters: dict[str, float]) -> None:
    result = OPERATIONS[operation](NOISE, **parameters)
    assert (result == NOISE).all() and not np.shares_memory(result, NOISE)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_is_public_pure_and_keeps_shape_and_type(operation: str) -> None:
    function: Callable[..., Image] = getattr(negmine, operation)
    before = NOISE.copy()
    results = [function(NOISE, **EXAMPLES[operation]) for _ in range(2)]
    assert (NOISE == before).all() and not (results[0] == before).all()
    assert (results[0] == results[1]).all()
    assert results[0].shape == NOISE.shape and results[0].dtype == np.uint8
    for size in ((1, 1), (1, 40), (40, 1), (2, 3)):  # smaller than any kernel
        tiny = np.ascontiguousarray(np.resize(NOISE, (*size, 3)))
        assert function(tiny, **EXAMPLES[operation]).shape == tiny.shape
    cropped = NOISE[3:15, 2:20]  # not contiguous, as a crop in a notebook is
    assert (function(cropped, **EXAMPLES[operation]) == function(cropped.copy(), **EXAMPLES[operation])).all()


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("gaussian_blur", {"sigma": -0.1}),
        ("gaussian_blur", {"sigma": 2.1}),
        ("gaussian_blur", {"sigma": float("nan")}),
        ("sharpen", {"alpha": 0.6}),
        ("sharpen", {"alpha": 0.1, "lightness": 2.0}),
        ("linear_contrast", {"alpha": 2.0}),
        ("average_blur", {"kernel": 1}),
        ("median_blur", {"kernel": 4}),
    ],
)
def test_parameters_out_of_range_are_refused(operation: str, parameters: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        OPERATIONS[operation](NOISE, **parameters)


@pytest.mark.parametrize("image", [NOISE[..., 0], NOISE.astype(float), NOISE[:0], NOISE[..., :2]])
def test_what_is_no_image_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ConfigError, match=r"\[H, W, 3\] of uint8"):
        gaussian_blur(image, sigma=1.0)


def test_the_names_of_the_command_line_are_those_of_the_draws() -> None:
    assert {*OPS, "paste"} == {*OP_NAMES}


@pytest.mark.parametrize(
    ("operation", "augmenter", "parameters"),
    [
        ("gaussian_blur", "GaussianBlur", {"sigma": 0.9}),
        ("linear_contrast", "LinearContrast", {"alpha": 0.8}),
        ("sharpen", "Sharpen", {"alpha": 0.37, "lightness": 0.61}),
    ],
)
def test_shortcuts_give_what_the_augmenters_of_imgaug_give(
    operation: str, augmenter: str, parameters: dict[str, float]
) -> None:
    expected = getattr(imgaug_augmenters(), augmenter)(**parameters)(image=NOISE)
    assert (OPERATIONS[operation](NOISE, **parameters) == expected).all()
