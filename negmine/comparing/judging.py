"""What comparing says of each negative: its cluster, its place, and whether it is likely an unlabelled target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from negmine.bank.embeddings import HardestFinding, Likeness
from negmine.comparing.clusters import clusters
from negmine.comparing.config import CompareConfig
from negmine.comparing.features import ComparisonFeatures
from negmine.comparing.places import of_fixed_cameras, places
from negmine.comparing.unlabelled import Side, deal_folds, likely_unlabelled
from negmine.structures import FloatArray, IntArray


def judge(findings: Sequence[HardestFinding], features: ComparisonFeatures, config: CompareConfig) -> list[Likeness]:
    """Say of each negative what it is like.

    Args:
        findings: of N negatives, hardest first.
        features: of the same.
        config: the settings.
    """
    of_clusters = clusters(features.negatives, features.likeness)
    of_places = places(findings, features.negatives, iou=config.place_iou, likeness=features.likeness)
    unlabelled = _unlabelled(findings, features, of_places)
    of_cameras = of_fixed_cameras(findings, of_places)
    return [
        Likeness(
            each.id,
            each.sha256,
            None if unlabelled is None or not features.negatives[index].any() else float(unlabelled[index]),
            int(of_clusters[index]),
            int(of_cameras[index]),
        )
        for index, each in enumerate(findings)
    ]


def _unlabelled(
    findings: Sequence[HardestFinding], features: ComparisonFeatures, of_places: IntArray
) -> FloatArray | None:
    """How much each negative looks like an unlabelled target; None where that cannot be told.

    Negatives in which a person saw a target count as targets, and rejected ones as neither. A place counts once,
    however many frames it is in, and it is judged as a whole by what is known from other images.
    """
    if features.by != "neck":
        return None
    leaders = dict(zip(of_places[::-1].tolist(), [each.source_sha256 for each in findings][::-1], strict=True))
    groups = [leaders[number] for number in of_places.tolist()]
    folds = deal_folds([*groups, *features.target_sources], frozenset(features.target_sources))
    own, others = _folds(groups, folds), _folds(features.target_sources, folds)
    share = 1 / np.bincount(of_places)[of_places] * features.negatives.any(axis=1)
    weight = np.array([each.review in ("unreviewed", "accepted") for each in findings]) * share
    seen = np.array([each.review == "target" for each in findings]) * share
    targets = Side(
        np.concatenate([features.targets, features.negatives[seen > 0]]),
        np.concatenate([np.ones(len(others)), seen[seen > 0]]),
        np.concatenate([others, own[seen > 0]]),
    )
    scores = np.array([each.score for each in findings])
    return likely_unlabelled(Side(features.negatives, weight, own), targets, scores)


def _folds(groups: Sequence[str], folds: Mapping[str, int]) -> IntArray:
    return np.array([folds[each] for each in groups], dtype=np.int64)
