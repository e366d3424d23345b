"""YOLO files of somebody else's show nothing of the user's files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from blobs import draw

from negmine.datasets.open import open_dataset
from negmine.errors import LabelError, NegmineError
from negmine.labels.yolo_rows import RowFormat

SECRET = "root:$6$salt$hash:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n"


def test_a_label_that_is_a_link_to_other_text_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "shadow").write_text(SECRET)
    (tmp_path / "a.txt").symlink_to("shadow")
    with pytest.raises(LabelError, match=r"a\.txt, line 1: expected numbers, found text; correct it") as error:
        RowFormat({0: "car"}).read(tmp_path / "a.txt")
    assert "salt" not in str(error.value)


@pytest.mark.parametrize("row", ["0 0,5 0,5 0,1 0,1", "0 0.5 x 0.1 0.1", "0 1_0 1 1 1"])
def test_a_row_of_numbers_with_a_mistake_is_quoted(tmp_path: Path, row: str) -> None:
    (tmp_path / "a.txt").write_text(row)
    with pytest.raises(LabelError, match=f"found '{row}'"):
        RowFormat({0: "car"}).read(tmp_path / "a.txt")


@pytest.mark.parametrize("key", ["names", "train"])
@pytest.mark.parametrize("up", ["..", "x/../.."])
def test_a_relative_path_of_darknet_stays_in_its_data_set(tmp_path: Path, key: str, up: str) -> None:
    secret = draw(tmp_path / "private" / "me.png", seed=1)
    (tmp_path / "shadow").write_text(SECRET)
    (tmp_path / "list.txt").write_text(f"{secret}\n")
    draw(tmp_path / "set" / "1.png", seed=2)
    (tmp_path / "set" / "1.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (tmp_path / "set" / "obj.names").write_text("car\n")
    (tmp_path / "set" / "train.txt").write_text("1.png\n../private/me.png\n")
    paths = {"names": "obj.names", "train": "train.txt"}
    paths[key] = f"{up}/{'shadow' if key == 'names' else 'list.txt'}"
    (tmp_path / "set" / "obj.data").write_text("".join(f"{name} = {path}\n" for name, path in paths.items()))
    try:
        dataset = open_dataset(tmp_path / "set" / "obj.data")
    except NegmineError as error:
        assert "salt" not in str(error)
        return
    assert "salt" not in " ".join(dataset.class_names)
    assert secret not in {Path(os.path.realpath(image)) for split in dataset.splits for image in split.images}
