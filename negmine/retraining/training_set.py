"""Writing what a training reads into the folder of a retraining, in the layout of YOLO.

Images are links where links will do, so that nothing is stored twice; the user's files are never written to.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from negmine.bank.content_files import NEGATIVES, VARIANTS, is_content_name
from negmine.bank.records import Negative, Variant
from negmine.detectors.weights_files import copy_weights
from negmine.errors import ConfigError
from negmine.exporting.names import data_names, negative_name, variant_name
from negmine.exporting.staging import checked
from negmine.files import copy_file, flush, replace_file, write_file
from negmine.images.codecs import encode_jpeg
from negmine.inside import inside, read_plain
from negmine.labels.plan import StoredFile
from negmine.labels.yolo import label_path
from negmine.labels.yolo_writer import yolo_lines
from negmine.paths import printable, real_path, sortable
from negmine.plain_yaml import yaml_of
from negmine.retraining.folder import RetrainFolder, RoundFolder
from negmine.retraining.labelled import ImageWithTruth
from negmine.training.base import channels_entry
from negmine.videos.reading import read_source

_JPEG, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
# By their names; Ultralytics passes over a file of any other.
_TRAINABLE = frozenset(".avif .bmp .dng .jp2 .jpeg .jpg .mpo .png .tif .tiff .webp".split())


@dataclass(frozen=True, slots=True)
class PlacedImages:
    """The labelled images as a training reads them: with objects, known to be empty, and to validate on."""

    positives: tuple[Path, ...]
    empties: tuple[Path, ...]
    val: tuple[Path, ...]

    @classmethod
    def of(
        cls,
        train: Iterable[ImageWithTruth],
        val: Iterable[ImageWithTruth],
        placed: Mapping[str, Path],
        tiles: Mapping[str, Sequence[Path]] | None = None,
    ) -> Self:
        """The images of one training.

        Args:
            train: trained on.
            val: to validate on.
            placed: where images are, by sha256; the others are left out.
            tiles: where the tiles of images are, by sha256; each has an object.
        """
        train = list(train)
        there = [image for image in train if image.sha256 in placed]
        parts = (tile for image in train for tile in (tiles or {}).get(image.sha256, ()))
        return cls(
            _sorted([*(placed[image.sha256] for image in there if image.is_positive), *parts]),
            _sorted(placed[image.sha256] for image in there if not image.is_positive),
            _sorted(placed[image.sha256] for image in val if image.sha256 in placed),
        )


def place_labelled(
    folder: RetrainFolder,
    parts: Mapping[str, Sequence[ImageWithTruth]],
    class_ids: Mapping[str, int],
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Path]:
    """Write the labelled images and their labels, except those that are there.

    Images whose objects are all crowds are left out: YOLO has no box for them, and without one they would teach that
    nothing is there.

    Args:
        folder: of the retraining.
        parts: the images, by the name of their folder, such as `train`.
        class_ids: the model's number of each class, by its name in the labels.
        on_progress: called with how many are done, of how many.

    Returns:
        Where each is, by its sha256.
    """
    placed: dict[str, Path] = {}
    total, done = sum(map(len, parts.values())), 0
    for part, images in parts.items():
        names = data_names([(image.path, image.sha256) for image in images], ())
        for image, name in zip(images, names, strict=True):
            done += 1
            lines = yolo_lines(image.truth, image.size_wh, class_ids)
            if lines or not image.is_positive:
                placed[image.sha256] = folder.images(part) / f"{name}{trainable_suffix(image.path)}"
                _place(folder, image.path, placed[image.sha256], lines)
            if on_progress is not None:
                on_progress(done, total)
    return placed


def place_negatives(
    folder: RetrainFolder, home: RoundFolder, chosen: Sequence[Negative], variants: Sequence[tuple[Negative, Variant]]
) -> None:
    """Put negatives where a training finds them, then write their list into the folder of the training."""
    files = [(negative.path, negative_name(negative)) for negative in chosen]
    files += [(variant.path, variant_name(negative, variant)) for negative, variant in variants]
    images = folder.images("negatives")
    for path, name in files:
        _place(folder, checked(StoredFile(path, path.stem)), images / f"{name}.jpg", "")
    for written in {images, label_path(images / "any.jpg").parent}:
        if written.is_dir():
            flush(written)  # the list says that they are there
    lines = [f"./{_from(home, images)}/{name}.jpg\n" for _, name in files]  # as Ultralytics reads `./`
    write_file(home.negatives, "".join(lines).encode())


def read_negatives(folder: RetrainFolder, home: RoundFolder) -> tuple[Path, ...]:
    """The negatives that were placed for a training, hardest first."""
    lines = read_plain(home.negatives).decode("utf-8", "surrogateescape").splitlines()
    names = [name for line in lines if (name := Path(line).name)]
    return tuple(inside(folder.images("negatives"), name) for name in names)


def require_of_bank(placed: Iterable[Path], bank: Path) -> None:
    """Refuse negatives that are gone, or are links to anything but files of the bank.

    Raises:
        ConfigError: naming the first.
    """
    home = real_path(bank)
    for path in placed:
        target = real_path(path)
        name = target.relative_to(home).as_posix() if target.is_relative_to(home) else ""
        is_of_bank = is_content_name(name, NEGATIVES) or is_content_name(name, VARIANTS)
        if not os.path.isfile(path) or (path.is_symlink() and not is_of_bank):  # noqa: PTH113  (it raises for no name)
            raise ConfigError(
                f"{printable(path)}: expected a negative, or a link to one of bank {printable(bank)}, found neither; "
                "restore it from a copy, or name another folder with --out"
            )


def gather_negatives(folder: RetrainFolder, home: RoundFolder, members: Sequence[RoundFolder]) -> None:
    """List the negatives that any member of a round is trained on, each once, in the folder of the round."""
    images = dict.fromkeys(path for member in members for path in read_negatives(folder, member))
    write_file(home.negatives, "".join(f"./{_from(home, path)}\n" for path in images).encode())


def write_data_yaml(
    home: RoundFolder,
    images: PlacedImages,
    class_names: Sequence[str],
    *,
    channels: int,
    negatives: bool,
) -> None:
    """Write a data.yaml with which Ultralytics trains on the same images.

    Args:
        home: the folder that it is written into.
        images: the labelled images.
        class_names: of the model, by class id.
        channels: of the images that the model sees.
        negatives: whether the list of negatives in the folder is part of it.
    """
    train = [_from(home, path) for path in _folders((*images.positives, *images.empties))]
    val = [_from(home, path) for path in _folders(images.val)] or train  # Ultralytics insists on some
    train = [*train, home.negatives.name] if negatives else train
    document = {
        "train": train if len(train) > 1 else train[0],
        "val": val if len(val) > 1 else val[0],
        "names": dict(enumerate(class_names)),
        **channels_entry(channels),
    }
    text = yaml_of(document)
    write_file(home.data_yaml, f"# Written by negmine retrain; paths are relative to this file.\n{text}".encode())


def _sorted(paths: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(sorted(paths, key=sortable))


def _folders(images: Iterable[Path]) -> list[Path]:
    return sorted({path.parent for path in images}, key=sortable)


def _from(home: RoundFolder, path: Path) -> str:
    """A path inside the folder of the retraining, relative to one of its folders."""
    return Path(os.path.relpath(path, home.path)).as_posix()


def _place(folder: RetrainFolder, source: Path, target: Path, lines: str) -> None:
    """The label first: an image that is there has one."""
    label = label_path(target)
    if not label.is_file() or label.read_bytes() != lines.encode():
        write_file(label, lines.encode(), durable=False)  # a run that is resumed compares it again
    place_image(source, target, home=folder.out)


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
    real = real_path(source)
    if target.exists() and (not target.is_symlink() or real_path(target) == real):
        return
    target.unlink(missing_ok=True)  # a link to nothing, or to something else
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix.lower() not in _TRAINABLE:
        write_file(target, encode_jpeg(read_source(source).decode(), quality=100))
        return
    if _would_be_rewritten(source):
        copy_file(source, target)
        return
    goal = os.path.relpath(real, real_path(target.parent)) if real.is_relative_to(real_path(home)) else str(real)
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
