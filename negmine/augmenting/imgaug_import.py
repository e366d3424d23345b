"""Importing imgaug 0.4.0, which looks up `np.sctypes` while it is imported; NumPy 2 has no such name.

This is the only module that imports imgaug. The name is there for the time of the import alone: NumPy stays as it was.
"""

from __future__ import annotations

import importlib
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

_NAME = "sctypes"
_SCTYPES = {  # as NumPy 1.26 had it
    "int": [np.int8, np.int16, np.int32, np.int64],
    "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
    "float": [np.float16, np.float32, np.float64, np.longdouble],
    "complex": [np.complex64, np.complex128, np.clongdouble],
    "others": [bool, object, bytes, str, np.void],
}
_importing = threading.Lock()


@cache
def imgaug_augmenters() -> Any:
    """The module `imgaug.augmenters`, imported when it is first asked for.

    Raises:
        ImportError: where imgaug is not installed.
    """
    with _importing, _sctypes(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its dependencies; nobody here can do anything about them
        return importlib.import_module("imgaug.augmenters")


@contextmanager
def _sctypes() -> Iterator[None]:
    """Give NumPy the name that it lacks, if it lacks it, and take it away again."""
    if _NAME in vars(np):
        yield
        return
    vars(np)[_NAME] = _SCTYPES
    try:
        yield
    finally:
        del vars(np)[_NAME]
