"""Targets without labels as work for a labeller: their images, with the detector's boxes as labels to begin with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from negmine.bank.bank import Bank
from negmine.bank.filters import ReviewState
from negmine.bank.unlabelled_targets import MarkedImage, gap_images, marked_images
from negmine.boxes import box_area, box_iou, clip_boxes
from negmine.engines.threads import ThreadEngine
from negmine.errors import ExportError, ImageError
from negmine.exporting.config import TargetExportConfig
from negmine.exporting.data_images import IMAGE_SUFFIXES
from negmine.exporting.fitting import require_writable
from negmine.exporting.folder import has_manifest, require_ours, write_plan
from negmine.exporting.names import data_names
from negmine.exporting.result import TargetExportResult
from negmine.files import reason_of
from negmine.images import encode_jpeg
from negmine.images.header import read_header
from negmine.labels.formats import label_writer
from negmine.labels.plan import Content, ExportImage, Origin, Plan, Proposal, StoredFile
from negmine.paths import printable, real_path
from negmine.structures import BoolArray, FloatArray, GroundTruth, as_boxes_xyxy
from negmine.trainable import LABELLED_IOU, waits_for_label
from negmine.videos.names import frame_name, short_name
from negmine.videos.reading import SourceImage, read_source
from negmine.words import counted

_GONE = "it is gone"
_CHANGED = "it has changed since it was scanned"


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """An image that is still there.

    Attributes:
        path: where.
        size_wh: upright, pixels.
        suffix: by the type of its content.
        file: what is exported; of a frame, which is no file, a JPEG.
    """

    path: Path
    size_wh: tuple[int, int]
    suffix: str
    file: Content


def export_targets(
    bank: str | Path, out: str | Path, *, config: TargetExportConfig | None = None
) -> TargetExportResult:
    """Write the images of the negatives that are marked as targets, for a person who labels them.

    Each image comes with the labels that the bank knows, and with the false positives of these negatives as further
    boxes to correct. An image whose targets are all labelled by now is left out; so is one that is gone or has changed,
    and then named. With `only="gaps"` it is the frames of videos in which a scan for flickers found likely misses: each
    with these, and with what else was found there and confirmed by other frames.

    Args:
        bank: the bank's folder.
        out: a new or empty folder, or an earlier export of the same kind, in which no label was changed yet.
        config: format, how images are copied.

    Raises:
        BankError: where the folder is not a bank.
        ConfigError: where the format cannot be written here, or not with links.
        ExportError: where there is nothing to label, none of the images can be written, or `out` holds something that
            no such export put there.
    """
    config, out = config or TargetExportConfig(), Path(out)
    require_writable(config.format, config.method)
    with Bank(bank) as opened:
        marked = gap_images(opened) if config.only == "gaps" else marked_images(opened)
        class_names = opened.class_names()
    waiting = [image for image in marked if waits_for_label(image)]
    _require_any(waiting, marked, bank, out, config)
    kind = f"{config.format}-{config.only}"
    require_ours(out, kind)
    with ThreadEngine(config.workers, name="negmine-export") as engine:
        found = list(engine.map(lambda image: _find(image, config.format), waiting))
    there = [(image, each) for image, each in zip(waiting, found, strict=True) if isinstance(each, _Found)]
    skipped = {image.paths[0]: each for image, each in zip(waiting, found, strict=True) if isinstance(each, str)}
    _require_image(there, skipped, bank)
    tasks = _tasks(there)
    done = write_plan(
        _plan(tasks, class_names, out, config.format),
        out,
        format_name=kind,
        method=config.method,
        workers=config.workers,
    )
    proposed = sum(each is not None for image in tasks for each in image.proposals)
    return TargetExportResult(
        out=out,
        format=config.format,
        images=len(tasks),
        negatives=len({box.negative for image, _ in there for box in image.boxes if box.negative}),
        proposals=proposed,
        objects=sum(len(image.proposals) for image in tasks) - proposed,
        labelled=len(marked) - len(waiting),
        skipped=skipped,
        written=done.written,
        unchanged=done.unchanged,
        removed=done.removed,
    )


def _require_any(
    waiting: Sequence[MarkedImage],
    marked: Sequence[MarkedImage],
    bank: str | Path,
    out: Path,
    config: TargetExportConfig,
) -> None:
    if waiting or has_manifest(out):
        return
    if config.only == "gaps":
        none = "no scan found any that nobody rejected"
        why = f"{counted(len(marked), 'frame')} with one: labelled by now" if marked else none
        raise ExportError(
            f"bank {printable(bank)} has no likely miss that waits for its label ({why}); they come from `negmine scan "
            "VIDEO --flicker`, and more of them from a lower --conf"
        )
    why = (
        f"{counted(len(marked), 'image')} with one: labelled by now" if marked else "no negative is marked as a target"
    )
    raise ExportError(
        f"bank {printable(bank)} has no target that waits for its label ({why}); mark some with `negmine bank target` "
        "or on the page of `negmine review`"
    )


def _require_image(there: Sequence[object], skipped: Mapping[Path, str], bank: str | Path) -> None:
    """Refuse to export nothing, and to empty an earlier export, where all images are unusable."""
    if there or not skipped:
        return
    path, reason = next(iter(skipped.items()))
    more = f", and {len(skipped) - 1} more" if len(skipped) > 1 else ""
    raise ExportError(
        f"bank {printable(bank)}: {counted(len(skipped), 'image')} with a target that waits for its label, and none "
        f"can be written ({printable(path)}: {reason}{more}); put the images back, or scan them where they are now"
    )


def _find(image: MarkedImage, format_name: str) -> _Found | str:
    """The file of an image, wherever it was found; or why there is none."""
    reason = _GONE
    for path in image.paths:
        try:
            source = read_source(path)
        except FileNotFoundError:
            continue
        except ImageError as error:
            reason = str(error)
            continue
        except (OSError, ValueError) as error:
            reason = reason_of(error)
            continue
        if source.sha256 != image.sha256:
            reason = _CHANGED
            continue
        return _described(path, source, format_name)
    return reason


def _described(path: Path, source: SourceImage, format_name: str) -> _Found | str:
    file: Content
    try:
        pixels = source.decode()
        if isinstance(source.content, bytes):
            suffix = IMAGE_SUFFIXES[read_header(source.content).format]
            file = StoredFile(path, source.sha256, in_bank=False)
        else:
            suffix, file = ".jpg", encode_jpeg(pixels)
    except ImageError as error:
        return str(error)
    writer = label_writer(format_name)
    if writer.image_suffixes is not None and suffix not in writer.image_suffixes:
        return f"{writer.title} has no images of type {suffix}; choose another --format"
    return _Found(path, (pixels.shape[1], pixels.shape[0]), suffix, file)


def _tasks(images: Sequence[tuple[MarkedImage, _Found]]) -> list[ExportImage]:
    names = data_names([(found.path, image.sha256) for image, found in images], ())
    tasks = []
    for name, (image, found) in zip(names, images, strict=True):
        truth, proposals = _proposed(image, found.size_wh)
        task = ExportImage(
            name,
            found.file,
            found.size_wh,
            suffix=found.suffix,
            database="negmine bank",
            frame=short_name(found.path) if frame_name(found.path) else "",
            truth=truth,
            proposals=proposals,
            origin=_origin(image, found),
        )
        tasks.append(task)
    return tasks


def _origin(image: MarkedImage, found: _Found) -> Origin:
    state: ReviewState = "accepted" if image.is_called_empty else "unreviewed"
    return Origin(image.sha256, printable(found.path), image.sha256, state=state)


def _proposed(image: MarkedImage, size_wh: tuple[int, int]) -> tuple[GroundTruth, tuple[Proposal | None, ...]]:
    """The objects that are known, then the boxes that none of these covers, with what speaks for the latter.

    Several runs may have found the same: of boxes of one class that overlap, the best stays.
    """
    known = image.objects
    boxes = np.concatenate([known.boxes_xyxy, as_boxes_xyxy([each.box_xyxy for each in image.boxes])])
    boxes = clip_boxes(boxes, size_wh)
    names = (*known.class_names, *(each.class_name for each in image.boxes))
    proposals = (*[None] * len(known), *(Proposal(each.score, each.is_gap) for each in image.boxes))
    kept = [index for index in _distinct(boxes, names, len(known)) if box_area(boxes[index : index + 1])[0] > 0]
    none = np.zeros(len(image.boxes), dtype=np.bool_)
    marks: tuple[BoolArray, BoolArray] = (
        np.concatenate([known.difficult, none])[kept], np.concatenate([known.crowd, none])[kept]
    )  # fmt: skip
    truth = GroundTruth(boxes[kept], tuple(names[index] for index in kept), *marks)
    return truth, tuple(proposals[index] for index in kept)


def _distinct(boxes: FloatArray, names: Sequence[str], objects: int) -> list[int]:
    """The indices of the objects, which come first, and of further boxes that repeat none before."""
    kept = list(range(objects))
    overlaps = box_iou(boxes, boxes) >= LABELLED_IOU
    for index in range(objects, len(boxes)):
        if not any(overlaps[index, other] and (other < objects or names[index] == names[other]) for other in kept):
            kept.append(index)
    return kept


def _plan(tasks: Sequence[ExportImage], class_names: Sequence[str], out: Path, format_name: str) -> Plan:
    folder = printable(real_path(out).name) or "targets"
    used = (name for task in tasks for name in task.truth.class_names)
    every = tuple(dict.fromkeys([*class_names, *used]))
    return label_writer(format_name).plan(tasks, class_names=every, folder=folder)
