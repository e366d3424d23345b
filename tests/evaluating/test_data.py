"""Which images an evaluation is made on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePath

import pytest
from eval_sets import LEFT, labelled, scene

from negmine.evaluating.data import open_data


def test_no_backgrounds_at_all(tmp_path: Path) -> None:
    found = open_data(scene(tmp_path) / "data.yaml", split=None, backgrounds=[])
    assert (found.split, [path.name for path in found.labelled]) == ("val", ["a.png", "b.png", "c.png", "d.png"])
    assert found.backgrounds == found.with_targets == ()


def test_backgrounds_that_hold_objects_are_set_aside(tmp_path: Path) -> None:
    root = scene(tmp_path)
    found = open_data(root / "data.yaml", split=None, backgrounds=[root / "backgrounds", root / "images"])
    assert [path.name for path in found.backgrounds] == ["e.png", "f.png", "c.png"]
    assert sorted(path.name for path in found.with_targets) == ["a.png", "b.png", "d.png", "t.png"]


def test_the_work_grows_with_the_backgrounds_and_not_with_their_square(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        labelled(tmp_path, f"val/{number:02d}", [], [(0, LEFT)])
    (tmp_path / "data.yaml").write_text("val: images/val\nnames: [lamp]\n")
    hashed: Counter[str] = Counter()
    original = PurePath.__hash__

    def counting(self: PurePath) -> int:
        hashed["paths"] += 1
        return original(self)

    monkeypatch.setattr(PurePath, "__hash__", counting)
    found = open_data(tmp_path / "data.yaml", split=None, backgrounds=[tmp_path / "images/val"])
    assert len(found.with_targets) == 60 and found.backgrounds == ()
    assert 60 <= hashed["paths"] < 20 * 60
