"""What a camera does: by its physics, in numbers that are worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from negmine.augmenting.camera import jpeg_compression, line_kernel, motion_blur, sensor_noise
from negmine.augmenting.linear_light import to_light
from negmine.errors import ConfigError
from negmine.structures import Image

NOISE: Image = np.random.default_rng(0).integers(0, 256, size=(24, 31, 3), dtype=np.uint8)


def flat(value: int, *, side: int = 120) -> Image:
    return np.full((side, side, 3), value, dtype=np.uint8)


def test_a_flat_picture_has_nothing_to_compress_and_a_lower_quality_loses_more() -> None:
    assert np.ptp(jpeg_compression(flat(90), jpeg_quality=10)) == 0
    lost = [np.abs(jpeg_compression(NOISE, jpeg_quality=q).astype(int) - NOISE).mean() for q in (10, 40, 80)]
    assert lost[0] > lost[1] > lost[2] > 0


@pytest.mark.parametrize(("photons", "read", "variance"), [(1000.0, 0.0, 0.0005), (4000.0, 0.01, 0.000225)])
def test_noise_has_the_variance_of_its_formula(photons: float, read: float, variance: float) -> None:
    """Of light 0.5: 0.5 / 1000, and 0.5 / 4000 + 0.01^2."""
    grey = flat(188)
    coloured = grey.copy()
    coloured[0, 0, 0] = 0  # so that channels get noise of their own
    for image in (grey, coloured):
        light = to_light(sensor_noise(image, photons=photons, read=read, noise_seed=1))[1:]
        assert light.var() == pytest.approx(variance, rel=0.1)
        assert light.mean() == pytest.approx(0.5, abs=0.01)


def test_a_picture_without_colour_gets_noise_without() -> None:
    noisy = sensor_noise(flat(100), photons=300.0, read=0.01, noise_seed=1)
    assert (noisy[..., 0] == noisy[..., 2]).all() and noisy.std() > 1
    assert (sensor_noise(NOISE, photons=300.0, read=0.0, noise_seed=1)[..., 0] != NOISE[..., 0]).any()


def test_other_seeds_are_other_noise_and_the_same_seed_is_the_same_for_ever() -> None:
    first, again, other = (sensor_noise(flat(100), photons=300.0, read=0.0, noise_seed=seed) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()
    assert first[0, :4, 0].tolist() == [112, 95, 96, 91]  # written down once


@pytest.mark.parametrize(
    ("angle", "x", "y"),
    [(0.0, slice(None), slice(5, 6)), (90.0, slice(5, 6), slice(None)), (180.0, slice(None), slice(5, 6))],
)
def test_a_line_lies_where_its_angle_says(angle: float, x: slice, y: slice) -> None:
    kernel = line_kernel(8.0, angle)
    assert kernel.shape == (11, 11) and kernel.sum() == pytest.approx(1)
    assert kernel[y, x].sum() == pytest.approx(1, abs=1e-5)
    assert kernel.max() == pytest.approx(1 / 8, rel=0.1)  # eight pixels share the light


def test_a_point_becomes_a_streak_of_the_same_light() -> None:
    image = flat(0, side=21)
    image[10, 10] = 255
    light = to_light(motion_blur(image, length=4.0, angle=0.0))
    assert light[:, :, 0].sum() == pytest.approx(1, abs=0.01)
    assert light[10, 8:13, 0].sum() == pytest.approx(1, abs=0.01)


def test_a_flat_picture_stays_as_it_is_when_the_camera_moves() -> None:
    assert (motion_blur(flat(77), length=12.0, angle=33.0) == flat(77)).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 3)])
def test_pictures_smaller_than_any_kernel(size: tuple[int, int]) -> None:
    tiny = np.ascontiguousarray(np.resize(NOISE, (*size, 3)))
    assert motion_blur(tiny, length=12.0, angle=45.0).shape == tiny.shape
    assert sensor_noise(tiny, photons=200.0, read=0.01, noise_seed=0).shape == tiny.shape
    assert jpeg_compression(tiny, jpeg_quality=10).shape == tiny.shape


def test_nothing_is_changed_in_place() -> None:
    before = NOISE.copy()
    motion_blur(NOISE, length=5.0, angle=10.0)
    sensor_noise(NOISE, photons=500.0, read=0.0, noise_seed=3)
    jpeg_compression(NOISE, jpeg_quality=20)
    assert (NOISE == before).all()


def test_parameters_out_of_range_and_what_is_no_image_are_refused() -> None:
    with pytest.raises(ConfigError, match="expected jpeg_quality from 10 to 80, found 9"):
        jpeg_compression(NOISE, jpeg_quality=9)
    with pytest.raises(ConfigError, match="expected photons from 200 to 4000, found nan"):
        sensor_noise(NOISE, photons=float("nan"), read=0.0, noise_seed=0)
    with pytest.raises(ConfigError, match="expected read from"):
        sensor_noise(NOISE, photons=500.0, read=0.5, noise_seed=0)
    with pytest.raises(ConfigError, match="expected noise_seed from"):
        sensor_noise(NOISE, photons=500.0, read=0.0, noise_seed=-1)
    with pytest.raises(ConfigError, match="expected length from 2 to 12, found 40"):
        motion_blur(NOISE, length=40.0, angle=0.0)
    with pytest.raises(ConfigError, match=r"\[H, W, 3\] of uint8"):
        motion_blur(NOISE[..., 0], length=4.0, angle=0.0)
