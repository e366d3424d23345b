"""Which chunks may be examined before others are stored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from negmine.bank.records import FileStamp, KnownFile, KnownSource
from negmine.mining.jobs import apart
from negmine.mining.reading import Decoded, Peeked
from negmine.mining.result import SkippedImage
from negmine.structures import GroundTruth

PICTURE = np.zeros((4, 4, 3), dtype=np.uint8)


def peeked(name: str, sha256: str, truth_hash: str | None = None) -> Peeked:
    return Peeked(FileStamp(Path(name), 1, 1, truth_hash), sha256, None, labelled=truth_hash is not None)


def decoded(name: str, sha256: str, truth_hash: str | None = None) -> Decoded:
    return Decoded(peeked(name, sha256, truth_hash), PICTURE, GroundTruth.empty())


def known(name: str, sha256: str, *, done: bool, truth_hash: str | None = None) -> KnownFile:
    return KnownFile(FileStamp(Path(name), 1, 1, truth_hash), sha256, done)


def test_nothing_is_apart() -> None:
    assert apart([], [], {}, set())
    assert apart([SkippedImage(Path("a"), "unreadable", "")], [None], {}, {"A"})


DONE, LABELLED, OTHER_RUN = KnownSource(True, False), KnownSource(True, True), KnownSource(False, False)


@pytest.mark.parametrize(
    ("entry", "before", "source", "expected"),
    [
        (decoded("a", "A"), None, None, True),  # all new
        (decoded("a", "A", "t"), None, None, True),
        (decoded("a", "A"), None, OTHER_RUN, True),
        (decoded("a", "A", "t"), None, OTHER_RUN, False),  # labels for a picture that is there
        (decoded("a", "A"), None, LABELLED, False),  # a name without labels for one that has some
        (peeked("a", "A"), None, DONE, True),
        (peeked("a", "A"), None, OTHER_RUN, False),  # it must be decoded after all
        (peeked("a", "A"), known("a", "A", done=True), DONE, True),
        (peeked("a", "A"), known("a", "A", done=False), OTHER_RUN, False),
        (decoded("a", "A", "t"), known("a", "A", done=False, truth_hash="t"), KnownSource(False, True), True),
        (decoded("a", "A", "t"), known("a", "A", done=True, truth_hash="old"), LABELLED, False),
        (decoded("a", "B"), known("a", "A", done=True), None, False),  # the file was replaced
    ],
)
def test_one_image(
    entry: Peeked | Decoded, before: KnownFile | None, source: KnownSource | None, expected: bool
) -> None:
    sources = {} if source is None else {entry.sha256: source}
    assert apart([entry], [before], sources, set()) is expected
    assert not apart([entry], [before], sources, {entry.sha256})  # its picture is under way


@pytest.mark.parametrize("first", [decoded("a", "A"), peeked("a", "A")])
def test_twins_in_a_chunk_that_are_judged_are_not_apart(first: Peeked | Decoded) -> None:
    second = replace(decoded("b", "A"), truth=GroundTruth.empty())
    sources = {"A": DONE}
    assert not apart([first, second], [None, None], sources, set())
    assert not apart([second, first], [None, None], sources, set())
    assert apart([peeked("a", "A"), peeked("b", "A")], [None, None], sources, set())
