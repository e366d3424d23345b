"""The settings of a retraining."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from negmine.errors import ConfigError
from negmine.mining.config import CropConfig
from negmine.retraining.config import RetrainConfig
from negmine.training.config import TrainConfig


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rounds", 0), ("negatives", 0), ("folds", 0), ("ratio", "1"), ("conf", 0.0), ("conf", 1.5), ("holdout", 0.0),
        ("min_visible", 0.5),
        ("mine_conf", 0.0), ("mine_conf", 1.5),
        ("holdout", 1.0),
        ("holdout", float("nan")), ("max_recall_loss", -0.1), ("max_recall_loss", 1.0), ("min_gain", 1.0),
        ("max_per_source", 0), ("max_variants", 0), ("near_bits", 64), ("workers", 0),
        ("variant_recipe", "classic"),
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigError) as error:
        RetrainConfig(**{name: value})  # type: ignore[arg-type]
    assert name in str(error.value) or "conf of" in str(error.value)


def test_the_settings_hold_all_that_the_result_depends_on() -> None:
    config = RetrainConfig(train=TrainConfig(settings={"b": 1, "a": [2]}))
    before = config.settings()
    json.dumps(before)
    for other in (
        replace(config, rounds=7), replace(config, ratio="1:2"), replace(config, near_bits=2),
        replace(config, stop_early=False), replace(config, variants=False), replace(config, crop=CropConfig("region")),
        replace(config, variant_recipe="field"),
        replace(config, crop=CropConfig(context=2.0)), replace(config, train=TrainConfig(loss="stock")),
        replace(config, train=replace(config.train, seed=1)), replace(config, train=TrainConfig(settings={"b": 2})),
    ):  # fmt: skip
        assert other.settings() != before
    for same in (
        replace(config, workers=3), replace(config, train=replace(config.train, device="cpu", workers=1)),
        replace(config, train=replace(config.train, settings={"a": [2], "b": 1})),
    ):  # fmt: skip
        assert same.settings() == before


def test_the_settings_of_a_run_from_before_there_were_recipes_are_those_of_today() -> None:
    assert "variant_recipe" not in RetrainConfig().settings()


def test_a_ratio_must_fit_into_a_batch() -> None:
    with pytest.raises(ConfigError, match=r"a batch of 16 cannot hold .* at 1:20; expected a batch of 21 or more"):
        RetrainConfig(ratio="1:20", train=TrainConfig(batch=16))
    with pytest.raises(ConfigError, match="expected a batch of 101 or more"):
        RetrainConfig(ratio="100:1", train=TrainConfig(batch=100))
    assert RetrainConfig(ratio="1:20", train=TrainConfig(batch=21)).ratio == "1:20"
    assert RetrainConfig(ratio="1:20").train.batch is None  # one that fits is chosen later
