"""The readers of foreign files, each with well-formed files to begin with and what makes a damaged one of them."""

from __future__ import annotations

import io
import json
import random
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from mutating import ODD_VALUES, ODD_WORDS, changed_bytes, changed_image, changed_text, changed_tree
from PIL import Image as PillowImage

from negmine.errors import ImageError, LabelError
from negmine.files import reason_of

Read = Callable[[random.Random], None]  # makes an input of these random numbers, and reads it
Make = Callable[[Path], Read]  # in a folder of its own

WH = (96, 64)
_NAMES = ("cat", "traffic light")


def prepared(reader: str, folder: Path) -> Read:
    """A reader, with its well-formed files in a folder."""
    return READERS[reader](folder)


def _pixels(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (WH[1], WH[0], 3), dtype=np.uint8)


def _saved(kind: str, mode: str = "RGB", frames: int = 1, **options: object) -> bytes:
    first, *others = [PillowImage.fromarray(_pixels(seed)).convert(mode) for seed in range(frames)]
    buffer = io.BytesIO()
    more: dict[str, object] = {"save_all": True, "append_images": others} if others else {}
    first.save(buffer, kind, **more, **options)
    return buffer.getvalue()


def _encoded(suffix: str) -> bytes:
    pixels = _pixels()
    image = pixels / np.float32(255) if suffix == ".hdr" else pixels
    return bytes(cv2.imencode(suffix, image)[1])


