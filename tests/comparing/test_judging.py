"""What comparing says of negatives, from vectors put in by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from findings import finding

from negmine.bank.embeddings import HardestFinding, Likeness
from negmine.comparing.config import CompareConfig
from negmine.comparing.features import ComparisonFeatures, by_hash
from negmine.comparing.judging import judge

SIZE = 16


def directions(count: int, axis: int, seed: int) -> np.ndarray:
    """Vectors of length 1 that point roughly along an axis."""
    vectors = np.random.default_rng(seed).normal(scale=0.15, size=(count, SIZE)).astype(np.float32)
    vectors[:, axis] += 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def findings(count: int) -> list[HardestFinding]:
    """Each of a folder of its own, so that none share a place."""
    return [finding(number=index, source=f"/{index}/a.jpg", score=0.9 - index / 1000) for index in range(count)]


def sight(negatives: np.ndarray, targets: int = 40) -> ComparisonFeatures:
    return ComparisonFeatures(
        "neck", negatives, directions(targets, 0, 7), [f"{index:064x}" for index in range(targets)], 0.97
    )


def told(likenesses: Sequence[Likeness]) -> list[float]:
    return [each.unlabelled for each in likenesses if each.unlabelled is not None]


def test_an_empty_bank_is_judged() -> None:
    assert judge([], sight(np.zeros((0, SIZE), dtype=np.float32)), CompareConfig()) == []
    assert judge([], by_hash([]), CompareConfig()) == []


def test_what_looks_like_the_targets_is_likely_unlabelled() -> None:
    found = judge(findings(60), sight(np.concatenate([directions(54, 1, 1), directions(6, 0, 2)])), CompareConfig())
    assert min(told(found[54:])) > max(told(found[:54]))
    assert [each.place for each in found] == list(range(1, 61))


def test_a_negative_that_could_not_be_looked_at_is_alone_and_untold() -> None:
    vectors = directions(60, 1, 1)
    vectors[:2] = 0
    found = judge(findings(60), sight(vectors), CompareConfig())
    assert [each.unlabelled for each in found[:2]] == [None, None] and len(told(found)) == 58
    assert found[0].cluster != found[1].cluster


def test_verdicts_move_what_looks_alike() -> None:
    """Some negatives look like neither; once a person has seen targets in most of them, the others are likely too."""
    vectors = np.concatenate([directions(60, 1, 1), directions(20, 2, 2)])
    plain = findings(80)
    seen = [replace(each, review="target") if 60 <= index < 78 else each for index, each in enumerate(plain)]
    before, after = (judge(each, sight(vectors), CompareConfig())[-2:] for each in (plain, seen))
    assert min(told(after)) > max(told(before)) + 0.2


def test_a_target_in_a_thousand_frames_does_not_teach_that_it_is_none() -> None:
    """One place counts as one negative, and is judged by what is known from other images."""
    frames = [
        replace(each, source=finding(source=f"/camera/{index}.jpg").source, source_sha256=f"{index:064x}")
        for index, each in enumerate(findings(200))
    ]
    others = findings(260)[200:]
    vectors = np.concatenate([np.repeat(directions(1, 0, 3), 200, axis=0), directions(60, 1, 1)])
    found = judge([*frames, *others], sight(vectors), CompareConfig())
    assert {each.place for each in found[:200]} == {1}
    assert min(told(found[:200])) > 0.9


def test_perceptual_hashes_make_clusters_and_say_nothing_of_targets() -> None:
    base = 0x5A5A5A5A5A5A5A5A
    hashes = [base, base ^ 0x3F, base ^ 0x7F, 0, 0]  # 6 and 7 bits off; flat ones are like no other
    found = judge(
        [finding(number=index, phash=phash) for index, phash in enumerate(hashes)],
        by_hash([finding(phash=phash) for phash in hashes]),
        CompareConfig(),
    )
    assert [each.cluster for each in found] == [1, 1, 2, 3, 4]
    assert [each.place for each in found] == [1, 2, 3, 4, 5]  # they are of one image
    assert told(found) == []
