"""The state of a training comes back as it was, and a state that somebody made runs nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from negmine.errors import TrainingError
from negmine.training.states import RESUME, read_state, write_state


def test_there_is_none_at_first(tmp_path: Path) -> None:
    assert read_state(tmp_path / RESUME) is None


def test_a_state_comes_back(tmp_path: Path) -> None:
    layer = torch.nn.Linear(2, 1)
    optimizer = {
        "state": {0: {"step": torch.tensor(1.0), "exp_avg": torch.ones(2, 1).T}},
        "param_groups": [{"lr": 0.01, "betas": (0.9, 0.999), "fused": None, "params": [0, 1]}],
    }
    state: dict[str, Any] = {
        "optimizer": optimizer, "passes": 3, "best": None, "fitness": np.float64(0.5), "same": [True, "a"],
        "model": layer.state_dict(), "half": torch.ones(2, dtype=torch.float16), "nothing": {}, "inf": float("inf"),
    }  # fmt: skip
    write_state(state, tmp_path / RESUME)
    found = read_state(tmp_path / RESUME)
    assert found is not None
    assert found["optimizer"]["param_groups"] == state["optimizer"]["param_groups"]  # betas are a tuple again
    for name, value in state["optimizer"]["state"][0].items():
        assert torch.equal(found["optimizer"]["state"][0][name], value)
    assert {key: found[key] for key in ("passes", "best", "fitness", "same", "nothing", "inf")} == {
        "passes": 3, "best": None, "fitness": 0.5, "same": [True, "a"], "nothing": {}, "inf": float("inf"),
    }  # fmt: skip
    assert found["half"].dtype == torch.float16
    assert all(torch.equal(found["model"][name], value) for name, value in layer.state_dict().items())
    first = (tmp_path / RESUME).read_bytes()
    write_state(state, tmp_path / RESUME)
    assert (tmp_path / RESUME).read_bytes() == first


def test_anything_else_in_a_state_is_a_mistake_of_ours(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="a state holds no"):
        write_state({"path": tmp_path}, tmp_path / RESUME)


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        "7",
        '{"items": 3}',
        '{"items": [[[1], 2]]}',
        '{"eval": "1"}',
        '{"tensor": "a"}',
        '{"list": []}',
        "[" * 9999,
    ],
)
def test_a_state_that_is_none_is_one_line(document: str, tmp_path: Path) -> None:
    save_file({"0": torch.zeros(1)}, tmp_path / RESUME, metadata={"negmine": document})
    with pytest.raises(TrainingError, match=r"resume.safetensors is damaged; remove it"):
        read_state(tmp_path / RESUME)


def test_so_is_a_pickle_under_its_name(tmp_path: Path) -> None:
    torch.save({"passes": 1}, tmp_path / RESUME)
    with pytest.raises(TrainingError, match=r"resume.safetensors is damaged; remove it"):
        read_state(tmp_path / RESUME)


def test_the_values_are_readable(tmp_path: Path) -> None:
    write_state({"passes": 1}, tmp_path / RESUME)
    content = (tmp_path / RESUME).read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert json.loads(header["__metadata__"]["negmine"]) == {"items": [["passes", 1]]}
