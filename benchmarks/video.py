"""How fast videos are scanned: frames a second against decoding alone and the detector alone, and memory over an hour.

    python benchmarks/video.py --weights best.pt [--minutes 60] [--video FILE]

Without `--video` a clip of that many minutes is made first: a drifting picture, 1280 x 720, 25 frames a second, H.264.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from negmine.detectors.config import DetectorConfig
from negmine.detectors.open import open_detector
from negmine.detectors.samples import samples_of
from negmine.engines.threads import ThreadEngine
from negmine.mining.config import ScanConfig
from negmine.mining.scan import scan
from negmine.sources.expand import expand_sources
from negmine.sources.videos import FrameItem
from negmine.structures import Image
from negmine.videos.config import Every, VideoConfig

_RATE, _SIZE_WH, _LOOP = 25, (1280, 720), 250


def encode(path: Path, minutes: float) -> None:
    """Write a clip whose picture drifts; one loop of it is encoded, and its packets are repeated."""
    import av
    import cv2

    rng = np.random.default_rng(0)
    wide = cv2.resize(rng.integers(0, 255, (45, 120, 3), dtype=np.uint8), (1920, 720), interpolation=cv2.INTER_CUBIC)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=_RATE, options={"g": str(_LOOP), "bf": "0", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = *_SIZE_WH, "yuv420p"
        packets = []
        for number in range(_LOOP):
            at = number * 2
            picture: Image = np.ascontiguousarray(wide[:, at : at + _SIZE_WH[0]], dtype=np.uint8)
            packets += stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24"))
        packets += stream.encode()
        stored = [(bytes(packet), packet.is_keyframe, packet.time_base) for packet in packets]
        for number in range(round(minutes * 60 * _RATE)):
            data, is_key, base = stored[number % _LOOP]
            packet = av.Packet(data)
            packet.stream, packet.time_base, packet.is_keyframe = stream, base, is_key
            packet.pts = packet.dts = round(number / (_RATE * base))
            container.mux(packet)


def peak_mb() -> int:
    """The most memory that this process has taken, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def measure(video: Path, weights: str, every: Every, imgsz: int, work: Path) -> None:
    """Print the three speeds."""
    config = VideoConfig(every=every)
    began = time.perf_counter()
    items = [item for item in expand_sources([video], video=config) if isinstance(item, FrameItem)]
    print(f"{len(items)} frames listed in {time.perf_counter() - began:.2f} s")
    began = time.perf_counter()
    items[0].read()
    print(f"hashed in {time.perf_counter() - began:.2f} s")
    with ThreadEngine() as engine:
        began = time.perf_counter()
        for _ in engine.map(lambda item: item.read().decode().shape, items):
            pass
        decoding = len(items) / (time.perf_counter() - began)
    print(f"decoding alone {decoding:.1f} frames/s, peak {peak_mb()} MiB")
    detector = open_detector(DetectorConfig(weights, imgsz=imgsz), samples_of([item.path for item in items]))
    images = [item.read().decode() for item in items[:64]]
    detector.predict(images[: detector.batch_size])
    began = time.perf_counter()
    for start in range(0, len(images), detector.batch_size):
        detector.predict(images[start : start + detector.batch_size])
    alone = len(images) / (time.perf_counter() - began)
    print(f"detector alone {alone:.1f} images/s")
    seen: list[tuple[int, int]] = []
    began = time.perf_counter()
    result = scan(
        video, detector, bank=work / "bank", config=ScanConfig(video=config),
        on_progress=lambda now: seen.append((now.done, peak_mb())),
    )  # fmt: skip
    speed = result.scanned / (time.perf_counter() - began)
    print(f"scan {speed:.1f} frames/s: {speed / min(decoding, alone):.2f} of the slower; {result.added} negatives")
    marks = [next(mb for done, mb in seen if done >= len(items) * part // 4) for part in range(1, 5)]
    print(f"peak memory at each quarter of the scan, MiB: {marks}")
    began = time.perf_counter()
    again = scan(video, detector, bank=work / "bank", config=ScanConfig(video=config))
    print(f"again: {again.unchanged} unchanged in {time.perf_counter() - began:.2f} s")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--video", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", default="1s")
    parser.add_argument("--imgsz", type=int, default=320)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        video = given.video or Path(folder, "clip.mp4")
        if given.video is None:
            encode(video, given.minutes)
        measure(video, given.weights, Every.parse(given.every), given.imgsz, Path(folder))


if __name__ == "__main__":
    main()
