"""`negmine verifier export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from negmine.cli._command import Command, option
from negmine.cli._options import json_option
from negmine.cli._output import print_json, quoted
from negmine.paths import printable
from negmine.terminal import console, say, step_progress

if TYPE_CHECKING:
    from negmine.verifying.export import VerifierExport


@click.command("export", cls=Command)
@option("Detector", "--weights", required=True, metavar="W", help="A .pt of Ultralytics that detects.")
@option("Detector", "--verifier", required=True, metavar="FILE", help="Its second stage, of `negmine verifier train`.")
@option("Detector", "--trust-weights", is_flag=True, help="Open a .pt even if it would run code from outside torch.")
@option("Output", "--conf", type=float, help="Keep detections that score more.  [default: as trained]")
@option("Output", "--iou", type=float, help="Overlap above which the NMS drops the lower score.  [default: 0.7]")
@option("Output", "--out", required=True, metavar="FILE", help="The ONNX file.")
@json_option
def command(
    weights: str,
    verifier: str,
    trust_weights: bool,
    conf: float | None,
    iou: float | None,
    out: str,
    as_json: bool,
) -> None:
    """Write a detector, its NMS and its verifier as one ONNX graph, for programs without torch and negmine.

    It takes images [N, 3, H, W], RGB from 0 to 1, letterboxed, and gives [N, 300, 6]: the corners of a box in pixels of
    the input, the verifier's score, and the class. Needs pip install 'negmine[onnx]'.

    \b
    negmine verifier export --weights best.pt --verifier verifier.safetensors --out best.onnx
    negmine scan streets/ --weights best.onnx
    """
    from negmine.verifying.export import export_verifier

    with step_progress() as (on_step, _):
        result = export_verifier(
            weights, verifier, out=out, conf=conf, iou=iou, trust_weights=trust_weights, on_step=on_step
        )
    if as_json:
        print_json(result.to_dict())
    else:
        _render(result)


def _render(result: VerifierExport) -> None:
    out = console()
    say(out, f"exported: {printable(result.out)} ({result.bytes / 1e6:.1f} MB)")
    say(out, "input:    images [N, 3, H, W], RGB 0 to 1, letterboxed with grey of 114")
    say(out, "output:   output0 [N, 300, 6]: x1, y1, x2, y2 in pixels of the input, score, class")
    say(out, f"for:      imgsz {result.imgsz}, scores over {result.conf:g}, NMS at iou {result.iou:g}")
    words = ("negmine", "scan", "SOURCE", "--weights", str(result.out), "--conf", f"{result.conf:g}")
    say(out, f"next:     {quoted(*words)}")
