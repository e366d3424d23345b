"""How fast is `negmine scan`, beside what people do today and beside the limit of the model. Every side in turn.

    python benchmarks/scan.py --weights best.pt --images backgrounds/ more-backgrounds/ --imgsz 640
    python benchmarks/scan.py --weights best.pt --images backgrounds/ --frames 200 --imgsz 640

The sides, each a process of its own, in rounds:
  forward, PyTorch           the model on ready tensors of the same shapes, and nothing else (see forward.py): the limit
  forward, OpenVINO          the same in OpenVINO, where that is installed
  yolo predict               Ultralytics as shipped, save_crop and save_txt
  yolo predict, all cores    the same with torch's threads set back, which Ultralytics takes away on a CPU
  SAHI predict               whole images, a crop for each detection; --sahi-python names the Python that has it
  negmine scan --backend torch, negmine scan

All read the same images, each content once, detect at the same thresholds, and write a crop for every detection;
negmine also matches, records where each crop came from, and flushes every file to disk.

Every side but the limits runs on half of the images (every second one) and on all of them. "whole" is the process with
all, start included. "steady" is the second half of the images by the difference of the two runs: what a scan of a
hundred thousand comes to, start and first image left out. The limits time themselves, on the shapes of half of the
images. Figures are medians over the rounds; a ratio is the median of the ratios within a round. Memory is resident, of
the process and its children; that of a GPU is not in it. Detections are counted on each side: speed compares only where
they are the same. "busy" is the share of the time that the detector was at work, where negmine says it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from material import (
    add_material_options,
    demo_material,
    different_images,
    half_and_all,
    make_frames,
    parse_with_material,
)
from processes import Measured, cores, run
from rounds import Notes, Side, in_rounds, summary, table

TORCH, OPENVINO = "forward, PyTorch", "forward, OpenVINO"
PREDICT, ALL_CORES, SAHI = "yolo predict", "yolo predict, all cores", "SAHI predict"
NEGMINE, NEGMINE_TORCH = "negmine scan", "negmine scan --backend torch"
NAMES = (TORCH, OPENVINO, PREDICT, ALL_CORES, SAHI, NEGMINE_TORCH, NEGMINE)
_HERE = Path(__file__).parent
_GPU_BATCH = 64  # of the limit on a GPU


@dataclass(frozen=True, slots=True)
class Setup:
    """What all sides have in common.

    Attributes:
        weights: the detector.
        imgsz: its input size, pixels.
        gpu: on the first GPU.
        sahi_python: an interpreter that may have SAHI.
        seconds: that a limit runs at least.
    """

    weights: Path
    imgsz: int
    gpu: bool
    sahi_python: Path
    seconds: float

    @property
    def device(self) -> str:
        """As Ultralytics and negmine name it."""
        return "0" if self.gpu else "cpu"


def all_sides(setup: Setup, wanted: Sequence[str], scratch: Path) -> tuple[list[Side], dict[str, str]]:
    """The sides that can run here, and why the others cannot.

    Args:
        setup: what they have in common.
        wanted: their names.
        scratch: a folder, for the converted model.
    """
    sides, missing = [], {}
    for name in NAMES:
        if name in wanted:
            made = _MAKERS[name](setup, name, scratch)
            if isinstance(made, Side):
                sides.append(made)
            else:
                missing[name] = made
    return sides, missing


def _torch_limit(setup: Setup, name: str, scratch: Path) -> Side | str:
    if setup.weights.suffix != ".pt":
        return "only of a .pt"
    batch = _GPU_BATCH if setup.gpu else 1
    more = ["--device", "cuda" if setup.gpu else "cpu", "--batch", str(batch)]
    return _limit(setup, name, setup.weights, more)


def _openvino_limit(setup: Setup, name: str, scratch: Path) -> Side | str:
    if setup.weights.suffix != ".pt" or setup.gpu:
        return "only of a .pt on a CPU"
    if importlib.util.find_spec("openvino") is None:
        return "not installed"
    model = scratch / "openvino"
    convert = [sys.executable, str(_HERE / "forward.py"), "convert", "--weights", str(setup.weights)]
    run([*convert, "--imgsz", str(setup.imgsz), "--out", str(model)])
    return _limit(setup, name, model, [])


def _limit(setup: Setup, name: str, weights: Path, more: Sequence[str]) -> Side:
    fixed = [sys.executable, str(_HERE / "forward.py"), "run", "--weights", str(weights), "--imgsz", str(setup.imgsz)]
    fixed += ["--seconds", str(setup.seconds), *more]
    return Side(name, lambda images, out: [*fixed, "--images", str(images)], inside=True)


def _predict(setup: Setup, name: str, scratch: Path) -> Side | str:
    if name == ALL_CORES and setup.gpu:
        return "only on a CPU"
    return _predictor(setup, name, Path(sys.executable), "yolo", ["--all-cores"] if name == ALL_CORES else [])


def _sahi(setup: Setup, name: str, scratch: Path) -> Side | str:
    found = subprocess.run([setup.sahi_python, "-c", "import sahi"], capture_output=True, check=False)
    return "not installed" if found.returncode else _predictor(setup, name, setup.sahi_python, "sahi", [])


def _predictor(setup: Setup, name: str, python: Path, what: str, more: Sequence[str]) -> Side:
    def command(images: Path, out: Path) -> list[str]:
        fixed = [str(python), str(_HERE / "predictors.py"), what, str(setup.weights), str(images), str(setup.imgsz)]
        return [*fixed, str(out), "--device", setup.device, *more]

    return Side(name, command, _lines_of_labels if what == "yolo" else _crops)


def _lines_of_labels(measured: Measured, out: Path) -> Notes:
    return {"detections": sum(len(path.read_text().splitlines()) for path in out.glob("run/labels/*.txt"))}


def _crops(measured: Measured, out: Path) -> Notes:
    return {"detections": sum(path.is_file() for path in out.glob("run/crops/**/*"))}


def _negmine(setup: Setup, name: str, scratch: Path) -> Side | str:
    backends = "--backend" in run([sys.executable, "-m", "negmine", "scan", "--help"]).stdout
    if name == NEGMINE_TORCH and not backends:
        return "this negmine has no --backend"
    fixed = [sys.executable, "-m", "negmine", "scan", "--weights", str(setup.weights), "--imgsz", str(setup.imgsz)]
    fixed += ["--device", setup.device, "--json", *(["--backend", "torch"] if name == NEGMINE_TORCH else [])]
    converts = backends and name == NEGMINE  # the first scan with other weights may export them for its runtime
    return Side(name, lambda images, out: [*fixed, str(images), "--bank", str(out)], _said, prepares=converts)


def _said(measured: Measured, out: Path) -> Notes:
    """What the scan says of itself: its detections, the backend, the share of the time that the detector worked."""
    document = json.loads(measured.stdout)
    skipped = document["images"]["skipped"]
    found = {"busy": named(document, "busy", (int, float)), "backend": named(document, "backend", (str,))}
    found["skipped"] = skipped or None  # a side that sees fewer images is not faster
    return {"detections": document["detections"], **{key: value for key, value in found.items() if value is not None}}


def named(document: Mapping[str, object], part: str, kinds: tuple[type, ...]) -> object:
    """The first value of one of these types whose key has a part, wherever it stands in a document; None without."""
    for key, value in document.items():
        if part in key and isinstance(value, kinds):
            return value
        inner = named(value, part, kinds) if isinstance(value, Mapping) else None
        if inner is not None:
            return inner
    return None


_MAKERS: Mapping[str, Callable[[Setup, str, Path], Side | str]] = {
    TORCH: _torch_limit,
    OPENVINO: _openvino_limit,
    PREDICT: _predict,
    ALL_CORES: _predict,
    SAHI: _sahi,
    NEGMINE_TORCH: _negmine,
    NEGMINE: _negmine,
}


def measure(args: argparse.Namespace, scratch: Path) -> tuple[dict[str, object], dict[str, str]]:
    """All rounds; the figures, and the sides that are missing."""
    weights, sources = args.weights, args.images
    if weights is None:
        weights, backgrounds = demo_material(Path("negmine-demo"))
        sources = [backgrounds]
    images = different_images(sources, args.count)
    if args.frames:
        images = make_frames(images, args.frames, scratch / "frames")
    if len(images) < 2:
        raise SystemExit(f"expected two images or more, found {len(images)}; name more with --images")
    half, full = half_and_all(images, scratch)
    setup = Setup(weights.absolute(), args.imgsz, args.gpu, args.sahi_python, args.seconds)
    sides, missing = all_sides(setup, args.sides, scratch)
    runs = in_rounds(sides, half, full, rounds=args.rounds, warm_up=not args.quick, scratch=scratch)
    ours = [name for name in (NEGMINE_TORCH, NEGMINE) if name in runs]
    pairs = [(each, other) for each in ours for other in runs if other not in ours]
    about = {"imgsz": args.imgsz, "device": setup.device, "frames": bool(args.frames), "rounds": args.rounds}
    return {**about, **summary(runs, full.items, pairs), "missing": missing}, missing


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_material_options(parser)
    parser.add_argument("--count", type=int, help="only so many of the images, from all over them")
    parser.add_argument("--frames", type=int, default=0, metavar="N", help="instead N frames of 1920x1080 made of them")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sides", nargs="+", default=NAMES, choices=NAMES, metavar="SIDE", help="only these, by name")
    parser.add_argument("--seconds", type=float, default=5.0, help="that a limit runs at least")
    parser.add_argument("--sahi-python", type=Path, default=Path(sys.executable), help="an interpreter that has SAHI")
    parser.add_argument("--gpu", action="store_true", help="on the first GPU")
    parser.add_argument("--quick", action="store_true", help="one round on 40 images, about a minute")
    parser.add_argument("--json", action="store_true")
    args = parse_with_material(parser)
    if args.quick:
        args.rounds, args.seconds = 1, min(args.seconds, 1.0)
        args.count = 40 if args.count is None else args.count
    return args


def main() -> None:
    """Run the rounds and print them."""
    args = arguments()
    with tempfile.TemporaryDirectory(prefix="negmine-scan-") as folder:
        document, missing = measure(args, Path(folder))
    if args.json:
        print(json.dumps(document, indent=1))
        return
    what = "frames of 1920x1080" if args.frames else "images"
    print(
        f"{document['items']} {what}, imgsz {args.imgsz}, {document['device']}, {cores()} cores, {args.rounds} rounds"
    )
    print(table(document, "images", missing))


if __name__ == "__main__":
    main()
