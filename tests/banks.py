"""Banks of any content, made by scans of drawn images or of records stored by hand; and all that a bank holds."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from blobs import Square, draw, square_detector

from negmine.bank.bank import Bank
from negmine.bank.content_files import FRAMES, content_name
from negmine.bank.filters import ReviewState
from negmine.bank.records import (
    CameraFrame,
    ItemRecord,
    JudgedDetection,
    NewNegative,
    RunRecord,
    ScannedImage,
    frame_shown,
)
from negmine.bank.verdicts import Verdicts
from negmine.bank.writer import BankWriter
from negmine.boxes import Rect
from negmine.files import sha256_of
from negmine.images import encode_jpeg
from negmine.matching import Kind
from negmine.mining.config import CropConfig, OutputSize, ScanConfig
from negmine.mining.scan import scan
from negmine.structures import FileStamp, GroundTruth, Image

RUN = RunRecord("best.pt", "ab" * 32, {0: "cat"}, {"conf": 0.25}, {"crop": "context"}, {"negmine": "0"})
NATIVE = CropConfig(size=OutputSize("none"))  # crops keep their size
FIRST_SEED = 10**6  # of the images, far from the seeds that tests draw with
Content = Sequence[Square] | Image


class MakeBank(Protocol):
    """Scan images into a bank and return its folder.

    `images` is how many negatives there are, each of an image of its own and harder than the last (`000.png`, ...), or
    maps file names to what the images show: bright squares on noise, or the image itself. The images stay in the folder
    `{name}-in` beside the bank.
    """

    def __call__(
        self,
        images: int | Mapping[str, Content],
        name: str = "bank",
        *,
        crop: CropConfig = NATIVE,
        size_wh: tuple[int, int] = (200, 120),
    ) -> Path: ...


def bank_maker(folder: Path) -> MakeBank:
    """What makes banks in a folder."""

    def make(
        images: int | Mapping[str, Content],
        name: str = "bank",
        *,
        crop: CropConfig = NATIVE,
        size_wh: tuple[int, int] = (200, 120),
    ) -> Path:
        if isinstance(images, int):
            images = {f"{i:03d}.png": [(60, 40, 80, 60, 20 + i)] for i in range(images)}
        for number, (file, content) in enumerate(images.items()):
            path = folder / f"{name}-in" / file
            if isinstance(content, np.ndarray):
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(cv2.imencode(path.suffix, content)[1].tobytes())
            else:
                draw(path, content, size_wh=size_wh, seed=FIRST_SEED + number)
        scan(folder / f"{name}-in", square_detector(), bank=folder / name, config=ScanConfig(crop=crop))
        return folder / name

    return make


def make_image(
    name: str,
    *,
    content: str | None = None,
    negatives: tuple[bytes, ...] = (),
    truth: GroundTruth | None = None,
    truth_hash: str | None = None,
    mtime_ns: int = 1,
) -> ScannedImage:
    """A 100 x 80 image whose every negative comes from one background false positive, each softer than the last."""
    return ScannedImage(
        item=ItemRecord(f"/pictures/{name}", FileStamp(123, mtime_ns), truth_hash),
        sha256=sha256_of((content or name).encode("utf-8", "surrogateescape")),
        size_wh=(100, 80),
        truth=truth or GroundTruth.empty(),
        detections=tuple(
            JudgedDetection("cat", 0.9 - 0.1 * i, (20, 20, 30, 30), Kind.BACKGROUND, i) for i in range(len(negatives))
        ),
        negatives=tuple(NewNegative(data, (40, 40), "0" * 16, Rect(10, 10, 50, 50)) for data in negatives),
    )


def keep_frame(bank: Path, image: Image, camera: str, taken_ms: int) -> Path:
    """Store a frame of a camera with a negative cut from it; return where the frame's file is."""
    data, crop = encode_jpeg(image), encode_jpeg(image[10:50, 10:50])
    frame = CameraFrame(data, sha256_of(data), camera, taken_ms)
    name = content_name(FRAMES, frame.sha256)
    scanned = replace(
        make_image(name, negatives=(crop,)),
        item=ItemRecord(name, FileStamp(len(data), taken_ms * 10**6), None, shown=frame_shown(camera, taken_ms)),
        sha256=frame.sha256,
        size_wh=(image.shape[1], image.shape[0]),
    )
    with BankWriter(bank, purpose="a test") as writer:
        run = writer.begin_run(RUN)
        with writer.transaction():
            writer.store(run, scanned)
            writer.keep_frame(frame)
    return bank / name


