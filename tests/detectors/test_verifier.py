"""The arithmetic of a verifier, and its files: what is written is what is read, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from negmine.detectors.config import DetectorConfig
from negmine.detectors.verifier import FeatureMap, RegionFeatures, Verifier, combined
from negmine.detectors.verifier_files import read_verifier, require_weights, with_verifiers, write_verifier
from negmine.errors import WeightsError
from negmine.files import sha256_of

FEATURES = RegionFeatures((FeatureMap(8, 1), FeatureMap(16, 2)), (1.0,))


def make(**changes: Any) -> Verifier:
    """Verifies class 1 of two: its margin is the first feature."""
    made = Verifier(
        weights="best.pt",
        weights_sha256="ab" * 32,
        class_names={0: "lamp", 1: "sign"},
        features=FEATURES,
        class_ids=np.array([1]),
        coefficients=np.array([[1, 0, 0]], dtype=np.float32),
        intercepts=np.array([0.0], dtype=np.float32),
        shift=0.0,
        imgsz=96,
        conf=0.25,
        report={"images": 3},
    )
    return replace(made, **changes)


def test_nothing_is_rescored_to_nothing() -> None:
    found = make().rescored(np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros((0, 3), dtype=np.float32))
    assert found.shape == (0,)


def test_a_score_is_multiplied_with_the_probability_of_the_margin() -> None:
    features = np.array([[np.log(3), 5, 5], [np.log(3), 5, 5]], dtype=np.float32)  # a probability of 3/4
    found = make().rescored(np.array([0.8, 0.8]), np.array([1, 0]), features)
    assert found == pytest.approx([0.6, 0.8])  # class 0 is not verified


def test_a_shift_is_added_to_the_logit_of_the_product() -> None:
    """0.5 has the logit 0; a shift of ln 3 makes it 3/4."""
    assert combined(np.array([1.0]), np.array([0.0]), np.log(3)) == pytest.approx([0.75])


def test_extreme_scores_and_margins_stay_scores() -> None:
    found = combined(np.array([0.0, 1.0, 1.0, 0.5]), np.array([1e9, 1e9, -1e9, np.inf]), 50.0)
    assert ((found >= 0) & (found <= 1)).all()
    assert found[1] == pytest.approx(1) and found[3] == pytest.approx(1)


@given(st.floats(0.01, 0.99), st.floats(-3, 3))
def test_what_may_reach_a_threshold_is_asked_for(conf: float, shift: float) -> None:
    """A detection that the verifier is certain of keeps its score but for the shift."""
    lowest = make(shift=shift).detector_conf(conf)
    assert lowest <= conf
    surest = combined(np.array([lowest]), np.array([60.0]), shift)[0]
    assert surest == pytest.approx(conf) if shift > 0 else surest <= conf + 1e-9


def test_a_file_gives_back_what_was_written_and_equal_verifiers_equal_bytes(tmp_path: Path) -> None:
    one, other = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    write_verifier(make(), one)
    write_verifier(read_verifier(one), other)
    assert one.read_bytes() == other.read_bytes()
    found = read_verifier(one)
    assert found.coefficients.tolist() == [[1, 0, 0]] and found.class_ids.tolist() == [1]
    assert (found.features, found.class_names, found.report) == (FEATURES, {0: "lamp", 1: "sign"}, {"images": 3})


def test_a_verifier_is_a_safetensors_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"ends in \.safetensors, found .*v\.pt"):
        write_verifier(make(), tmp_path / "v.pt")
    assert list(tmp_path.iterdir()) == []


def changed(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> Path:
    """A file of a verifier, after a change of its header and its tensors."""
    write_verifier(make(), path)
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]
    document, tensors = json.loads(header["negmine-verifier"]), load_file(path)
    change(document, tensors)
    save_file(tensors, path, metadata={"negmine-verifier": json.dumps(document)})
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d, t: d.update(format=2), "format 1, found 2"),
        (lambda d, t: d.pop("shift"), "lacks 'shift'"),
        (lambda d, t: d.update(shift="1"), "shift is not a number"),
        (lambda d, t: d.update(shift=1e9), "shift is not a number from -100 to 100"),
        (lambda d, t: d.update(conf=True), "conf is not a number"),
        (lambda d, t: d.update(imgsz=0), "imgsz is not a whole number"),
        (lambda d, t: d.update(maps=[]), "expected 1 to 100000 features, found 0"),
        (lambda d, t: d.update(maps=[{"stride": 8, "channels": 10**9}]), "channels is not a whole number"),
        (lambda d, t: d.update(maps=3), "damaged"),
        (lambda d, t: d.update(class_names={"x": "sign"}), "damaged"),
        (lambda d, t: d.update(class_names=["sign"]), "damaged"),
        (lambda d, t: d.update(weights_sha256="zz"), "weights_sha256 is not a sha256"),
        (lambda d, t: d.update(report=[]), "report is not a mapping"),
        (lambda d, t: t.update(coefficients=np.zeros((1, 4), np.float32)), r"float32 \[1, 3\], found float32 \[1, 4\]"),
        (lambda d, t: t.update(coefficients=np.zeros((1, 3), np.float64)), "found float64"),
        (lambda d, t: t.update(intercepts=np.array([np.nan], np.float32)), "NaN or infinite"),
        (lambda d, t: t.update(class_ids=np.array([7])), "not different classes of class_names"),
        (lambda d, t: t.pop("intercepts"), "not a verifier of negmine"),
        (lambda d, t: t.update(more=np.zeros(1)), "not a verifier of negmine"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_refused_in_one_line(
    tmp_path: Path, change: Callable[[dict[str, Any], dict[str, Any]], object], message: str
) -> None:
    path = changed(tmp_path / "v.safetensors", change)
    with pytest.raises(WeightsError, match=message) as caught:
        read_verifier(path)
    assert "v.safetensors" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("length", [0, 7, 100, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "v.safetensors"
    write_verifier(make(), path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(WeightsError, match="cannot be read as safetensors"):
        read_verifier(path)


def test_other_files_are_no_verifiers(tmp_path: Path) -> None:
    save_file({"weight": np.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match="not a verifier of negmine; train one with `negmine verifier train`"):
        read_verifier(tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match="found nothing"):
        read_verifier(tmp_path / "missing.safetensors")
    with pytest.raises(WeightsError, match="found a folder"):
        read_verifier(tmp_path)


def test_other_weights_are_refused_by_their_hash() -> None:
    require_weights(make(), "v.safetensors", "moved.pt", "ab" * 32)
    with pytest.raises(WeightsError, match=r"v\.safetensors was trained for best\.pt .* found new\.pt with cdcd"):
        require_weights(make(), "v.safetensors", "new.pt", "cd" * 32)


def test_a_verifier_goes_behind_the_weights_that_it_was_trained_for(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.pt").write_bytes(name.encode())
    path = tmp_path / "v.safetensors"
    write_verifier(make(weights_sha256=sha256_of(b"b")), path)
    given = [DetectorConfig(str(tmp_path / f"{name}.pt")) for name in ("a", "b")]
    assert with_verifiers(given, []) == given
    assert with_verifiers(given, [str(path)]) == [*given, replace(given[1], verifier=str(path))]
    with pytest.raises(WeightsError, match=r"found .*a\.pt"):
        with_verifiers(given[:1], [str(path)])
