"""Exporting a detector with its verifier, for programs that have neither torch nor negmine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from negmine._version import __version__
from negmine.detectors.base import OnStep
from negmine.detectors.config import DetectorConfig
from negmine.detectors.letterbox import STRIDE, whole_strides
from negmine.detectors.onnx.session import VERIFIER
from negmine.detectors.ultralytics.checkpoint import iou_of
from negmine.detectors.ultralytics.detector import UltralyticsDetector
from negmine.detectors.ultralytics.loading import one_line
from negmine.detectors.ultralytics.verified import open_stages
from negmine.detectors.verifier import Verifier
from negmine.detectors.verifier_files import read_verifier
from negmine.detectors.weights_files import hash_weights
from negmine.errors import ConfigError, WeightsError
from negmine.files import sha256_of, write_file
from negmine.notebook import facts
from negmine.paths import printable

SCHEMA_VERSION = 1

_SUFFIX = ".onnx"


@dataclass(frozen=True, slots=True)
class VerifierExport:
    """A detector and its verifier in one file.

    Attributes:
        out: the file.
        sha256: of it, hex.
        weights: of the detector.
        verifier: its second stage.
        imgsz: longer side of the input that both were made for, pixels.
        conf: every detection scores more.
        iou: overlap above which its NMS drops the lower score.
        bytes: size of the file.
    """

    out: Path
    sha256: str
    weights: Path
    verifier: Path
    imgsz: int
    conf: float
    iou: float
    bytes: int

    def _repr_html_(self) -> str:
        """The facts, in a notebook."""
        return facts("Exported verifier", self.to_dict())

    def to_dict(self) -> Mapping[str, object]:
        """The `--json` document."""
        paths = {name: printable(getattr(self, name)) for name in ("out", "weights", "verifier")}
        rest = {name: getattr(self, name) for name in ("sha256", "imgsz", "conf", "iou", "bytes")}
        return {"schema_version": SCHEMA_VERSION, **paths, **rest}


def export_verifier(
    weights: str | Path,
    verifier: str | Path,
    *,
    out: str | Path,
    conf: float | None = None,
    iou: float | None = None,
    trust_weights: bool = False,
    on_step: OnStep | None = None,
) -> VerifierExport:
    """Write a detector, its NMS and its verifier as one ONNX graph.

    Its input `images` is float32 [N, 3, H, W], RGB from 0 to 1, letterboxed with grey of 114; H and W are multiples of
    32. Its output `output0` is float32 [N, 300, 6]: x1, y1, x2, y2 in pixels of the input, score, class; by falling
    score, and zeros after the last detection. The same arguments give the same bytes.

    Args:
        weights: a `.pt` of Ultralytics that detects, of any of its YOLO heads.
        verifier: a file of `negmine verifier train` for these weights.
        out: the file, which ends in `.onnx`; an existing one is replaced.
        conf: detections that do not score above it are left out; None for the one that the verifier keeps recall at.
        iou: overlap above which the NMS drops the lower score; None for Ultralytics' 0.7.
        trust_weights: open a pickle without checking what it would run.
        on_step: told in words what begins now.

    Raises:
        ConfigError: for a setting out of its range, or a model for another task or of another head.
        WeightsError: where a file cannot be read or written, the two do not belong together, or onnx is not installed.
    """
    out = Path(out)
    if out.suffix.lower() != _SUFFIX:
        raise WeightsError(f"expected a file that ends in {_SUFFIX}, found {printable(out)}")
    if find_spec("onnx") is None:
        raise WeightsError("exporting needs the package onnx, which is not installed; pip install 'negmine[onnx]'")
    config = DetectorConfig(
        str(weights), iou=iou, device="cpu", backend="torch", trust_weights=trust_weights, verifier=str(verifier)
    )
    config = config if conf is None else replace(config, conf=conf)
    step = on_step or (lambda text: None)
    read_verifier(verifier)  # before anything that takes long
    step("opening the detector and its verifier")
    detector, stage = open_stages(config)
    conf = stage.conf if conf is None else conf
    step("writing both as one graph")
    data = _graph(detector, stage, Path(verifier), conf, iou_of(config))
    try:
        write_file(out, data)
    except OSError as error:
        raise WeightsError(f"cannot write {printable(out)}: {error.strerror or error}") from error
    return VerifierExport(
        out, sha256_of(data), Path(weights), Path(verifier), stage.imgsz, conf, iou_of(config), len(data)
    )


def _graph(detector: UltralyticsDetector, stage: Verifier, path: Path, conf: float, iou: float) -> bytes:
    from negmine.detectors.ultralytics.tracing import why_not
    from negmine.detectors.ultralytics.verified_graph import VerifiedGraph, to_verified_onnx

    reason = why_not(detector)
    if reason is not None:
        raise ConfigError(
            f"{printable(detector.identity.name)} cannot be exported with a verifier: {reason}; deploy it with "
            "negmine.attach_verifier"
        )
    graph = VerifiedGraph(detector.module, stage, end2end=detector.checkpoint.end2end, conf=conf, iou=iou)
    metadata = {
        "task": "detect",
        "names": dict(sorted(detector.class_names.items())),
        "imgsz": [whole_strides(stage.imgsz)] * 2,
        "stride": STRIDE,
        "batch": 1,
        "channels": 3,
        "end2end": True,
        "args": {"dynamic": True},
        "conf": conf,
        "iou": iou,
        "weights_sha256": stage.weights_sha256,
        VERIFIER: hash_weights(path),
        "made_by": f"negmine {__version__}",
    }
    try:
        return to_verified_onnx(graph, metadata)
    except Exception as error:  # the tracer and the exporter raise whatever they stumble over
        raise WeightsError(f"{printable(detector.identity.name)} cannot be exported: {one_line(error)}") from error
