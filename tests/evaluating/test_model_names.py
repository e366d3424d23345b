"""What models are called side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from negmine.evaluating.names import distinct_names


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], []),
        (["runs/a/best.pt"], ["best.pt"]),
        (["a/old.pt", "a/new.pt"], ["old.pt", "new.pt"]),
        (["a/weights/best.pt", "b/weights/best.pt", "c.pt"], ["a/weights/best.pt", "b/weights/best.pt", "c.pt"]),
        (["best.pt", "best.pt", "best.pt"], ["best.pt", "best.pt (2)", "best.pt (3)"]),
        (["/a/best.pt", "/a/best.pt"], ["best.pt", "best.pt (2)"]),
        (["/a/best.pt", "/b/best.pt", "/a/best.pt"], ["a/best.pt", "b/best.pt", "a/best.pt (2)"]),
        (["best.pt", "b/best.pt"], ["best.pt", "b/best.pt"]),
        (["a\nb.pt"], ["a\\nb.pt"]),
    ],
)
def test_as_short_as_tells_them_apart(paths: list[str], expected: list[str]) -> None:
    assert distinct_names([Path(path) for path in paths]) == expected