_IMAGES: Mapping[str, Callable[[], Sequence[bytes]]] = {
    "jpeg": lambda: [
        _saved("JPEG"),
        _saved("JPEG", progressive=True),
        _saved("JPEG", "CMYK"),
        _saved("JPEG", "L", restart_marker_blocks=2),
        _saved("MPO", frames=2),
    ],
    "png": lambda: [
        _saved("PNG"),
        _saved("PNG", "P"),
        _saved("PNG", "RGBA"),
        _saved("PNG", "1"),
        _saved("PNG", frames=2),
        _saved("PNG", "I;16"),
    ],
    "tiff": lambda: (
        [_saved("TIFF", compression=each) for each in (None, "tiff_lzw", "tiff_deflate", "packbits", "jpeg")]
        + [_saved("TIFF", frames=2)]
    ),
    "webp": lambda: [_saved("WEBP"), _saved("WEBP", lossless=True), _saved("WEBP", "RGBA"), _saved("WEBP", frames=2)],
    "gif": lambda: [_saved("GIF"), _saved("GIF", interlace=0), _saved("GIF", frames=2)],
    "bmp": lambda: [_saved("BMP"), _saved("BMP", "P"), _saved("BMP", "1")],
    "avif": lambda: [_saved("AVIF"), _saved("AVIF", frames=2)],
    "jpeg2000": lambda: [_saved("JPEG2000"), _saved("JPEG2000", no_jp2=True), _saved("JPEG2000", tile_size=(16, 16))],
    "netpbm": lambda: [
        _saved("PPM"),
        _saved("PPM", "L"),
        _saved("PPM", "1"),
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


def _images_in(folder: Path) -> Path:
    """Two images, one with a label of YOLO beside it."""
    for name in ("images/a.png", "images/b.png"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_saved("PNG"))
    return folder


def _read_data_set(path: Path) -> None:
    """Open a data set, and read every label of every image."""
    from negmine.datasets.open import open_dataset

    dataset = open_dataset(path)
    for image in {image for split in dataset.splits for image in split.images}:
        for read in (dataset.truth.label_hash, dataset.truth.object_names, dataset.truth.source_label):
            try:
                read(image)
            except LabelError as error:
                _require_line(error)
        try:
            dataset.truth.read(image, WH)
        except LabelError as error:
            _require_line(error)


def _require_line(error: Exception) -> None:
    assert "\n" not in str(error), "a message of several lines"


def _yolo(folder: Path) -> Read:
    _images_in(folder)
    (folder / "labels").mkdir()

    def read(rng: random.Random) -> None:
        yaml, rows = rng.choice(_YAML), rng.choice(_ROWS)
        in_yaml = rng.random() < 0.5
        _write_text(folder / "data.yaml", changed_text(rng, yaml, _WORDS_IN_YAML) if in_yaml else yaml)
        _write_text(folder / "labels/a.txt", rows if in_yaml else changed_text(rng, rows))
        _write_text(folder / "labels/b.txt", rng.choice(_ROWS))
        _read_data_set(folder / "data.yaml")

    return read


def _voc(folder: Path) -> Read:
    _images_in(folder)
    (folder / "annotations").mkdir()

    def read(rng: random.Random) -> None:
        _write_text(folder / "annotations/a.xml", changed_text(rng, _XML))
        _write_text(folder / "annotations/b.xml", _XML.replace("a.png", "b.png"))
        _read_data_set(folder)

    return read


def _coco(folder: Path) -> Read:
    _images_in(folder)

    def read(rng: random.Random) -> None:
        text = json.dumps(changed_tree(rng, _COCO))
        (folder / "coco.json").write_bytes(changed_bytes(rng, text.encode()) if rng.random() < 0.1 else text.encode())
        _read_data_set(folder / "coco.json")

    return read


def _data_yaml(folder: Path) -> Read:
    """As a source, and as a list of class names."""
    from negmine.detectors.class_names import read_class_names
    from negmine.sources.expand import expand_sources

    _images_in(folder)

    def read(rng: random.Random) -> None:
        _write_text(folder / "data.yaml", changed_text(rng, rng.choice(_YAML), _WORDS_IN_YAML))
        if rng.random() < 0.5:
            read_class_names(folder / "data.yaml")
        expand_sources([folder / "data.yaml"])

    return read


def _lists(folder: Path) -> Read:
    from negmine.sources.expand import expand_sources

    _images_in(folder)
    words = ["./images/a.png", "images/b.png", str(folder / "images/a.png"), "images", "/", *ODD_WORDS]

    def read(rng: random.Random) -> None:
        text = "\n".join(rng.choice(words) for _ in range(rng.randint(1, 6)))
        _write_text(folder / "list.txt", changed_text(rng, text))
        for item in expand_sources([folder / "list.txt"]):
            try:
                item.stamp(), item.read()
            except ImageError as error:
                _require_line(error)
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
            _write_text(folder / "said/a.txt", changed_text(rng, "0 0.5 0.5 0.2 0.2 0.9\n1 0.1 0.1 0.1 0.1 0.3\n"))
            _write_text(
                folder / "said/classes.txt", rng.choice(("cat\ntraffic light\n", changed_text(rng, "cat\nb\n")))
            )
            config = PredictionsConfig(str(folder / "said"))
        detector = open_detector(config)
        detector.check_paths(paths)
        for path in paths:
            try:
                detector.predict([np.zeros((WH[1], WH[0], 3), np.uint8)], [path])
            except BoxError as error:
                _require_line(error)

    return read


def _checkpoint(folder: Path) -> Read:
    """A checkpoint of Ultralytics: its archive, and the pickle in it."""
    from negmine.detectors.config import DetectorConfig
    from negmine.detectors.open import open_detector
    from negmine.detectors.ultralytics.quiet import quiet_ultralytics

    with quiet_ultralytics():
        import torch
        from ultralytics.nn.tasks import DetectionModel

        described = {
            "nc": 2,
            "backbone": [[-1, 1, "Conv", [8, 3, 2]], [-1, 1, "Conv", [16, 3, 2]], [-1, 1, "C3k2", [16, False]]],
            "head": [[[2], 1, "Detect", ["nc"]]],
        }
        model = DetectionModel(described, verbose=False)
        torch.save(
            {"model": model.half(), "ema": None, "train_args": {"imgsz": 64, "task": "detect"}}, folder / "seed.pt"
        )
    seed = (folder / "seed.pt").read_bytes()
    with zipfile.ZipFile(io.BytesIO(seed)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    pickled = next(name for name in members if name.endswith("data.pkl"))
    open_detector(DetectorConfig(str(folder / "seed.pt"), device="cpu", backend="torch"))  # imports what it needs

    def read(rng: random.Random) -> None:
        if rng.random() < 0.2:
            data = changed_bytes(rng, seed)
        else:
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as archive:
                for name, content in members.items():
                    archive.writestr(name, _changed_pickle(rng, content) if name == pickled else content)
            data = buffer.getvalue()
        (folder / "weights.pt").write_bytes(data)
        open_detector(DetectorConfig(str(folder / "weights.pt"), device="cpu", backend="torch"))

    return read


_OPCODES = b"()}]0.NcRbqhKMJXstu2e\x85\x86\x87\x88\x89\x80\x8c\x93\x94Q"


def _changed_pickle(rng: random.Random, data: bytes) -> bytes:
    """Other opcodes, names and numbers, at places where there are some."""
    for _ in range(rng.randint(1, 4)):
        kind, at = rng.randrange(4), rng.randrange(len(data))
        if kind == 0:
            data = data[:at] + bytes([rng.choice(_OPCODES)]) + data[at + 1 :]
        elif kind == 1:
            names = (
                b"torch._utils",
                b"_rebuild_tensor_v2",
                b"ultralytics.nn.modules.conv",
                b"Conv",
                b"collections",
                b"OrderedDict",
                b"yaml",
                b"names",
                b"stride",
                b"SiLU",
                b"Detect",
            )
            data = data.replace(
                rng.choice(names), rng.choice((*names, b"os", b"system", b"builtins", b"eval")), rng.choice((1, -1))
            )
        elif kind == 2:
            data = data[:at] + data[at : at + 40] * 2 + data[at + 40 :]
        else:
            data = changed_bytes(rng, data)
    return data


def _safetensors(folder: Path) -> Read:
    """Files of torchvision detectors and of verifiers."""
    import torch
    from safetensors.torch import save

    from negmine.detectors.torchvision.checkpoints import read_checkpoint
    from negmine.detectors.verifier_files import read_verifier

    document = {"builder": "ssdlite320_mobilenet_v3_large", "class_names": list(_NAMES), "arguments": {}}
    verifier = {
        "class_names": {"0": "cat"},
        "maps": [{"stride": 8, "channels": 4}],
        "contexts": [1.0],
        "weights": "a.pt",
        "weights_sha256": "ab" * 32,
        "shift": 0.0,
        "imgsz": 64,
        "conf": 0.1,
        "report": {},
    }
    tensors = {"class_ids": torch.tensor([0]), "coefficients": torch.zeros(1, 4), "intercepts": torch.zeros(1)}

    def read(rng: random.Random) -> None:
        is_verifier = rng.random() < 0.5
        said = changed_tree(rng, verifier if is_verifier else document, 0.1)
        data = save(tensors, {key: json.dumps(said) for key in ("negmine", "negmine.verifier", "verifier", "detector")})
        if rng.random() < 0.7:
            data = changed_bytes(rng, data)
        path = folder / "file.safetensors"
        path.write_bytes(data)
        if is_verifier:
            read_verifier(path)
        else:
            read_checkpoint(path)

    return read


def _onnx(folder: Path) -> Read:
    from onnx import TensorProto, helper, numpy_helper

    from negmine.detectors.config import DetectorConfig
    from negmine.detectors.open import open_detector

    output = numpy_helper.from_array(np.zeros((1, 6, 12), np.float32), "constant")
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, (1, 3, 64, 64))
    found = helper.make_tensor_value_info("output", TensorProto.FLOAT, None)
    node = helper.make_node("Identity", ["constant"], ["output"])
    model = helper.make_model(
        helper.make_graph([node], "tiny", [image], [found], [output]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    helper.set_model_props(model, {"names": "{0: 'cat', 1: 'traffic light'}"})
    seed = model.SerializeToString()

    def read(rng: random.Random) -> None:
        path = folder / "model.onnx"
        path.write_bytes(changed_bytes(rng, seed))
        detector = open_detector(DetectorConfig(str(path), onnx_layout="ultralytics", device="cpu"))
        detector.predict([_pixels()])

    return read


def _bank_in(folder: Path) -> Path:
    """A bank of a few negatives."""
    from negmine.detectors.function import FunctionDetector
    from negmine.mining.scan import scan
    from negmine.structures import Detections

    _images_in(folder)
    (folder / "images/b.png").write_bytes(_saved("PNG", "L"))
    found = Detections(np.array([[2.0, 2, 50, 50]]), np.array([0.8]), np.array([0]))
    scan(
        folder / "images", FunctionDetector(lambda image: found, {0: "cat"}, name="fuzz", key="1"), bank=folder / "bank"
    )
    return folder / "bank"


def _bank(folder: Path) -> Read:
    """Cells, tables and pages of the database, and the files beside it."""
    from negmine.bank.bank import Bank
    from negmine.bank.verify import verify

    seed = _bank_in(folder)
    opened = sqlite3.connect(seed / "bank.db")
    opened.execute("pragma wal_checkpoint(truncate)")
    tables = [
        name
        for (name,) in opened.execute("select name from sqlite_master where type = 'table' and name not like 'sqlite%'")
    ]
    columns = {table: [row[1] for row in opened.execute(f"pragma table_info({table})")] for table in tables}
    opened.close()

    def read(rng: random.Random) -> None:
        bank = folder / "changed"
        shutil.rmtree(bank, ignore_errors=True)
        shutil.copytree(seed, bank)
        if rng.random() < 0.3:
            data = (bank / "bank.db").read_bytes()
            (bank / "bank.db").write_bytes(changed_bytes(rng, data))
        else:
            _change_rows(rng, bank / "bank.db", columns)
        if rng.random() < 0.3:
            path = rng.choice(sorted(each for each in bank.rglob("*") if each.is_file() and each.name != "bank.db"))
            path.write_bytes(changed_bytes(rng, path.read_bytes()))
        verify(bank)
        with Bank(bank) as opened:
            list(opened.negatives())

    return read


def _change_rows(rng: random.Random, database: Path, columns: Mapping[str, Sequence[str]]) -> None:
    """Cells, rows and what the schema holds."""
    connection = sqlite3.connect(database)
    try:
        connection.execute("pragma foreign_keys=off")
        for _ in range(rng.randint(1, 4)):
            table = rng.choice(list(columns))
            statement = rng.choice(
                (
                    f'update "{table}" set "{rng.choice(columns[table])}" = ?1',
                    f'update "{table}" set "{rng.choice(columns[table])}" = ?1 where rowid = 1',
                    f'delete from "{table}" where rowid = 1 or ?1 is 0.123',
                    f'create trigger t{rng.random()} after insert on "{table}" begin delete from "{table}"; end',
                    f'create view "v{rng.random()}" as '
                    "with recursive c(x) as (select 1 union all select x from c) select x from c",
                    f'alter table "{table}" rename to "other{rng.random()}"',
                    "pragma user_version = 99",
                )
            )
            value = rng.choice(ODD_VALUES)
            if isinstance(value, (list, dict)) or (isinstance(value, int) and abs(value) >= 2**63):
                value = b"\xff" * 9
            try:
                connection.execute(statement, (value,) if "?1" in statement else ())
            except (sqlite3.Error, ValueError):
                continue
        connection.commit()
    finally:
        connection.close()


def _manifest(folder: Path) -> Read:
    """The list of files that an export keeps."""
    from negmine.exporting.config import ExportConfig
    from negmine.exporting.export import export

    bank, out = _bank_in(folder), folder / "out"
    export(bank, out, config=ExportConfig(format="yolo"))
    manifest = next(out.glob("negmine-*.json"))
    text = manifest.read_text()

    def read(rng: random.Random) -> None:
        changed = json.dumps(changed_tree(rng, json.loads(text), 0.1)).encode()
        manifest.write_bytes(changed_bytes(rng, changed) if rng.random() < 0.2 else changed)
        try:
            export(bank, out, config=ExportConfig(format="yolo"))
        finally:
            manifest.write_text(text)

    return read


def _retrain(folder: Path) -> Read:
    """The settings of a retraining."""
    from negmine.retraining.folder import LockedFolder, RetrainFolder

    home = RetrainFolder(folder / "run")
    settings: Mapping[str, object] = {"rounds": 2, "seed": 0, "weights": "ab" * 32, "conf": 0.25}
    with LockedFolder(home, resume=True) as locked:
        locked.claim(settings)
    text = home.state.read_text()

    def read(rng: random.Random) -> None:
        if rng.random() < 0.5:
            home.state.write_text(json.dumps(changed_tree(rng, json.loads(text), 0.1)))
        else:
            home.state.write_bytes(changed_bytes(rng, text.encode()))
        with LockedFolder(home, resume=True) as locked:
            locked.claim(settings)

    return read


def _write_text(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))


READERS: Mapping[str, Make] = {
    **{kind: _image_reader(kind) for kind in _IMAGES},
    "voc": _voc,
    "yolo": _yolo,
    "coco": _coco,
    "data.yaml": _data_yaml,
    "list": _lists,
    "predictions": _predictions,
    "checkpoint": _checkpoint,
    "safetensors": _safetensors,
    "onnx": _onnx,
    "bank": _bank,
    "manifest": _manifest,
    "retrain": _retrain,
}
