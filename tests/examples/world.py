"""What the guides assume: detectors, labelled images and backgrounds, all small and drawn."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from blobs import square_detector
from clips import encode
from firing import pictures, write_firing_checkpoint

from negmine.detectors.base import Detector
from negmine.detectors.config import DetectorConfig
from negmine.detectors.open import open_detector
from negmine.mining.config import ScanConfig
from negmine.mining.flicker.config import FlickerConfig
from negmine.mining.scan import scan
from negmine.structures import Image
from negmine.videos.config import Every, VideoConfig

_CVAT = (
    "<annotations><meta><task><size>20</size><mode>interpolation</mode><start_frame>0</start_frame><labels><label>"
    "<name>sign</name></label></labels><source>clip.mp4</source></task></meta><track id='0' label='sign'>"
    "<box frame='5' keyframe='1' outside='0' xtl='10' ytl='10' xbr='40' ybr='40'/>"
    "<box frame='8' keyframe='1' outside='1' xtl='10' "
    "ytl='10' xbr='40' ybr='40'/></track></annotations>"
)
ROOT = Path(__file__).parents[2]
NAME = "sign"


def make_world(folder: Path) -> Path:
    """Write `best.pt`, `new.pt`, `data.yaml` with its images, two folders of backgrounds, what others detected, and a
    clip and a playlist.
    """
    best, _ = (
        write_firing_checkpoint(folder / f"{name}.pt", seed=seed, names=[NAME], bias=-1.5, spread=0.1)
        for seed, name in enumerate(("best", "new"))
    )
    (folder / "examples").symlink_to(ROOT / "examples")
    detector = open_detector(DetectorConfig(str(best), device="cpu", backend="torch"))
    for number, (split, count) in enumerate({"train": 8, "val": 4}.items()):
        for index, image in enumerate(_images(count, seed=1 + number)):
            _write_labelled(folder, split, f"{split}{index}", image, detector)
    (folder / "data.yaml").write_text(f"train: images/train\nval: images/val\nnames: [{NAME}]\n")
    _write_images(folder / "new-backgrounds", _images(4, seed=3))
    _write_images(folder / "backgrounds", backgrounds := _images(10, seed=4))
    _write_predictions(folder, backgrounds, detector)
    encode(folder / "clip.mp4", _images(40, seed=5), options={"b": "4000000"})
    (folder / "clip.xml").write_text(_CVAT)
    _write_onnx(folder / "model.onnx")
    _write_detr(folder / "my-detr")
    _write_traffic(folder)
    _write_playlist(folder / "hls")
    return folder


def _write_traffic(folder: Path) -> None:
    """A clip, and a bank with what another detector's scan for flickers found in it: one flicker, and one gap."""
    video = encode(folder / "traffic.mkv", 30, draw=_crossing, codec="ffv1", pix_fmt="bgr0")
    config = ScanConfig(video=VideoConfig(Every(frames=1)), flicker=FlickerConfig())
    scan(video, square_detector(), bank=folder / "video-bank", config=config)


def _crossing(number: int) -> Image:
    """A square that goes across, but for a frame, and another that is there for one."""
    image = np.random.default_rng(7).integers(0, 80, size=(96, 160, 3), dtype=np.uint8)
    if number != 14:
        image[8:24, 4 + 4 * number : 20 + 4 * number] = (200, 0, 255)
    if number == 18:
        image[70:86, 20:36] = (150, 0, 255)
    return image


def _write_playlist(folder: Path) -> None:
    """A recording of two seconds, as a camera's playlist."""
    folder.mkdir()
    encode(folder / "gate.ts", [image for image in _images(2, seed=6) for _ in range(10)], codec="mpeg2video", rate=25)
    lines = ("#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1", "#EXTINF:0.8,", "gate.ts", "#EXT-X-ENDLIST", "")
    (folder / "gate.m3u8").write_text("\n".join(lines))


