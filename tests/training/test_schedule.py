"""How many steps a training takes: epochs, steps, or the rule of the number of images."""

from dataclasses import replace

import pytest

from negmine.training.config import TrainConfig
from negmine.training.schedule import Schedule, default_steps, schedule_for

_CONFIG = TrainConfig(batch=16)


def test_epochs_are_passes_over_the_images_with_objects() -> None:
    config = replace(_CONFIG, epochs=3, steps=1000)  # 8 of the 16 images of a batch have objects
    assert schedule_for(config, positives=20, negatives=20) == Schedule(passes=3, steps_per_pass=3)
    assert schedule_for(config, positives=20, negatives=0) == Schedule(passes=3, steps_per_pass=2)


@pytest.mark.parametrize("steps", [1, 12, 13, 25, 60, 160, 999])
def test_steps_are_kept_to_within_a_pass_and_never_fewer(steps: int) -> None:
    schedule = schedule_for(replace(_CONFIG, steps=steps), positives=20, negatives=20)
    assert steps <= schedule.steps < steps + schedule.passes
    assert schedule.steps_per_pass <= 37


def test_the_rule_gives_more_steps_to_more_images_within_bounds() -> None:
    counts = [default_steps(positives) for positives in (1, 10, 26, 60, 115, 300, 10_000)]
    assert counts == sorted(counts)
    assert counts[0] >= 100 and counts[-1] == default_steps(1_000_000)
    assert counts[0] < default_steps(100) < counts[-1]
    assert schedule_for(_CONFIG, positives=26, negatives=26).steps >= default_steps(26)
