"""Commands that are killed at random moments end, when they are run again, as ones that nobody disturbed.

`benchmarks/kills.py` kills as many as it is asked to.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kill_cases import CASES, Killer, make_inputs

_KILLS = 4


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands start from."""
    return make_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_killed_runs_end_as_undisturbed_ones(inputs: Path, tmp_path: Path, name: str) -> None:
    trials = list(Killer(name, inputs, tmp_path, seed=1).trials(_KILLS))
    assert [each.difference for each in trials] == [None] * _KILLS
    assert any(each.was_killed for each in trials)
