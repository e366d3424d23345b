"""Averages of tensors by name."""

import pytest
import torch

from negmine.errors import TrainingError
from negmine.training.averaging import average_tensors


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
