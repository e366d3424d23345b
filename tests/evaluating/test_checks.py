"""Checks: which models fail them, and which texts are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from negmine.errors import ConfigError
from negmine.evaluating.checks import FIGURES, Check
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.figures import ModelFigures, figures
from negmine.evaluating.match import MatchedDetections

NOTHING = figures(MatchedDetections("m", "0", ("lamp",), ("lamp",), (), ()), EvalConfig())


def failed(text: str, *models: ModelFigures) -> list[tuple[str, float | None]]:
    return [(failure.model, failure.value) for failure in Check.parse(text).failures(models)]


def test_no_models_fail_no_check() -> None:
    assert failed("fppi>0") == []


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ("fppi>0.5", False),
        ("fppi>=0.5", True),
        ("fppi<0.5", False),
        ("fppi<=0.5", True),
        ("fppi > 0.4", True),
        (" fppi<1e-1 ", False),
        ("fppi>-1", True),
        ("fppi<inf", True),
    ],
)
def test_comparisons(text: str, fails: bool) -> None:
    assert bool(failed(text, replace(NOTHING, fppi=0.5))) is fails


def test_any_model_may_fail_and_is_named() -> None:
    models = [replace(NOTHING, name="a", fppi=0.05), replace(NOTHING, name="b", fppi=0.2)]
    assert failed("fppi>0.1", *models) == [("b", 0.2)]
    (failure,) = Check.parse("fppi>0.1").failures(models)
    assert failure.message == "b fails the check fppi>0.1: it is 0.2"


@pytest.mark.parametrize("sign", ["<", ">"])
def test_a_figure_without_a_value_fails(sign: str) -> None:
    assert failed(f"fppi_at_recall{sign}0.1", NOTHING) == [("m", None)]
    (failure,) = Check.parse("recall<0.5").failures([NOTHING])
    assert "has no value" in failure.message


@pytest.mark.parametrize("name", FIGURES)
def test_every_name_is_a_figure(name: str) -> None:
    assert name in ModelFigures.__dataclass_fields__
    assert failed(f"{name}>0.5", replace(NOTHING, **{name: np.inf})) == [("m", np.inf)]


@pytest.mark.parametrize(
    "text",
    ["", "fppi", "fppi>", ">0.1", "fppi=0.1", "fppi==0.1", "fppi!=0.1", "fppi>x", "fppi>nan", "fppi>0.1 and recall<1"],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"expected a check such as fppi_at_recall>0\.1"):
        Check.parse(text)


@pytest.mark.parametrize("text", ["FPPI>1", "kinds>1", "name>1", "fpi>1"])
def test_unknown_figures_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a check on one of fppi, "):
        Check.parse(text)
