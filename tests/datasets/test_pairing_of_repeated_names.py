"""Several labels of one bare file name, of which each may be of another folder's image."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from blobs import draw

from negmine.datasets.config import LabelConfig
from negmine.datasets.open import open_truth
from negmine.errors import LabelError


@pytest.mark.parametrize("boxes", [([4, 4, 9, 9], [4, 4, 9, 9]), ([4, 4, 9, 9], [20, 4, 9, 9])])
def test_a_second_label_of_one_name_leaves_no_image_of_that_name_without_a_label(
    tmp_path: Path, boxes: tuple[list[int], list[int]]
) -> None:
    document = {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "a.png"}],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 1, "bbox": box} for n, box in enumerate(boxes, start=1)
        ],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(document))
    images = [draw(tmp_path / name, seed=number) for number, name in enumerate(("a.png", "cam1/a.png", "cam1/b.png"))]
    truth = open_truth(tmp_path / "labels.json", images=images, config=LabelConfig(missing_is_empty=True))
    with pytest.raises(
        LabelError, match="may belong to this image, since the image that it names has another label too"
    ):
        truth.object_names(images[1])
    assert truth.object_names(images[2]) == ()
