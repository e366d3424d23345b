"""How fast a model runs on ready tensors and does nothing else: the limit of everything that detects with it.

    python benchmarks/forward.py convert --weights best.pt --imgsz 640 --out model
    python benchmarks/forward.py run --weights best.pt --images backgrounds/ --imgsz 640
    python benchmarks/forward.py run --weights model --images backgrounds/ --imgsz 640

`run` looks at the sizes of the images, makes one tensor of each shape that they are letterboxed to (the longer side
imgsz, both multiples of 32), and runs each as often as there are images of that shape. Every shape is run a few times
before the clock starts. A `.pt` runs in PyTorch, its layers fused, channels last, on all cores; on a GPU in half
precision and in batches. What `convert` wrote runs in OpenVINO in single precision, compiled for each shape, with as
many requests in flight as it asks for. Prints images per second, and what was run.
"""

from __future__ import annotations

import argparse
import importlib
import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from processes import cores

from negmine.detectors.letterbox import Letterbox
from negmine.images import decode_image
from negmine.sources.expand import expand_sources

_WARM = 3  # runs of each shape before the clock starts

Shape = tuple[int, int]  # height and width of a tensor


def shapes_of(images: Path, imgsz: int) -> Counter[Shape]:
    """How many images become which shape."""
    decoded = (decode_image(ref.path.read_bytes()) for ref in expand_sources([images]))
    return Counter(Letterbox.smallest(image.shape, imgsz).input_hw for image in decoded)


def export(weights: Path, imgsz: int, out: Path) -> None:
    """Export to OpenVINO with Ultralytics, for any shape; `out` becomes a folder."""
    from negmine.detectors.ultralytics.quiet import quiet_ultralytics

    with quiet_ultralytics(), tempfile.TemporaryDirectory() as folder:
        from ultralytics import YOLO

        copy = shutil.copyfile(weights, Path(folder) / "model.pt")  # the export is written beside the weights
        exported = YOLO(str(copy)).export(format="openvino", dynamic=True, imgsz=imgsz, device="cpu")
        shutil.move(exported, out)


def torch_runner(weights: Path, device: str, batch: int) -> Callable[[Shape], Callable[[int], None]]:
    """For a shape, a function that runs so many images of it."""
    import torch

    from negmine.detectors.ultralytics.quiet import quiet_ultralytics

    torch.set_num_threads(cores())
    with quiet_ultralytics():
        from ultralytics import YOLO

        model = YOLO(str(weights)).model.float().eval().fuse(verbose=False)
    on_gpu = device != "cpu"
    kind = torch.float16 if on_gpu else torch.float32
    model = model.to(device=device, dtype=kind, memory_format=torch.channels_last)

    def of_shape(shape: Shape) -> Callable[[int], None]:
        ready = torch.rand(batch, 3, *shape).to(device=device, dtype=kind, memory_format=torch.channels_last)

        def go(images: int) -> None:
            with torch.inference_mode():
                for start in range(0, images, batch):
                    model(ready[: min(batch, images - start)])
            if on_gpu:
                torch.cuda.synchronize()

        return go

    return of_shape


def openvino_runner(folder: Path) -> Callable[[Shape], Callable[[int], None]]:
    """The same, in OpenVINO: all cores, several requests in flight, one image each."""
    openvino: Any = importlib.import_module("openvino")
    core = openvino.Core()
    (xml,) = folder.rglob("*.xml")
    settings = {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": cores(),
    }

    def of_shape(shape: Shape) -> Callable[[int], None]:
        model = core.read_model(xml)
        model.reshape([1, 3, *shape])
        queue = openvino.AsyncInferQueue(core.compile_model(model, "CPU", settings))
        ready = np.random.default_rng(0).random((1, 3, *shape), dtype=np.float32)

        def go(images: int) -> None:
            for _ in range(images):
                queue.start_async({0: ready}, share_inputs=True)
            queue.wait_all()

        return go

    return of_shape


def measure(
    runner: Callable[[Shape], Callable[[int], None]], shapes: Mapping[Shape, int], seconds: float, warm: int = _WARM
) -> tuple[float, int]:
    """Images per second, and how many were run.

    Args:
        runner: from `torch_runner` or `openvino_runner`.
        shapes: how many images of each.
        seconds: go over all of them again until so much has passed.
        warm: images of each shape before the clock starts.
    """
    ready = [(runner(shape), count) for shape, count in sorted(shapes.items())]
    for go, _ in ready:
        go(warm)
    done = 0
    started = time.perf_counter()
    for go, count in _again_and_again(ready):
        go(count)
        done += count
        took = time.perf_counter() - started
        if took >= seconds and done % shapes_total(shapes) == 0:
            break
    return done / took, done


def shapes_total(shapes: Mapping[Shape, int]) -> int:
    """All images."""
    return sum(shapes.values())


def _again_and_again(ready: list[tuple[Callable[[int], None], int]]) -> Iterator[tuple[Callable[[int], None], int]]:
    while True:
        yield from ready


def main() -> None:
    """Convert, or run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("convert", "run"))
    parser.add_argument("--weights", type=Path, required=True, help="a .pt, or the folder that `convert` wrote")
    parser.add_argument("--images", type=Path)
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--batch", type=int, default=1, help="in PyTorch")
    parser.add_argument("--seconds", type=float, default=2.0, help="at least")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.what == "convert":
        export(args.weights, args.imgsz, args.out)
        return
    shapes = shapes_of(args.images, args.imgsz)
    in_torch = args.weights.is_file()
    runner = torch_runner(args.weights, args.device, args.batch) if in_torch else openvino_runner(args.weights)
    rate, done = measure(runner, shapes, args.seconds, max(_WARM, args.batch))
    print(rate)
    print(json.dumps({"images": done, "shapes": {f"{w}x{h}": count for (h, w), count in sorted(shapes.items())}}))


if __name__ == "__main__":
    main()
