"""Averages of tensors by name, and over the steps of a training."""

import pytest
import torch

from negmine.errors import TrainingError
from negmine.training.averaging import average_tensors, moving_share


def test_shares_and_equal_parts_by_hand() -> None:
    tables = [{"w": torch.tensor([0.0, 4.0])}, {"w": torch.tensor([8.0, 8.0])}]
    assert average_tensors(tables)["w"].tolist() == [4, 6]
    assert average_tensors(tables, (0.75, 0.25))["w"].tolist() == [2, 5]
    assert tables[0]["w"].tolist() == [0, 4]  # what came in stays as it is


def test_types_are_those_of_the_first_and_counts_are_not_averaged() -> None:
    half = {"w": torch.tensor([1.0]).half(), "seen": torch.tensor(3)}
    full = {"w": torch.tensor([2.0]), "seen": torch.tensor(9)}
    averaged = average_tensors([half, full])
    assert averaged["w"].dtype == torch.float16 and averaged["w"].item() == 1.5
    assert averaged["seen"].item() == 3


@pytest.mark.parametrize(
    "other", [{"w": torch.zeros(3)}, {"v": torch.zeros(2)}, {"w": torch.zeros(2), "v": torch.zeros(1)}]
)
def test_tensors_of_another_model_are_refused(other: dict[str, torch.Tensor]) -> None:
    with pytest.raises(TrainingError, match=r"tensors of other names or shapes"):
        average_tensors([{"w": torch.zeros(2)}, other])


@pytest.mark.parametrize("steps", [1, 2, 30, 150, 480])
def test_a_moving_average_is_of_the_last_third_and_hardly_of_the_start(steps: int) -> None:
    average, age = 0.0, 0.0  # of a training whose weights are 0 at the start and 1 in every step
    for step in range(1, steps + 1):
        kept = moving_share(step, steps)
        assert 0 <= kept < 1
        average, age = kept * average + (1 - kept), kept * (age + 1)
    assert average > 0.97
    assert age < steps / 3 and (steps < 30 or age > steps / 5)  # how many steps ago, in the mean
