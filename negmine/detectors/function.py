"""Any function as a detector, so that every framework can be mined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import numpy.typing as npt

from negmine.detectors.base import BaseDetector, DetectorIdentity
from negmine.errors import ConfigError, DetectorError
from negmine.files import sha256_of
from negmine.structures import Detections, Image

FunctionResult: TypeAlias = Detections | tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike]


class FunctionDetector(BaseDetector):
    """A detector that calls a function for every image.

    Nothing shows from outside that a function's code or weights changed. Change `key` when they do: an image that the
    bank has under the same name and key is not scanned again.

    Args:
        function: takes one image, [H, W, 3] uint8 BGR, and returns `Detections`, or a tuple of boxes [N, 4] xyxy in
            pixels of that image, scores [N] in [0, 1] and class ids [N]; everything that it returns is kept.
        class_names: the name of every class id that the function may return.
        name: for people.
        batch_size: how many images `predict` works best on.
        key: stands for the version of the function and its weights.

    Raises:
        ConfigError: for no class names, or a batch size under 1.
    """

    def __init__(
        self,
        function: Callable[[Image], FunctionResult],
        class_names: Mapping[int, str] | Sequence[str],
        *,
        name: str = "function",
        batch_size: int = 1,
        key: str | None = None,
    ) -> None:
        if isinstance(class_names, str) or not class_names:
            raise ConfigError(f"expected the names of the detector's classes, found {class_names!r}")
        if batch_size < 1:
            raise ConfigError(f"expected batch_size of 1 or more, found {batch_size}")
        pairs = class_names.items() if isinstance(class_names, Mapping) else enumerate(class_names)
        self._function = function
        self._class_names = MappingProxyType({int(index): str(label) for index, label in pairs})
        self._batch_size = batch_size
        digest = sha256_of(f"{name}\0{key or ''}".encode())
        self._identity = DetectorIdentity(name=name, sha256=digest, settings={"kind": "function"})

    def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[Detections]:
        """Call the function for each image.

        Raises:
            DetectorError: where it returns anything but detections, or a class without a name.
            BoxError: where boxes, scores or class ids are invalid.
        """
        return [self._detections(self._function(image), index) for index, image in enumerate(images)]

    def _detections(self, result: object, index: int) -> Detections:
        where = f"the function of detector {self._identity.name!r}, for image {index} of its batch"
        expected = "expected Detections or a tuple (boxes, scores, class_ids)"
        if isinstance(result, Detections):
            found = result
        elif isinstance(result, tuple) and len(result) == 3:
            found = _from_arrays(result, where)
        elif isinstance(result, tuple):
            raise DetectorError(f"{where}: {expected}, found a tuple of {len(result)}")
        else:
            raise DetectorError(f"{where}: {expected}, found {type(result).__name__}")
        unknown = sorted(set(found.class_ids.tolist()) - set(self._class_names))
        if unknown:
            raise DetectorError(
                f"{where}: class {unknown[0]} has no name; class_names lists {sorted(self._class_names)}"
            )
        return found


def _from_arrays(result: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike], where: str) -> Detections:
    boxes, scores, class_ids = result
    try:
        return Detections(boxes, scores, class_ids)  # type: ignore[arg-type]  # it converts anything array-like
    except (TypeError, ValueError) as error:  # of NumPy, for ragged lists and strings
        raise DetectorError(f"{where}: expected arrays of numbers ({error})") from error
