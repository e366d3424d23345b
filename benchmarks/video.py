"""How fast videos are scanned: frames a second against decoding alone and the detector alone, and memory over an hour.

    python benchmarks/video.py --weights best.pt [--minutes 60] [--height 720] [--video FILE]

Without `--video` a clip of that many minutes is made first: a drifting picture, 16:9, 25 frames a second, H.264.
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

_RATE, _LOOP = 25, 250


def encode(path: Path, minutes: float, height: int) -> None:
    """Write a clip whose picture drifts; one loop of it is encoded, and its packets are repeated."""
    import av
    import cv2

    rng = np.random.default_rng(0)
    noise, width = rng.integers(0, 255, (45, 120, 3), dtype=np.uint8), height * 16 // 9
    wide = cv2.resize(noise, (width + 2 * _LOOP, height), interpolation=cv2.INTER_CUBIC)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=_RATE, options={"g": str(_LOOP), "bf": "0", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        packets = []
        for number in range(_LOOP):
            at = number * 2
            picture: Image = np.ascontiguousarray(wide[:, at : at + width], dtype=np.uint8)
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


class Timer:
    """Frames a second by the clock, and milliseconds of one core for each, which other work on the machine changes
    less.
    """

    def __init__(self) -> None:
        self._clock, self._cores = time.perf_counter(), time.process_time()

    def speed(self, frames: int) -> float:
        """Frames a second since the start."""
        return frames / (time.perf_counter() - self._clock)

    def cost(self, frames: int) -> str:
        """Both, for people."""
        busy_ms = 1000 * (time.process_time() - self._cores) / frames
        return f"{self.speed(frames):.1f} frames/s, {busy_ms:.1f} ms of one core a frame"


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
        timer = Timer()
        for _ in engine.map(lambda item: item.read().decode().shape, items):
            pass
        decoding = timer.speed(len(items))
    print(f"decoding alone {timer.cost(len(items))}, peak {peak_mb()} MiB")
    detector = open_detector(DetectorConfig(weights, imgsz=imgsz), samples_of([item.path for item in items]))
    images = [item.read().decode() for item in items[:64]]
    detector.predict(images[: detector.batch_size])
    timer = Timer()
    for start in range(0, len(images), detector.batch_size):
        detector.predict(images[start : start + detector.batch_size])
    alone = timer.speed(len(images))
    print(f"detector alone {timer.cost(len(images))}")
    seen: list[tuple[int, int]] = []
    timer = Timer()
    result = scan(
        video, detector, bank=work / "bank", config=ScanConfig(video=config),
        on_progress=lambda now: seen.append((now.done, peak_mb())),
    )  # fmt: skip
    share = timer.speed(result.scanned) / min(decoding, alone)
    print(f"scan {timer.cost(result.scanned)}: {share:.2f} of the slower; {result.added} negatives")
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
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--every", default="1s")
    parser.add_argument("--imgsz", type=int, default=320)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        video = given.video or Path(folder, "clip.mp4")
        if given.video is None:
            encode(video, given.minutes, given.height)
        measure(video, given.weights, Every.parse(given.every), given.imgsz, Path(folder))


if __name__ == "__main__":
    main()