def _images(count: int, *, seed: int) -> list[Image]:
    """Noise of sizes that are no smaller than a crop must be."""
    return [cv2.resize(image, (128, 96)) for image in pictures(count, seed=seed)]


def _write_images(folder: Path, images: Sequence[Image]) -> None:
    folder.mkdir()
    for index, image in enumerate(images):
        cv2.imwrite(str(folder / f"b{index}.png"), image)


def _write_labelled(folder: Path, split: str, name: str, image: Image, detector: Detector) -> None:
    """An image whose one object is what the detector is surest of, so that there is something to find."""
    path = folder / "images" / split / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
    (found,) = detector.predict([image])
    label = folder / "labels" / split / f"{name}.txt"
    label.parent.mkdir(parents=True, exist_ok=True)
    label.write_text(f"0 {_yolo(found.boxes_xyxy[np.argmax(found.scores)], image)}\n")


def _yolo(box_xyxy: np.ndarray, image: Image) -> str:
    """Centre and size, as shares of the image."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = box_xyxy.tolist()
    return f"{(x1 + x2) / 2 / width:.6f} {(y1 + y2) / 2 / height:.6f} {(x2 - x1) / width:.6f} {(y2 - y1) / height:.6f}"


def _write_predictions(folder: Path, images: Sequence[Image], detector: Detector) -> None:
    """The same detections of the backgrounds as YOLO text and as COCO results."""
    results = []
    (folder / "predictions").mkdir()
    for index, (image, found) in enumerate(zip(images, detector.predict(images), strict=True)):
        rows = list(zip(found.boxes_xyxy, found.scores.tolist(), strict=True))[:3]
        text = "".join(f"0 {_yolo(box, image)} {score:.4f}\n" for box, score in rows)
        (folder / "predictions" / f"b{index}.txt").write_text(text)
        for (x1, y1, x2, y2), score in rows:
            box = [float(x1), float(y1), float(x2 - x1), float(y2 - y1)]
            results.append({"image_id": index, "category_id": 1, "bbox": box, "score": score})
    named = [{"id": index, "file_name": f"b{index}.png"} for index in range(len(images))]
    coco = {"images": named, "annotations": [], "categories": [{"id": 1, "name": NAME}]}
    (folder / "images.json").write_text(json.dumps(coco))
    (folder / "results.json").write_text(json.dumps(results))


def _write_onnx(path: Path) -> None:
    """A model in the layout of Ultralytics, [1, 4 + classes, boxes], that finds one thing in every image."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rows = np.zeros((1, 5, 12), np.float32)
    rows[0, :, 0] = 32, 32, 20, 20, 0.9  # centre, size and score
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, (1, 3, 64, 64))
    found = helper.make_tensor_value_info("output0", TensorProto.FLOAT, None)
    constant = numpy_helper.from_array(rows, "rows")
    graph = helper.make_graph(
        [helper.make_node("Identity", ["rows"], ["output0"])], "tiny", [image], [found], [constant]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def _write_detr(folder: Path) -> None:
    """A DETR of random weights."""
    from transformers import DetrConfig, DetrForObjectDetection, DetrImageProcessor, ResNetConfig

    backbone = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], layer_type="basic", out_features=["stage4"]
    )
    config = DetrConfig(
        use_timm_backbone=False, use_pretrained_backbone=False, backbone=None, backbone_config=backbone, d_model=16,
        encoder_layers=1, decoder_layers=1, encoder_ffn_dim=16, decoder_ffn_dim=16, encoder_attention_heads=2,
        decoder_attention_heads=2, num_queries=10, id2label={0: NAME},
    )  # fmt: skip
    DetrForObjectDetection(config).save_pretrained(folder)
    DetrImageProcessor(size={"shortest_edge": 64, "longest_edge": 96}).save_pretrained(folder)


def copied(world: Path, folder: Path) -> Path:
    """A copy to work in."""
    return Path(shutil.copytree(world, folder / "work", symlinks=True))