def judge(bank: Path, number: int, state: ReviewState) -> None:
    """Store a verdict on a negative, as a person would."""
    with Verdicts(bank) as verdicts:
        verdicts.decide([number], state, origin="a test")


def contents(bank: Path) -> dict[str, object]:
    """Every row and every file of a bank."""
    with Bank(bank) as opened:
        tables = [t for (t,) in opened.query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        rows: dict[str, object] = {t: sorted(map(repr, opened.query(f"SELECT * FROM {t}"))) for t in tables}
    files = {p.relative_to(bank).as_posix(): p.read_bytes() for p in bank.rglob("*.jpg")}
    return rows | files


def facts(folder: Path) -> dict[str, object]:
    """All that a bank says, whatever the numbers of its rows."""
    questions = {
        "negatives": "SELECT n.sha256, n.file, n.phash, coalesce(r.state, '') FROM negatives n"
        " LEFT JOIN reviews r ON r.negative_id = n.id",
        "crops": "SELECT n.sha256, s.sha256, c.x1, c.y1, c.x2, c.y2 FROM crops c"
        " JOIN negatives n ON n.id = c.negative_id JOIN sources s ON s.id = c.source_id",
        "detections": "SELECT r.key, s.sha256, d.class_name, d.score, d.x1, d.kind, n.sha256 FROM detections d"
        " JOIN runs r ON r.id = d.run_id JOIN sources s ON s.id = d.source_id"
        " LEFT JOIN negatives n ON n.id = d.negative_id",
        "scans": "SELECT r.key, s.sha256, x.truth_key FROM scans x JOIN runs r ON r.id = x.run_id"
        " JOIN sources s ON s.id = x.source_id",
        "items": "SELECT i.key, i.truth_hash, i.is_background, s.sha256 FROM items i"
        " JOIN sources s ON s.id = i.source_id",
        "gaps": "SELECT r.key, s.sha256, g.class_name, g.score, g.x1 FROM gaps g JOIN runs r ON r.id = g.run_id"
        " JOIN sources s ON s.id = g.source_id",
        "objects": "SELECT s.sha256, t.hash, o.class_name, o.x1 FROM objects o JOIN truths t ON t.id = o.truth_id"
        " JOIN sources s ON s.id = t.source_id",
        "variants": "SELECT n.sha256, v.sha256, v.operation, v.parameters FROM variants v"
        " JOIN negatives n ON n.id = v.negative_id",
    }
    with Bank(folder) as bank:
        rows: dict[str, object] = {name: sorted(map(repr, bank.query(sql))) for name, sql in questions.items()}
    return rows | {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.jpg")}


def copy_banks(made: Path, to: Path) -> None:
    """Copy a folder of banks and their images; in the copies of the banks, the images are where their copies are.

    A copy costs a fraction of a scan, which waits for the disk.
    """
    shutil.copytree(made, to, dirs_exist_ok=True)
    for database in to.glob("*/bank.db"):
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            for table in ("sources", "items"):
                for column, kind in (("path", "TEXT"), ("key", "BLOB")):
                    connection.execute(
                        f"UPDATE {table} SET {column} = CAST(replace(CAST({column} AS TEXT), ?, ?) AS {kind})",
                        (f"{made}/", f"{to}/"),
                    )
