"""What people run today to look at what a detector finds: `yolo predict` and SAHI's predict, as their users call them.

    python benchmarks/predictors.py yolo best.pt backgrounds/ 640 out
    python benchmarks/predictors.py sahi best.pt backgrounds/ 640 out

Both write a crop for every detection, and no images with boxes drawn on them; `yolo` writes labels too. SAHI gives
the detector whole images here, not slices, since anything else would be other work. It needs nothing of negmine. `yolo`
prints as JSON how many images it saw in how many seconds, after the first batch, which warms the model up.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import time
from pathlib import Path
from typing import Any


def yolo(args: argparse.Namespace) -> None:
    """`yolo predict save_crop save_txt`."""
    ultralytics: Any = importlib.import_module("ultralytics")
    model = ultralytics.YOLO(str(args.weights))
    if args.all_cores:
        model.add_callback("on_predict_start", lambda predictor: _take_all_cores())  # when it has dropped them
    more = {"quantize": 16} if args.half else {}
    ended: list[float] = []  # when each batch was through
    model.add_callback("on_predict_batch_end", lambda predictor: ended.append(time.perf_counter()))
    images = sum(
        1
        for _ in model.predict(
            str(args.images), imgsz=args.imgsz, conf=0.25, iou=0.7, save_crop=True, save_txt=True, stream=True,
            verbose=False, project=str(args.out.absolute()), name="run", device=args.device, batch=args.batch, **more,
        )
    )  # fmt: skip
    print(json.dumps({"images": max(images - args.batch, 0), "seconds": ended[-1] - ended[0]}))


def _take_all_cores() -> None:
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def sahi(args: argparse.Namespace) -> None:
    """SAHI's predict."""
    module: Any = importlib.import_module("sahi.predict")
    module.predict(
        model_type="ultralytics", model_path=str(args.weights), model_confidence_threshold=0.25,
        model_device="cpu" if args.device == "cpu" else f"cuda:{args.device}", image_size=args.imgsz,
        source=str(args.images), no_sliced_prediction=True, novisual=True, export_crop=True,
        project=str(args.out.absolute()), name="run", verbose=0,
    )  # fmt: skip


def main() -> None:
    """Run one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("yolo", "sahi"))
    parser.add_argument("weights", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("imgsz", type=int)
    parser.add_argument("out", type=Path)
    parser.add_argument("--device", default="cpu", help="cpu, or the number of a GPU")
    parser.add_argument("--batch", type=int, default=1, help="yolo: images that run at once")
    parser.add_argument("--half", action="store_true", help="yolo: in half precision, on a GPU")
    parser.add_argument("--all-cores", action="store_true", help="yolo: set torch's threads back, which it drops")
    args = parser.parse_args()
    {"yolo": yolo, "sahi": sahi}[args.what](args)


if __name__ == "__main__":
    main()
