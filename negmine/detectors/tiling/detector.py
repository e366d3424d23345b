"""A detector that runs another one on tiles of each image, and on the image at several scales."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from negmine.boxes import box_area
from negmine.detectors.base import Detector
from negmine.detectors.batches import predict_each
from negmine.detectors.tiling.config import AUTO, TileConfig
from negmine.detectors.tiling.layout import Tile, tiles_of
from negmine.detectors.tiling.merge import merge
from negmine.detectors.wrapper import DetectorWrapper
from negmine.errors import BoxError, ConfigError, ImageError
from negmine.structures import Detections, FloatArray, Image, IntArray, Pixels


class TiledDetector(DetectorWrapper):
    """Finds small objects in large images: cuts an image into tiles, detects in each, and merges what is found.

        detector = TiledDetector(detector, TileConfig((640, 640)))

    Batches run over the tiles of all images that are given at once, so that they are full. An image may also be a file
    of which parts are read (`negmine.images.windows`); a batch of its tiles is in memory then.

    Args:
        detector: any, but predictions that were written for whole images.
        config: the tiles; their size is no longer `auto`.
        note: what to tell the user about how it was chosen.

    Raises:
        ConfigError: for predictions, and for `auto`, which needs labels; see `negmine.detectors.tiling.auto`.
    """

    def __init__(self, detector: Detector, config: TileConfig, note: str | None = None) -> None:
        if detector.needs_files:
            raise ConfigError("tiles need a model that runs on them, found predictions; leave --tile and --scales out")
        if config.size_wh == AUTO:
            raise ConfigError("expected the size of a tile in pixels, found auto, which is for labelled images")
        super().__init__(detector, config.settings())
        self.config = config
        self._note = note
        self._stopped = threading.Event()

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of the detector, and how the tiles were chosen."""
        return (*self.detector.notes, *filter(None, [self._note]))

    @property
    def reads_parts(self) -> bool:
        """Whether an image may be a file of which parts are read; True."""
        return True

    def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[Detections]:
        """Detect in all tiles of all images.

        Raises:
            TilesError: for an image that would be cut into too many.
            BoxError, InterruptedError: as `Detector.predict`.
        """
        self._stopped.clear()
        sizes = [(image.shape[1], image.shape[0]) for image in images]
        tiles = [tiles_of(size_wh, self.config) for size_wh in sizes]
        found: list[list[Detections]] = [[Detections.empty()] * len(each) for each in tiles]
        for batch in self._batches(tiles):
            if self._stopped.is_set():
                raise InterruptedError
            pictures = [_drawn(tiles[image][tile], images[image]) for image, tile in batch]
            for (image, tile), result in zip(batch, predict_each(self.detector, pictures), strict=True):
                if isinstance(result, BoxError):
                    raise result
                found[image][tile] = result
        return [_merged(*each) for each in zip(found, tiles, sizes, strict=True)]

    def give_up(self) -> None:
        """Stop before the next batch of tiles, or sooner where the detector can."""
        self._stopped.set()
        self.detector.give_up()

    def _batches(self, tiles: Sequence[Sequence[Tile]]) -> Iterator[list[tuple[int, int]]]:
        """Batches of the detector, as numbers of images and tiles: pictures of one size come after each other."""
        every = [(image, tile) for image, of_image in enumerate(tiles) for tile in range(len(of_image))]
        every.sort(key=lambda each: tiles[each[0]][each[1]].canvas_wh)  # stable: image by image
        for start in range(0, len(every), self.batch_size):
            yield every[start : start + self.batch_size]


def _drawn(tile: Tile, image: Pixels) -> Image:
    try:
        return tile.draw(image)
    except ImageError as error:  # a part of a file that cannot be read; the scan skips this image alone
        raise BoxError(str(error)) from error


def _merged(found: Sequence[Detections], tiles: Sequence[Tile], image_wh: tuple[int, int]) -> Detections:
    """What was found in the tiles of an image, in its pixels, each object once."""
    boxes = np.concatenate([_in_image(each.boxes_xyxy, tile) for each, tile in zip(found, tiles, strict=True)])
    tile_ids: IntArray = np.repeat(np.arange(len(tiles)), [len(each) for each in found])
    scores = np.concatenate([each.scores for each in found])
    class_ids = np.concatenate([each.class_ids for each in found])
    there = box_area(boxes) > 0
    return merge(Detections(boxes, scores, class_ids).select(there), tile_ids[there], tiles, image_wh)


def _in_image(boxes_xyxy: FloatArray, tile: Tile) -> FloatArray:
    """Boxes in pixels of what was shown as boxes in pixels of the image, cut to the part that was shown."""
    view, (width, height) = tile.view, tile.size_wh
    across, down = width / tile.shown_wh[0], height / tile.shown_wh[1]
    boxes: FloatArray = boxes_xyxy * np.array([across, down] * 2) + np.array([view.x1, view.y1] * 2)
    return np.clip(boxes, view[:2] * 2, view[2:4] * 2)
