"""Files of weights: finding what the user named after `--weights`, hashing, copying and checking it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from negmine.detectors.torchvision.builders import PUBLISHED, is_torchvision
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.errors import WeightsError
from negmine.files import reason_of, require_dense, sha256_of_file
from negmine.paths import printable

if TYPE_CHECKING:
    from torch import Tensor

_HUGGING_FACE = "hf:"
_FILES = (".pt", ".onnx", ".engine", ".torchscript", ".tflite", ".pb", ".mnn")
_FOLDERS = ("_model", ".mlpackage", ".aimodel")


def find_weights(weights: str) -> Path:
    """Find weights here, or have Ultralytics download them where it publishes weights of that name.

    Args:
        weights: a path, or a name such as `yolo11n.pt`; official weights land where Ultralytics puts them: in its
            `weights_dir` where they are there already, in the current folder otherwise.

    Returns:
        A file, or the folder of an exported model.

    Raises:
        WeightsError: where there is nothing, or the folder or file is not a model.
    """
    if not weights.strip():
        raise WeightsError("no weights were given; name a .pt, .onnx or .engine file, an OpenVINO folder or yolo11n.pt")
    if weights.startswith(_HUGGING_FACE):
        raise WeightsError(
            f"expected weights of Ultralytics or torchvision, found {printable(weights)}; those of transformers can be "
            "scanned and evaluated, and are trained with transformers"
        )
    path = Path(weights)
    if is_torchvision(weights):
        return _find_torchvision(weights)
    if path.is_dir():
        return _check_folder(path)
    if path.is_file():
        return _check_file(path)
    return _download(weights)


def written_suffix(weights: Path) -> str:
    """The suffix of checkpoints that are written of weights: torchvision's are always safetensors."""
    return ".safetensors" if is_torchvision(weights.name) else ".pt"


def copy_weights(weights: Path, target: Path) -> None:
    """Copy a checkpoint in the format of `written_suffix`, whatever the suffix of the target.

    Raises:
        WeightsError: where it has to be read for that, and cannot be.
        OSError: where it cannot be written.
    """
    if weights.suffix.lower() != written_suffix(weights) and is_torchvision(weights.name):
        from negmine.detectors.torchvision.checkpoints import read_checkpoint, write_checkpoint

        write_checkpoint(read_checkpoint(weights), target)
    else:
        shutil.copyfile(weights, target)


def hash_weights(path: Path) -> str:
    """SHA-256, hex, of a file, or of the names and contents of all files in a folder.

    Raises:
        WeightsError: where one cannot be read.
    """
    try:
        if path.is_file():
            return hash_dense(path)
        files = sorted(found for found in path.rglob("*") if found.is_file())
        return hash_named((file.relative_to(path).as_posix(), hash_dense(file)) for file in files)
    except OSError as error:
        raise WeightsError(f"cannot read weights {printable(path)}: {reason_of(error)}") from error


def hash_dense(path: Path) -> str:
    """SHA-256, hex, of a file.

    Raises:
        OSError: where it cannot be read, or is nearly all holes.
    """
    require_dense(path)
    return sha256_of_file(path)


def hash_named(hashes: Iterable[tuple[str, str]]) -> str:
    """SHA-256, hex, of several files.

    Args:
        hashes: the name of each, and its SHA-256, hex.
    """
    digest = hashlib.sha256()
    for name, sha256 in hashes:
        digest.update(f"{name}\0{sha256}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def require_finite(state: Mapping[str, Tensor], where: str) -> None:
    """Refuse weights that are NaN or infinite: such a detector finds nothing, as if it had no false positives.

    Args:
        state: the tensors by name.
        where: they are, for a message.

    Raises:
        WeightsError: for the first tensor that is not all finite.
    """
    for name, value in state.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise WeightsError(
                f"{where} holds weights that are NaN or infinite ({printable(name)}): the training that made it "
                "diverged; use an earlier checkpoint"
            )


def _find_torchvision(weights: str) -> Path:
    if weights.startswith(PUBLISHED):
        raise WeightsError(
            f"expected a file to train, found {printable(weights)}; save it with negmine.save_torchvision first, with "
            "the classes of the data"
        )
    if not Path(weights).is_file():
        found = "a folder" if Path(weights).is_dir() else "nothing"
        raise WeightsError(f"expected a file of weights at {printable(weights)}, found {found}")
    return Path(weights)


def _check_file(path: Path) -> Path:
    if path.suffix.lower() in {".yaml", ".yml"}:
        raise WeightsError(f"{path} describes a model without its weights; give the .pt that was trained from it")
    if path.suffix.lower() == ".json":
        raise WeightsError(f"{path} is not a model; pass predictions to scan or eval with --predictions")
    if path.suffix.lower() not in _FILES:  # Ultralytics would open `x.pt?y` as a pickle that nobody looked into
        raise WeightsError(f"{path} does not have the suffix of weights; expected one of {' '.join(_FILES)}")
    return path


def _check_folder(path: Path) -> Path:
    if not path.resolve().name.endswith(_FOLDERS):
        raise WeightsError(
            f"{path} is a folder; expected weights, or the folder of an exported model under the name that Ultralytics "
            "gave it, such as yolo11n_openvino_model"
        )
    if "openvino" in path.resolve().name:
        for suffix in (".xml", ".bin"):
            if not any(path.glob(f"*{suffix}")):
                raise WeightsError(
                    f"{path} is named like an OpenVINO model, but holds no {suffix} file; export it again"
                )
    return path


def _download(weights: str) -> Path:
    with quiet_ultralytics(online=True):
        from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES, attempt_download_asset

        name = weights if Path(weights).suffix else f"{weights}.pt"
        if name not in GITHUB_ASSETS_NAMES:
            raise WeightsError(f"no weights at {weights}, and Ultralytics publishes none of this name")
        try:
            path = Path(attempt_download_asset(name))
        except Exception as error:  # urllib, requests, curl and the disk all have their own
            raise WeightsError(f"{name} is not here, and could not be downloaded; are you online?") from error
    if not path.is_file():
        raise WeightsError(f"{name} is not here, and could not be downloaded; are you online?")
    return path
