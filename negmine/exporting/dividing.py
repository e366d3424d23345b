"""Dividing an export into splits by what belongs together, so that no validation image is like one that was trained on.

A negative belongs to the images that it was cut from, to every other negative of these, and to the image of the data
set that is one of them. Near-duplicates belong together, and so do the frames of one video or camera, and what the user
says beyond that (`GroupBy`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.records import Negative
from negmine.errors import ExportError
from negmine.exporting.config import SplitConfig
from negmine.exporting.data_images import DataImage
from negmine.fold_assignment import ImageKind, assign_shares, groups_with
from negmine.held_out import image_groups
from negmine.trainable import BankHashes
from negmine.words import counted

_UNKNOWN = 0  # a perceptual hash that is like no other


@dataclass(frozen=True, slots=True)
class _Node:
    """An image that is exported, or that one was cut from; see `HashedImage`."""

    path: Path
    sha256: str
    phash: int


def divide(
    negatives: Sequence[Negative], images: Sequence[DataImage], bank: str | Path | None, config: SplitConfig
) -> dict[str, str]:
    """The split of each image.

    Args:
        negatives: that are exported.
        images: of the data set that are exported, with objects or known to be empty.
        bank: its folder; None where there are no negatives.
        config: shares, and what belongs together.

    Returns:
        The name of the split, by sha256.

    Raises:
        ExportError: where there are fewer groups than splits.
        ConfigError: where `group_by` is in no path.
    """
    kinds = {each.sha256: ImageKind.BACKGROUND for each in negatives}
    kinds |= {str(each.sha256): ImageKind.WITH_OBJECTS if each.truth else ImageKind.EMPTY for each in images}
    nodes, together = _data_nodes(images), list[Sequence[str]]()
    if bank is not None:
        with Bank(bank) as opened:
            together = _add_negatives(nodes, negatives, opened)
    config.group_by.require_match(each.path for each in nodes.values())
    every = image_groups(list(nodes.values()), config.group_by, together=together)
    groups = [exported for group in every if (exported := [sha256 for sha256 in group if sha256 in kinds])]
    _require_groups(groups, kinds, config, has_data=bool(images))
    numbers = assign_shares(groups, kinds, config.shares, seed=config.seed)
    return {sha256: config.names[number] for sha256, number in numbers.items()}


def _data_nodes(images: Iterable[DataImage]) -> dict[str, _Node]:
    nodes: dict[str, _Node] = {}
    for each in images:
        sha256, phash = str(each.sha256), _UNKNOWN if each.phash is None else each.phash
        nodes.setdefault(sha256, _Node(each.path, sha256, phash))
    return nodes


def _add_negatives(nodes: dict[str, _Node], negatives: Sequence[Negative], bank: Bank) -> list[Sequence[str]]:
    """Add negatives and what they were cut from to the nodes; and list what belongs together because of that."""
    hashes = BankHashes.read(bank, {sha256: node.phash for sha256, node in nodes.items()})
    cuts, cameras = bank.cuts([each.id for each in negatives]), bank.cameras()
    together: list[Sequence[str]] = []
    of_camera: dict[str, list[str]] = defaultdict(list)
    for negative in negatives:
        for cut in cuts[negative.id]:
            nodes.setdefault(cut.sha256, _Node(cut.path, cut.sha256, hashes.sources.get(cut.sha256, _UNKNOWN)))
            if cut.sha256 in cameras:
                of_camera[cameras[cut.sha256]].append(cut.sha256)
        phash = hashes.negatives[negative.id]
        nodes.setdefault(negative.sha256, _Node(negative.source, negative.sha256, phash))  # its own path says nothing
        together.append((negative.sha256, *(cut.sha256 for cut in cuts[negative.id])))
    return [*together, *of_camera.values()]


def _require_groups(
    groups: Sequence[Sequence[str]], kinds: Mapping[str, ImageKind], config: SplitConfig, *, has_data: bool
) -> None:
    """Refuse to leave a split without what it is for: images with objects where there is a data set."""
    found = groups_with(groups, kinds, ImageKind.WITH_OBJECTS) if has_data else len(groups)
    if found >= len(config.shares):
        return
    what = "images with objects" if has_data else "negatives"
    raise ExportError(
        f"expected {what} of {len(config.shares)} or more groups that are not alike, one for each split, found "
        f"{counted(found, 'group')} (near-duplicates, frames of one video and parts of one image belong together); "
        "add others, or divide into fewer splits"
    )
