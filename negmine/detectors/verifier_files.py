"""The files of verifiers: safetensors with a JSON header. Opening one runs no code, and every value is checked."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from negmine.detectors.config import DetectorConfig
from negmine.detectors.letterbox import whole_strides
from negmine.detectors.verifier import FeatureMap, RegionFeatures, Verifier
from negmine.detectors.weights_files import find_weights, hash_weights
from negmine.errors import ConfigError, WeightsError
from negmine.files import write_file
from negmine.paths import printable
from negmine.tensor_files import open_tensors

SUFFIX = ".safetensors"

_KEY = "negmine-verifier"  # of the metadata
_FORMAT = 1  # raised when older files must not be used
_TENSORS = ("coefficients", "intercepts", "class_ids")
_MOST = 100_000  # features, or classes; a larger number is damage
_HOW = "train one with `negmine verifier train`"


def write_verifier(verifier: Verifier, path: Path) -> None:
    """Write a verifier atomically; equal verifiers give equal bytes.

    Raises:
        WeightsError: for another suffix than .safetensors, or a file that cannot be written.
    """
    from safetensors.numpy import save

    require_suffix(path)
    document = {
        "format": _FORMAT,
        "weights": verifier.weights,
        "weights_sha256": verifier.weights_sha256,
        "class_names": {str(number): name for number, name in sorted(verifier.class_names.items())},
        "maps": [asdict(each) for each in verifier.features.maps],
        "contexts": list(verifier.features.contexts),
        "shift": verifier.shift,
        "imgsz": verifier.imgsz,
        "conf": verifier.conf,
        "report": dict(verifier.report),
    }
    metadata = {_KEY: json.dumps(document, sort_keys=True)}  # one entry: the order of several would vary
    tensors: dict[str, npt.NDArray[Any]] = {
        "coefficients": np.ascontiguousarray(verifier.coefficients, dtype=np.float32),
        "intercepts": np.ascontiguousarray(verifier.intercepts, dtype=np.float32),
        "class_ids": np.ascontiguousarray(verifier.class_ids, dtype=np.int64),
    }
    try:
        write_file(path, save(tensors, metadata=metadata))
    except OSError as error:
        raise WeightsError(f"cannot write {printable(path)}: {error.strerror or error}") from error


def require_suffix(path: Path) -> None:
    """Refuse a file that does not end in .safetensors."""
    if path.suffix.lower() != SUFFIX:
        raise WeightsError(f"expected a file for the verifier that ends in {SUFFIX}, found {printable(path)}")


def read_verifier(path: str | Path) -> Verifier:
    """Read a verifier.

    Raises:
        WeightsError: where the file is missing, damaged, or not a verifier.
    """
    path = Path(path)
    where = printable(path)
    if not path.is_file():
        raise WeightsError(
            f"expected a verifier at {where}, found {'a folder' if path.is_dir() else 'nothing'}; {_HOW}"
        )
    metadata, tensors = _read_safetensors(path)
    try:
        document = json.loads(metadata.get(_KEY, "null"))
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{where} is damaged: its metadata is not JSON; {_HOW}") from error
    if not isinstance(document, dict):
        raise WeightsError(f"{where} is not a verifier of negmine; {_HOW}")
    if document.get("format") != _FORMAT:
        raise WeightsError(
            f"{where}: expected a verifier of format {_FORMAT}, found {document.get('format')!r}; {_HOW} again, or "
            "update negmine"
        )
    try:
        return _verifier(document, tensors)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise WeightsError(f"{where} is damaged: {printable(reason[:200])}; {_HOW} again") from error


def require_weights(verifier: Verifier, where: str | Path, name: str, sha256: str) -> None:
    """Refuse weights that a verifier was not trained for.

    Args:
        verifier: that was read.
        where: from.
        name: of the weights, for the message.
        sha256: of the weights, hex.

    Raises:
        WeightsError: where they are others.
    """
    if sha256 != verifier.weights_sha256:
        raise WeightsError(
            f"{printable(where)} was trained for {printable(verifier.weights)} with sha256 "
            f"{verifier.weights_sha256[:12]}..., found {printable(name)} with {sha256[:12]}...; train a verifier for "
            "these weights with `negmine verifier train`"
        )


def require_imgsz(verifier: Verifier, imgsz: int) -> None:
    """Refuse an input size at which boxes look other than those that a verifier was trained on.

    Raises:
        ConfigError: where it differs, rounded up to whole strides.
    """
    if whole_strides(imgsz) != whole_strides(verifier.imgsz):
        raise ConfigError(
            f"expected imgsz {verifier.imgsz}, at which the verifier of {printable(verifier.weights)} was trained, "
            f"found {imgsz}; use that, or train a verifier with --imgsz {imgsz}"
        )


def with_verifiers(detectors: Sequence[DetectorConfig], verifiers: Sequence[str]) -> list[DetectorConfig]:
    """Detectors, followed by each once more with the verifier that was trained for it.

    Args:
        detectors: without verifiers.
        verifiers: files.

    Raises:
        WeightsError: for a verifier that cannot be read, or was trained for none of the detectors.
    """
    opened = {path: read_verifier(path) for path in verifiers}
    hashes = [(each, hash_weights(find_weights(each.weights))) for each in detectors] if verifiers else []
    found = list(detectors)
    for path, verifier in opened.items():
        own = [each for each, sha256 in hashes if sha256 == verifier.weights_sha256]
        if not own:
            require_weights(verifier, path, hashes[0][0].weights, hashes[0][1])
        found += [replace(each, verifier=path) for each in own[:1]]
    return found


def _read_safetensors(path: Path) -> tuple[dict[str, str], dict[str, Any]]:
    from safetensors import SafetensorError

    try:
        with open_tensors(path, "numpy") as file:
            names = set(file.keys())
            if names != set(_TENSORS):
                raise WeightsError(f"{printable(path)} is not a verifier of negmine; {_HOW}")
            return dict(file.metadata() or {}), {name: file.get_tensor(name) for name in _TENSORS}
    except (SafetensorError, OSError, TypeError, ValueError) as error:  # TypeError: a type that NumPy lacks
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise WeightsError(f"{printable(path)} cannot be read as safetensors: {reason}; {_HOW} again") from error


def _verifier(document: Mapping[str, Any], tensors: Mapping[str, Any]) -> Verifier:
    """Build a verifier from what is in a file.

    Raises:
        KeyError, TypeError, ValueError, AttributeError, OverflowError: for anything that is not as it was written.
    """
    names = {int(number): _text(name, "class_names") for number, name in document["class_names"].items()}
    features = RegionFeatures(
        tuple(FeatureMap(_whole(each["stride"], "stride"), _whole(each["channels"], "channels"))
              for each in document["maps"]),
        tuple(_number(each, "contexts", 0.1, 100) for each in document["contexts"]),
    )  # fmt: skip
    if not (0 < features.size <= _MOST and len(names) <= _MOST):
        raise ValueError(f"expected 1 to {_MOST} features, found {features.size}")
    class_ids = _tensor(tensors, "class_ids", np.int64, (len(tensors["class_ids"]),))
    if len(set(class_ids.tolist())) != len(class_ids) or not set(class_ids.tolist()) <= set(names):
        raise ValueError("class_ids are not different classes of class_names")
    sha256 = _text(document["weights_sha256"], "weights_sha256")
    if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        raise ValueError("weights_sha256 is not a sha256")
    if not isinstance(document["report"], dict):
        raise ValueError("report is not a mapping")
    return Verifier(
        weights=_text(document["weights"], "weights"),
        weights_sha256=sha256,
        class_names=names,
        features=features,
        class_ids=class_ids,
        coefficients=_tensor(tensors, "coefficients", np.float32, (len(class_ids), features.size)),
        intercepts=_tensor(tensors, "intercepts", np.float32, (len(class_ids),)),
        shift=_number(document["shift"], "shift", -100, 100),
        imgsz=_whole(document["imgsz"], "imgsz"),
        conf=_number(document["conf"], "conf", 0, 1),
        report=document["report"],
    )


def _tensor(tensors: Mapping[str, Any], name: str, kind: type, shape: tuple[int, ...]) -> Any:
    found = tensors[name]
    if found.dtype != np.dtype(kind) or found.shape != shape:
        raise ValueError(f"expected {name} of {np.dtype(kind)} {list(shape)}, found {found.dtype} {list(found.shape)}")
    if not np.isfinite(found).all():
        raise ValueError(f"{name} holds values that are NaN or infinite")
    return found


def _text(found: object, name: str) -> str:
    if not isinstance(found, str):
        raise ValueError(f"{name} is not text")
    return found


def _whole(found: object, name: str) -> int:
    if type(found) is not int or not 0 < found <= _MOST:
        raise ValueError(f"{name} is not a whole number of 1 to {_MOST}")
    return found


def _number(found: object, name: str, low: float, high: float) -> float:
    if type(found) not in (int, float) or not math.isfinite(found) or not low <= found <= high:  # type: ignore[arg-type,operator]
        raise ValueError(f"{name} is not a number from {low:g} to {high:g}")
    return float(found)  # type: ignore[arg-type]
