"""What the page is told, as JSON values. Names are one line of printable text, which the page never takes for HTML."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TypedDict
from urllib.parse import quote_from_bytes

import numpy as np

from negmine.bank.bank import Bank
from negmine.bank.browsing import (
    RunSummary,
    digits,
    findings,
    hardest_boxes,
    in_crop,
    in_order,
    labelled_objects,
    runs,
    source_image,
)
from negmine.bank.index import NO_GROUP, Index
from negmine.bank.records import Negative
from negmine.bank.verdicts import Act
from negmine.errors import BankError
from negmine.paths import printable
from negmine.trainable import is_held_back
from negmine.videos.names import short_name
from negmine.words import one_line

_MOST_FOLDERS = 300  # that are offered to filter by
Document = dict[str, object]


class Known(TypedDict):
    """What the page can sort, group and filter by: what comparing has found out, and whether there are flickers."""

    unlabelled: bool
    clusters: bool
    places: bool
    flickers: bool


def facets(bank: Bank, index: Index) -> Document:
    """What can be filtered by, and how many negatives each choice has; it changes with the index alone."""
    return {
        "compare": f"negmine bank compare --weights W --data DATA --bank {shlex.quote(printable(bank.folder))}",
        "digits": digits(bank),
        "classes": [choice(name, one_line(name), count) for name, count in index.class_counts().items()],
        "runs": [_run(run) for run in runs(bank)],
        "folders": [
            choice(quote_from_bytes(folder), printable(os.fsdecode(folder)), count)
            for folder, count in _folders(index.folder_counts()).items()
        ],
        "known": Known(
            unlabelled=bool(np.isfinite(index.unlabelled).any()),
            clusters=bool((index.clusters != NO_GROUP).any()),
            places=bool((index.places != NO_GROUP).any()),
            flickers=bool(index.flickers.any()),
        ),
    }


def rows(bank: Bank, negative_ids: Sequence[int]) -> list[Document]:
    """What a tile shows of each negative; those that are gone meanwhile are left out."""
    boxes = hardest_boxes(bank, negative_ids)
    return [
        {
            "id": negative.id,
            "sha256": negative.sha256,
            "picture": f"/thumbnails/{negative.sha256}.jpg",
            "class": one_line(negative.class_name),
            "score": negative.score,
            "size": negative.size_wh,
            "box": in_crop(boxes[negative.id], negative.rect, negative.size_wh) if negative.id in boxes else None,
            "state": negative.review,
            "source": short_name(negative.source),
            **_likeness(negative),
        }
        for negative in in_order(bank, negative_ids)
    ]


def details(bank: Bank, negative_id: int) -> Document:
    """All that the large view shows of a negative.

    Raises:
        BankError: where it is gone.
    """
    found = in_order(bank, [negative_id])
    if not found:
        raise BankError("this negative is no longer in the bank; a scan or another command took it out")
    (negative,) = found
    source = source_image(bank, negative.source_sha256)
    return {
        "id": negative.id,
        "sha256": negative.sha256,
        "picture": f"/crops/{negative.sha256}.jpg",
        "file": printable(negative.path),
        "class": one_line(negative.class_name),
        "score": negative.score,
        "size": negative.size_wh,
        "state": negative.review,
        "source": printable(negative.source),
        **_likeness(negative),
        "source_sha256": negative.source_sha256,
        "source_size": None if source is None else source.size_wh,
        "rect": tuple(negative.rect),
        "detections": [
            {
                **asdict(each),
                "class_name": one_line(each.class_name),
                "in_crop": in_crop(each.box_xyxy, negative.rect, negative.size_wh),
            }
            for each in findings(bank, negative)
        ],
        "labels": [
            {"class_name": one_line(each.class_name), "box_xyxy": each.box_xyxy}
            for each in labelled_objects(bank, negative)
        ],
    }


def _likeness(negative: Negative) -> Document:
    """How much a negative looks like a target without a label, and whether it is kept from training for that."""
    return {"unlabelled": negative.unlabelled, "held_back": is_held_back(negative)}


def act(done: Act | None) -> Document | None:
    """A decision."""
    return None if done is None else {"id": done.id, "state": done.state, "ids": done.negatives}


def choice(value: str, label: str, count: int) -> Document:
    """Something to filter by: its name in a request and on the page, and how many have it."""
    return {"value": value, "label": label, "count": count}


def _run(run: RunSummary) -> Document:
    settings = ", ".join(f"{name} {value}" for name, value in run.detector_settings.items() if value is not None)
    return {
        "value": str(run.id),
        "label": f"{run.id}: {printable(run.weights)}",
        "settings": one_line(settings),
        "count": run.negatives,
    }


def _folders(direct: Mapping[bytes, int]) -> dict[bytes, int]:
    """Folders to choose from, with the number of negatives at any depth: those with images, and where they part."""
    total: Counter[bytes] = Counter()
    below: dict[bytes, set[bytes]] = {}
    for folder, count in direct.items():
        total[folder] += count
        while (parent := os.path.dirname(folder)) != folder:  # noqa: PTH120  (bytes)
            total[parent] += count
            below.setdefault(parent, set()).add(folder)
            folder = parent
    kept = sorted(folder for folder in total if folder in direct or len(below[folder]) > 1)
    return {folder: total[folder] for folder in kept[:_MOST_FOLDERS]}
