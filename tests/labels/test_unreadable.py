"""Data sets in folders that may not be entered, or that are links in a circle."""

from __future__ import annotations

from pathlib import Path

import pytest
from needs import NOT_ROOT

from negmine.errors import TruthError
from negmine.labels.recognise import open_labels


@NOT_ROOT
def test_a_folder_that_may_not_be_entered_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "closed" / "data").mkdir(parents=True)
    (tmp_path / "closed").chmod(0)
    try:
        with pytest.raises(TruthError, match=r"closed/data cannot be read: Permission denied; correct its permissions"):
            open_labels(tmp_path / "closed" / "data")
    finally:
        (tmp_path / "closed").chmod(0o755)


@pytest.mark.parametrize("name", ["data", "data.yaml", "a.json"])
def test_a_link_in_a_circle_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(name)
    with pytest.raises(TruthError, match=rf"{name} does not exist"):
        open_labels(tmp_path / name)
