"""Files of a retraining's folder: whole or not there, and on the disk before anything is built on them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from negmine.detectors.weights_files import copy_weights
from negmine.errors import TrainingError
from negmine.files import copy_file, replace_file, write_file
from negmine.images import decode_image
from negmine.images.codecs import encode_jpeg
from negmine.paths import printable

_JPEG, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
# By their names; Ultralytics passes over a file of any other.
_TRAINABLE = frozenset(".avif .bmp .dng .jp2 .jpeg .jpg .mpo .png .tif .tiff .webp".split())


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Turn what the file system says about a retraining's folder into one line."""
    try:
        yield
    except OSError as error:
        what = printable(error.filename) if error.filename else printable(out)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            advice = "free some space and run the same command again with --resume"
        else:
            advice = "name a folder that can be written with --out, or mend it and run again with --resume"
        raise TrainingError(f"{what}: {error.strerror or error}; {advice}") from error


def copy_start(source: Path, target: Path) -> None:
    """Copy the weights that a retraining begins with, as `replace_file` does."""

    def copy(part: Path) -> None:
        copy_weights(source, part)

    replace_file(target, copy)


def trainable_suffix(path: Path) -> str:
    """The suffix under which an image can be trained on: its own, in lower case, or that of a JPEG."""
    suffix = path.suffix.lower()
    return suffix if suffix in _TRAINABLE else ".jpg"


def place_image(source: Path, target: Path, *, home: Path) -> None:
    """Put an image where a training looks for it: as a link, or as a copy where a link would not do.

    Ultralytics saves a JPEG anew, in its place, unless it ends as one should: such a file is copied, so that the user's
    stays as it is. What Ultralytics would pass over for its name is written as JPEG.

    Args:
        source: the image.
        target: where it shall be; what is there stays.
        home: the folder of the retraining; links inside it are relative, so that it can be moved.
    """
    if target.exists():
        return
    target.unlink(missing_ok=True)  # a link to nothing
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix.lower() not in _TRAINABLE:
        write_file(target, encode_jpeg(decode_image(source.read_bytes()), quality=100))
        return
    if _would_be_rewritten(source):
        copy_file(source, target)
        return
    real = source.resolve()
    goal = os.path.relpath(real, target.parent.resolve()) if real.is_relative_to(home.resolve()) else str(real)
    try:
        target.symlink_to(goal)
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        copy_file(source, target)  # a file system, or a user, without symbolic links


def _would_be_rewritten(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(2)
        file.seek(-2, os.SEEK_END)
        return start == _JPEG and file.read() != _JPEG_END
