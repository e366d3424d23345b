"""The readers of foreign files, each with well-formed files to begin with and what makes a damaged one of them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import fuzz_folders
import fuzz_videos
import fuzz_weights
import numpy as np
from fuzz_seeds import WH, Make, Read, images_in, pixels, require_line, saved, write_text
from mutating import ODD_WORDS, changed_bytes, changed_image, changed_text, changed_tree

from negmine.errors import ImageError, LabelError
from negmine.files import reason_of


def prepared(reader: str, folder: Path) -> Read:
    """A reader, with its well-formed files in a folder."""
    return READERS[reader](folder)


def _encoded(suffix: str) -> bytes:
    image = pixels() / np.float32(255) if suffix == ".hdr" else pixels()
    return bytes(cv2.imencode(suffix, image)[1])


_IMAGES: Mapping[str, Callable[[], Sequence[bytes]]] = {
    "jpeg": lambda: [
        saved("JPEG"),
        saved("JPEG", progressive=True),
        saved("JPEG", "CMYK"),
        saved("JPEG", "L", restart_marker_blocks=2),
        saved("MPO", frames=2),
    ],
    "png": lambda: [
        saved("PNG"),
        saved("PNG", "P"),
        saved("PNG", "RGBA"),
        saved("PNG", "1"),
        saved("PNG", frames=2),
        saved("PNG", "I;16"),
    ],
    "tiff": lambda: (
        [saved("TIFF", compression=each) for each in (None, "tiff_lzw", "tiff_deflate", "packbits", "jpeg")]
        + [saved("TIFF", frames=2)]
    ),
    "webp": lambda: [saved("WEBP"), saved("WEBP", lossless=True), saved("WEBP", "RGBA"), saved("WEBP", frames=2)],
    "gif": lambda: [saved("GIF"), saved("GIF", interlace=0), saved("GIF", frames=2)],
    "bmp": lambda: [saved("BMP"), saved("BMP", "P"), saved("BMP", "1")],
    "avif": lambda: [saved("AVIF"), saved("AVIF", frames=2)],
    "jpeg2000": lambda: [saved("JPEG2000"), saved("JPEG2000", no_jp2=True), saved("JPEG2000", tile_size=(16, 16))],
    "netpbm": lambda: [
        saved("PPM"),
        saved("PPM", "L"),
        saved("PPM", "1"),
        b"P3\n# a\n2 2\n255\n" + b"1 2 3 " * 4,
        _encoded(".pam"),
    ],
    "hdr": lambda: [_encoded(".hdr")],
    "sun": lambda: [_encoded(".sr")],
}


def _image_reader(kind: str) -> Make:
    def make(folder: Path) -> Read:
        from negmine.images import decode_image

        seeds = _IMAGES[kind]()
        for seed in seeds:
            try:
                decode_image(seed)
            except ImageError as error:  # several frames
                assert "frames" in str(error), (kind, error)

        def read(rng: random.Random) -> None:
            decode_image(changed_image(rng, rng.choice(seeds)))

        return read

    return make


_YAML = (
    "path: .\ntrain: images\nval: images\nnames:\n  0: cat\n  1: traffic light\n",
    "train: ./images\nval: [images, images/a.png]\nnc: 2\nnames: ['cat', 'traffic light']\nkpt_shape: [2, 3]\n",
)
_WORDS_IN_YAML = [word for word in ODD_WORDS if set(word) - set("/.")]  # no folders that hold the whole machine
_ROWS = (
    "0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.1 0.1\n",
    "0 0.1 0.1 0.3 0.1 0.3 0.3\n",
    "0 0.5 0.5 0.2 0.2 0.1 0.1 2 0.2 0.2 2\n",
    "",
)
_XML = (
    "<annotation><folder>images</folder><filename>a.png</filename>"
    "<size><width>96</width><height>64</height><depth>3</depth></size>\n"
    "<object><name>cat</name><difficult>0</difficult>"
    "<bndbox><xmin>3</xmin><ymin>4</ymin><xmax>20</xmax><ymax>21</ymax></bndbox></object>\n"
    "<object><name>traffic light</name>"
    "<bndbox><xmin>1.5</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>\n</annotation>"
)
_COCO: Mapping[str, object] = {
    "images": [
        {"id": 1, "file_name": "images/a.png", "width": 96, "height": 64},
        {"id": 2, "file_name": "b.png", "width": 96, "height": 64},
    ],
    "categories": [{"id": 3, "name": "cat", "supercategory": "animal"}, {"id": 5, "name": "traffic light"}],
    "annotations": [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 3,
            "bbox": [3, 4, 10, 11],
            "iscrowd": 0,
            "area": 110,
            "segmentation": [[3, 4, 13, 4, 13, 15]],
        },
        {
            "id": 2,
            "image_id": 1,
            "category_id": 5,
            "bbox": [0, 0, 5.5, 5],
            "iscrowd": 1,
            "segmentation": {"counts": [1, 2], "size": [30, 40]},
        },
        {"id": 3, "image_id": 2, "category_id": 5, "keypoints": [1, 1, 2], "bbox": [1, 1, 8, 8]},
    ],
}


def _read_data_set(path: Path) -> None:
    """Open a data set, and read every label of every image."""
    from negmine.datasets.open import open_dataset

    dataset = open_dataset(path)
    for image in {image for split in dataset.splits for image in split.images}:
        for read in (dataset.truth.label_hash, dataset.truth.object_names, dataset.truth.source_label):
            try:
                read(image)
            except LabelError as error:
                require_line(error)
        try:
            dataset.truth.read(image, WH)
        except LabelError as error:
            require_line(error)


def _yolo(folder: Path) -> Read:
    images_in(folder)
    (folder / "labels").mkdir()

    def read(rng: random.Random) -> None:
        yaml, rows = rng.choice(_YAML), rng.choice(_ROWS)
        in_yaml = rng.random() < 0.5
        write_text(folder / "data.yaml", changed_text(rng, yaml, _WORDS_IN_YAML) if in_yaml else yaml)
        write_text(folder / "labels/a.txt", rows if in_yaml else changed_text(rng, rows))
        write_text(folder / "labels/b.txt", rng.choice(_ROWS))
        _read_data_set(folder / "data.yaml")

    return read


def _voc(folder: Path) -> Read:
    images_in(folder)
    (folder / "annotations").mkdir()

    def read(rng: random.Random) -> None:
        write_text(folder / "annotations/a.xml", changed_text(rng, _XML))
        write_text(folder / "annotations/b.xml", _XML.replace("a.png", "b.png"))
        _read_data_set(folder)

    return read


def _coco(folder: Path) -> Read:
    images_in(folder)

    def read(rng: random.Random) -> None:
        text = json.dumps(changed_tree(rng, _COCO))
        (folder / "coco.json").write_bytes(changed_bytes(rng, text.encode()) if rng.random() < 0.1 else text.encode())
        _read_data_set(folder / "coco.json")

    return read


def _data_yaml(folder: Path) -> Read:
    """As a source, and as a list of class names."""
    from negmine.detectors.class_names import read_class_names
    from negmine.sources.expand import expand_sources

    images_in(folder)

    def read(rng: random.Random) -> None:
        write_text(folder / "data.yaml", changed_text(rng, rng.choice(_YAML), _WORDS_IN_YAML))
        if rng.random() < 0.5:
            read_class_names(folder / "data.yaml")
        expand_sources([folder / "data.yaml"])

    return read


def _lists(folder: Path) -> Read:
    from negmine.sources.expand import expand_sources

    images_in(folder)
    words = ["./images/a.png", "images/b.png", str(folder / "images/a.png"), "images", "/", *ODD_WORDS]

    def read(rng: random.Random) -> None:
        text = "\n".join(rng.choice(words) for _ in range(rng.randint(1, 6)))
        write_text(folder / "list.txt", changed_text(rng, text))
        for item in expand_sources([folder / "list.txt"]):
            try:
                item.stamp(), item.read()
            except ImageError as error:
                require_line(error)
            except (OSError, ValueError) as error:
                reason_of(error)

    return read


def _predictions(folder: Path) -> Read:
    from negmine.detectors.config import PredictionsConfig
    from negmine.detectors.open import open_detector
    from negmine.errors import BoxError

    results = [
        {"image_id": 1, "category_id": 3, "bbox": [1, 2, 10, 11], "score": 0.9},
        {"image_id": 2, "category_id": 5, "bbox": [0, 0, 5, 5], "score": 0.3},
    ]
    (folder / "said").mkdir()
    paths = [folder / "images/a.png", folder / "b.png"]

    def read(rng: random.Random) -> None:
        if rng.random() < 0.5:
            images = _COCO if rng.random() < 0.5 else changed_tree(rng, _COCO)
            (folder / "results.json").write_text(json.dumps(changed_tree(rng, results)))
            (folder / "coco.json").write_text(json.dumps(images))
            config = PredictionsConfig(str(folder / "results.json"), str(folder / "coco.json"))
        else:
            write_text(folder / "said/a.txt", changed_text(rng, "0 0.5 0.5 0.2 0.2 0.9\n1 0.1 0.1 0.1 0.1 0.3\n"))
            write_text(folder / "said/classes.txt", rng.choice(("cat\ntraffic light\n", changed_text(rng, "cat\nb\n"))))
            config = PredictionsConfig(str(folder / "said"))
        detector = open_detector(config)
        detector.check_paths(paths)
        for path in paths:
            try:
                detector.predict([np.zeros((WH[1], WH[0], 3), np.uint8)], [path])
            except BoxError as error:
                require_line(error)

    return read


READERS: Mapping[str, Make] = {
    **{kind: _image_reader(kind) for kind in _IMAGES},
    "voc": _voc,
    "yolo": _yolo,
    "coco": _coco,
    "data.yaml": _data_yaml,
    "list": _lists,
    "predictions": _predictions,
    "checkpoint": fuzz_weights.checkpoint,
    "safetensors": fuzz_weights.safetensors,
    "onnx": fuzz_weights.onnx,
    "bank": fuzz_folders.bank,
    "manifest": fuzz_folders.manifest,
    "retrain": fuzz_folders.retrain,
    "cvat": fuzz_videos.cvat,
    "mot": fuzz_videos.mot,
    "video": fuzz_videos.video,
}
