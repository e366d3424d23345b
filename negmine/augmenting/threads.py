"""How OpenCV and the memory of a process are set while many threads each work on a picture of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cv2


@contextmanager
def opencv_on_one_thread() -> Iterator[None]:
    """Keep OpenCV from splitting one picture over all cores, which are busy with other pictures."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
