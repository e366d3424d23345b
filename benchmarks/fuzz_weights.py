"""Readers of weights files, with damaged ones to read."""

from __future__ import annotations

import io
import json
import random
import zipfile
from pathlib import Path

import numpy as np
from fuzz_seeds import NAMES, Read, pixels
from mutating import changed_bytes, changed_tree


def checkpoint(folder: Path) -> Read:
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


def safetensors(folder: Path) -> Read:
    """Files of torchvision detectors and of verifiers."""
    import torch
    from safetensors.torch import save

    from negmine.detectors.torchvision.checkpoints import read_checkpoint
    from negmine.detectors.verifier_files import read_verifier

    document = {"builder": "ssdlite320_mobilenet_v3_large", "class_names": list(NAMES), "arguments": {}}
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


def onnx(folder: Path) -> Read:
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
        detector.predict([pixels()])

    return read
