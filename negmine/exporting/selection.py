"""Which of the negatives that may be trained on are exported: each setting narrows what the ones before it left.

1. which are meant: `accepted_only`, `classes`;
2. their order: hardest first; with `diverse`, the hardest of each cluster, then the second of each, and so on;
3. the first `max_per_source` of each image;
4. the first `hardest`;
5. `count` of these, drawn by the seed;
6. as many as `ratio` leaves room for, the first first, then their variants.

Equal scores are in the order of the files' hashes, so the same negatives are chosen in whatever order a bank has them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from negmine.bank.bank import Bank
from negmine.bank.records import Negative, Variant
from negmine.comparing.clusters import HASH_LIKENESS, clusters, hash_vectors
from negmine.errors import ConfigError
from negmine.exporting.config import SelectionConfig
from negmine.held_out import seeded_rank
from negmine.paths import printable
from negmine.trainable import variants_of

_T = TypeVar("_T")
_CLASSES = 10  # in a message


def select(negatives: Iterable[Negative], config: SelectionConfig, clusters_by_id: Mapping[int, int]) -> list[Negative]:
    """Choose negatives, without a look at the ratio.

    Args:
        negatives: that may be trained on.
        config: the settings.
        clusters_by_id: the cluster of each, by its number; needed where the choice shall be diverse.

    Returns:
        Those to take first come first.
    """

    def in_turn(some: Sequence[Negative]) -> list[Negative]:
        return take_turns(some, lambda each: clusters_by_id[each.id]) if config.diverse else list(some)

    meant = [each for each in negatives if _is_meant(each, config)]
    ordered = in_turn(sorted(meant, key=hardest_first))
    chosen = _few_per_source(ordered, config.max_per_source)[: config.hardest]
    if config.count is None:
        return chosen
    drawn = sorted(chosen, key=lambda each: seeded_rank(each.sha256, config.seed))
    kept = {each.id for each in in_turn(drawn)[: config.count]}
    return [each for each in chosen if each.id in kept]


def keep_to(
    room: int, negatives: Sequence[Negative], variants: Sequence[Variant]
) -> tuple[Sequence[Negative], Sequence[Variant]]:
    """Keep to a number of images: the first negatives, then variants of these, one of each in turn.

    Args:
        room: how many images.
        negatives: those to take first come first.
        variants: of these, in the order of making.
    """
    kept = negatives[: max(room, 0)]
    place = {each.id: index for index, each in enumerate(kept)}
    of_kept = sorted(variants_of(kept, variants), key=lambda each: (place[each.negative_id], each.id))
    wanted = {each.id for each in take_turns(of_kept, lambda each: each.negative_id)[: max(room - len(kept), 0)]}
    return kept, [each for each in variants if each.id in wanted]


def take_turns(items: Sequence[_T], group: Callable[[_T], int]) -> list[_T]:
    """The first of each group, then the second of each, and so on; within a turn they keep their order."""
    turns = Counter[int]()
    turn_of = []
    for item in items:
        turn_of.append(turns[group(item)])
        turns[group(item)] += 1
    return [items[index] for index in sorted(range(len(items)), key=lambda index: (turn_of[index], index))]


def hardest_first(negative: Negative) -> tuple[float, str]:
    """A sort key."""
    return -negative.score, negative.sha256


def cluster_numbers(bank: Bank, negatives: Sequence[Negative]) -> dict[int, int]:
    """The cluster of each negative, by its number: those of the last comparison, which the review shows.

    Where one of them was never compared, all are clustered by their perceptual hashes, as a comparison without weights
    does.
    """
    known = bank.clusters()
    if all(each.id in known for each in negatives):
        return known
    ordered, hashes = sorted(negatives, key=hardest_first), bank.perceptual_hashes()
    numbers = clusters(hash_vectors([hashes[each.id] for each in ordered]), HASH_LIKENESS)
    return dict(zip([each.id for each in ordered], numbers.tolist(), strict=True))


def require_classes(wanted: Sequence[str], known: Sequence[str]) -> None:
    """Refuse a class that no detector of a bank has.

    Raises:
        ConfigError: naming those that there are.
    """
    unknown = next((name for name in wanted if name not in known), None)
    if unknown is not None:
        shown = ", ".join(map(printable, known[:_CLASSES])) + (" and more" if len(known) > _CLASSES else "")
        raise ConfigError(f"expected --classes among those that the detectors of the bank know ({shown or 'none'}), "
                          f"found {unknown!r}")  # fmt: skip


def _is_meant(negative: Negative, config: SelectionConfig) -> bool:
    if config.accepted_only and negative.review != "accepted":
        return False
    return not config.classes or negative.class_name in config.classes


def _few_per_source(negatives: Sequence[Negative], most: int | None) -> list[Negative]:
    """The first few of each image."""
    if most is None:
        return list(negatives)
    taken = Counter[str]()
    kept = []
    for each in negatives:
        taken[each.source_sha256] += 1
        if taken[each.source_sha256] <= most:
            kept.append(each)
    return kept
