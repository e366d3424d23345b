"""Light and weather: by their physics, in numbers that are worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from negmine.augmenting.linear_light import to_light
from negmine.augmenting.scene import haze, rain, relight
from negmine.errors import ConfigError
from negmine.structures import Image

NOISE: Image = np.random.default_rng(0).integers(0, 256, size=(60, 90, 3), dtype=np.uint8)
DAYLIGHT = {"gamma": 1.0, "kelvin": 6500.0}


def flat(*bgr: int) -> Image:
    return np.full((40, 60, 3), bgr, dtype=np.uint8)


def test_daylight_at_no_other_exposure_changes_nothing() -> None:
    assert (relight(NOISE, exposure=0.0, **DAYLIGHT) == NOISE).all()


def test_a_stop_is_half_or_twice_the_light_and_what_is_too_bright_is_white() -> None:
    image = flat(255, 188, 100)  # light 1, 0.5 and 0.127
    darker, brighter = (to_light(relight(image, exposure=stops, **DAYLIGHT))[0, 0] for stops in (-1.0, 1.0))
    assert darker == pytest.approx([0.5, 0.25, 0.064], abs=0.005)
    assert brighter == pytest.approx([1, 1, 0.254], abs=0.005)


def test_a_gamma_over_1_deepens_shadows_and_leaves_white() -> None:
    values = relight(flat(255, 100, 30), exposure=0.0, gamma=1.4, kelvin=6500.0)[0, 0]
    assert values[0] == 255 and values[1] < 100 and values[2] < 30


def test_evening_light_is_red_and_shade_is_blue_and_green_stays() -> None:
    evening, shade = (relight(flat(99, 100, 100), exposure=0.0, gamma=1.0, kelvin=k)[0, 0] for k in (4000.0, 9000.0))
    assert evening[0] < 90 and evening[1] == 100 and evening[2] > 105
    assert shade[0] > 105 and shade[1] == 100 and shade[2] < 96


def test_a_picture_without_colour_keeps_none() -> None:
    assert (relight(flat(90, 90, 90), exposure=0.0, gamma=1.0, kelvin=4000.0) == 90).all()


def test_haze_mixes_the_light_of_the_air_in_the_middle_as_its_law_says() -> None:
    light = to_light(haze(flat(188, 188, 188), transmission=0.5, airlight=0.8))
    assert light[20, 0, 0] == pytest.approx(0.5 * 0.5 + 0.8 * 0.5, abs=0.01)
    assert light[0, 0, 0] > light[20, 0, 0] > light[39, 0, 0]  # the upper edge is farther away


def test_haze_lowers_contrast_and_a_single_row_is_the_middle() -> None:
    assert haze(NOISE, transmission=0.5, airlight=0.7).std() < 0.7 * NOISE.std()
    assert to_light(haze(flat(188, 188, 188)[:1], transmission=0.5, airlight=0.8))[0, 0, 0] == pytest.approx(
        0.65, abs=0.01
    )


def test_streaks_are_brighter_than_what_is_dark_behind_them_and_no_darker_than_what_is_bright() -> None:
    image = flat(30, 30, 30)
    image[:, 30:] = 250  # the sky
    rainy = rain(image, drops=800.0, streak=0.1, slant=5.0, rain_seed=2)
    dark = rainy[:, :28].max(axis=2)
    assert 30 < np.median(dark) < dark.max() and np.ptp(rainy[:, 32:]) <= 2
    more = rain(image, drops=800.0, streak=0.1, slant=5.0, rain_seed=3)
    assert (more != rainy).any()
    assert (rain(image, drops=800.0, streak=0.1, slant=5.0, rain_seed=2) == rainy).all()


def test_streaks_lean_the_way_that_they_are_told() -> None:
    """A positive slant: what falls goes to the left, so the upper end of a streak is right of its lower end."""
    night = np.full((200, 200, 3), 10, dtype=np.uint8)
    night[:, 170:] = 255

    def lean(slant: float) -> float:
        streaks = rain(night, drops=100.0, streak=0.1, slant=slant, rain_seed=1)[:, :160, 0].astype(float)
        shifted = [np.corrcoef(streaks[:-8, 8:-8].ravel(), streaks[8:, 8 + s : 152 + s].ravel())[0, 1] for s in (-3, 3)]
        return float(shifted[0] - shifted[1])

    assert lean(25.0) > 0 > lean(-25.0)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 3)])
def test_the_smallest_pictures(size: tuple[int, int]) -> None:
    tiny = np.ascontiguousarray(np.resize(NOISE, (*size, 3)))
    assert rain(tiny, drops=100.0, streak=0.05, slant=0.0, rain_seed=1).shape == tiny.shape
    assert haze(tiny, transmission=0.6, airlight=0.6).shape == tiny.shape
    assert relight(tiny, exposure=-1.0, gamma=0.8, kelvin=5000.0).shape == tiny.shape


def test_nothing_is_changed_in_place() -> None:
    before = NOISE.copy()
    relight(NOISE, exposure=-1.0, gamma=0.8, kelvin=5000.0)
    haze(NOISE, transmission=0.6, airlight=0.6)
    rain(NOISE, drops=100.0, streak=0.05, slant=0.0, rain_seed=1)
    assert (NOISE == before).all()


def test_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"expected exposure from -1\.5 to 1, found 3"):
        relight(NOISE, exposure=3.0, **DAYLIGHT)
    with pytest.raises(ConfigError, match="expected kelvin from"):
        relight(NOISE, exposure=0.0, gamma=1.0, kelvin=500.0)
    with pytest.raises(ConfigError, match="expected transmission from"):
        haze(NOISE, transmission=0.0, airlight=0.6)
    with pytest.raises(ConfigError, match="expected drops from"):
        rain(NOISE, drops=1e9, streak=0.05, slant=0.0, rain_seed=1)
