"""What `trust_weights` covers where a run is resumed: the start that the user names, and nothing that was found there.

Whoever made the folder wrote its checkpoints, and could have written any record of their hashes too. So trust goes on
only where every checkpoint in the folder is the user's own file, byte for byte; what this run then trains from it needs
the same trust. Where there is any other, all are opened as those of a stranger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from negmine.detectors.base import Detector
from negmine.detectors.config import DetectorConfig
from negmine.detectors.weights_files import hash_weights
from negmine.errors import UnsafeWeightsError, WeightsError
from negmine.paths import printable
from negmine.retraining.config import RetrainConfig
from negmine.retraining.folder import RetrainFolder

_LEFT = "weights"  # where Ultralytics leaves checkpoints, which negmine removes and never opens


def trusted_only_as_named(
    config: RetrainConfig, folder: RetrainFolder, weights: Path, open_detector: Callable[[DetectorConfig], Detector]
) -> RetrainConfig:
    """The settings for resuming the run in a folder, which trust no checkpoint that the user did not name.

    Args:
        config: as the user asks for it.
        folder: locked, and free of links.
        weights: the start, which the user vouches for.
        open_detector: opens a checkpoint.

    Raises:
        UnsafeWeightsError: where trust must end, and the start or a checkpoint in the folder cannot do without it.
        WeightsError: where one of them cannot be read.
    """
    if not config.train.trust_weights:
        return config
    sha256 = hash_weights(weights)
    others = [path for path in _checkpoints(folder) if hash_weights(path) != sha256]
    if not others:
        return config
    for path in (weights, *others):
        try:
            open_detector(DetectorConfig(str(path), device="cpu", backend="torch"))
        except UnsafeWeightsError as error:
            rounds = ", ".join(dict.fromkeys(printable(each.relative_to(folder.out).parts[0]) for each in others))
            raise UnsafeWeightsError(
                f"{printable(path)} cannot be opened without trust, and with --resume, --trust-weights applies only "
                f"while {printable(folder.out)} holds no checkpoints but copies of {printable(weights)}; start a new "
                f"run in another folder with --out, or remove {rounds}"
            ) from error
        except WeightsError:
            continue  # it is damaged, which is said where it is needed
    return replace(config, train=replace(config.train, trust_weights=False))


def _checkpoints(folder: RetrainFolder) -> Iterator[Path]:
    """Whatever may be opened; the result in `best.pt` is only ever replaced."""
    for path in sorted(folder.out.rglob("*")):
        if path.suffix.lower() == folder.suffix and path != folder.best and path.parent.name != _LEFT:
            yield path
