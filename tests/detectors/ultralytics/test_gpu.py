"""The fast path of a GPU: it is used where it finds what full precision finds, and halves its batch without memory.

Everything but the arithmetic runs on the CPU here too; tests with the mark `gpu` need an NVIDIA GPU.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from firing import pictures, write_firing_checkpoint

from negmine.detectors.base import opening_notes
from negmine.detectors.config import DetectorConfig
from negmine.detectors.open import open_detector
from negmine.detectors.parity import beyond_rounding
from negmine.detectors.ultralytics.detector import UltralyticsDetector
from negmine.detectors.ultralytics.gpu import open_half, open_verified
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.errors import DetectorError
from negmine.mining.config import ScanConfig
from negmine.mining.scan import scan
from negmine.structures import Detections, Image


def config(weights: Path, **settings: object) -> DetectorConfig:
    return DetectorConfig(str(weights), **{"conf": 0.3, "device": "cpu"} | settings)  # type: ignore[arg-type]


def samples(most: int) -> Iterator[Image]:
    assert most == 16
    return iter(pictures(5))


def same(one: Detections, other: Detections) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("boxes_xyxy", "scores", "class_ids")
    )


def close(one: Detections, other: Detections) -> bool:
    return len(one) == len(other) and all(
        np.allclose(getattr(one, name), getattr(other, name), atol=1e-3) for name in ("boxes_xyxy", "scores")
    )


def limit_memory(detector: UltralyticsDetector, most: int, runs: list[int]) -> None:
    """Have the model itself run out of memory on more than so many images."""

    def check(_: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        runs.append(len(given[0]))
        if len(given[0]) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    detector.module.model[0].register_forward_pre_hook(check)


def test_it_is_used_where_it_finds_the_same(firing_weights: Path) -> None:
    plain = UltralyticsDetector(config(firing_weights))
    fast = open_half(plain, config(firing_weights), samples)
    assert fast is not plain and plain.notes == ()
    assert fast.identity.settings == {**plain.identity.settings, "backend": "torch fp16"}
    (note,) = opening_notes(fast)
    assert note.startswith("firing.pt runs in half precision: on 5 images it finds ") and "\n" not in note
    assert sum(map(len, fast.predict(pictures(5)))) > 10


def test_where_no_image_can_be_read_it_is_not_used(firing_weights: Path) -> None:
    plain = UltralyticsDetector(config(firing_weights))
    assert open_half(plain, config(firing_weights), lambda _: iter(())) is plain and plain.notes == ()


@pytest.mark.slow
def test_a_fast_path_that_raises_is_one_line_and_full_precision(firing_weights: Path) -> None:
    plain = UltralyticsDetector(config(firing_weights))
    expected = plain.predict(pictures(5))

    def fail() -> UltralyticsDetector:
        fast = UltralyticsDetector(config(firing_weights))

        def no_kernel(*_: object) -> None:
            raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nCompile with ...")

        fast.module.model[0].register_forward_pre_hook(no_kernel)
        return fast

    assert open_verified(plain, fail, "in half precision", samples) is plain
    assert plain.notes == (
        "warning: firing.pt does not find the same in half precision as in full precision (it fails with RuntimeError: "
        "CUDA error: no kernel image is available for execution on the device), so full precision is used, which is "
        "slower",
    )
    assert sum(map(len, expected)) > 10 and all(map(same, expected, plain.predict(pictures(5))))


@pytest.mark.slow
def test_a_fast_path_without_memory_for_one_image_is_one_line_too(firing_weights: Path) -> None:
    plain = UltralyticsDetector(config(firing_weights))

    def open_limited() -> UltralyticsDetector:
        fast = UltralyticsDetector(config(firing_weights, batch=4))
        limit_memory(fast, 0, [])
        return fast

    assert open_verified(plain, open_limited, "in half precision", samples) is plain
    assert len(plain.notes) == 1 and "does not fit into the memory of cpu" in plain.notes[0]


@pytest.mark.slow
def test_a_fast_path_that_finds_other_things_is_one_line_and_full_precision(
    firing_weights: Path, tmp_path: Path
) -> None:
    other = write_firing_checkpoint(tmp_path / "other.pt", seed=1)
    plain = UltralyticsDetector(config(firing_weights))
    expected = plain.predict(pictures(5))
    assert open_verified(plain, lambda: UltralyticsDetector(config(other)), "on TensorRT", samples) is plain
    (note,) = plain.notes
    assert note.startswith("warning: firing.pt does not find the same on TensorRT as in full precision (on 5 images it")
    assert all(map(same, expected, plain.predict(pictures(5))))


class Blind(UltralyticsDetector):
    """Finds nothing, whatever it sees."""

    def predict_from(self, conf: float, images: Sequence[Image]) -> list[Detections]:
        return [Detections.empty()] * len(images)


@pytest.fixture(scope="module")
def faint_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that finds nothing in the samples at a usual threshold, and noise below."""
    return write_firing_checkpoint(tmp_path_factory.mktemp("faint") / "faint.pt", bias=-12.3)


@pytest.mark.slow
def test_where_nothing_is_found_noise_is_compared(faint_weights: Path) -> None:
    plain = UltralyticsDetector(config(faint_weights))
    assert sum(map(len, plain.predict_from(0.05, pictures(5)))) == 0
    fast = open_half(plain, config(faint_weights), samples)
    assert fast is not plain
    assert fast.notes[0].startswith("faint.pt runs in half precision: down to a score of 0.001, on 5 images it finds ")


@pytest.mark.slow
def test_a_fast_path_that_never_finds_anything_is_not_used(faint_weights: Path) -> None:
    plain = UltralyticsDetector(config(faint_weights))
    assert open_verified(plain, lambda: Blind(config(faint_weights)), "in half precision", samples) is plain
    assert "(down to a score of 0.001, on 5 images it finds 0 of the " in plain.notes[0]


@pytest.mark.slow
def test_where_not_even_noise_is_found_full_precision_is_used(tmp_path: Path) -> None:
    weights = write_firing_checkpoint(tmp_path / "silent.pt", bias=-20.0)
    plain = UltralyticsDetector(config(weights))
    assert open_half(plain, config(weights), samples) is plain
    assert plain.notes == (
        "silent.pt runs in full precision, which is slower: too little was found in 5 images to compare it in half "
        "precision",
    )


@pytest.fixture
def forced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the path of a GPU on the CPU."""
    monkeypatch.setattr(UltralyticsDetector, "device_type", "cuda")


@pytest.mark.slow
@pytest.mark.usefixtures("forced")
def test_with_images_a_gpu_runs_in_half_precision_and_is_handed_several_batches(firing_weights: Path) -> None:
    detector = open_detector(config(firing_weights), samples)
    assert detector.identity.settings["backend"] == "torch fp16" and detector.batch_size == 4 * 16
    assert open_detector(config(firing_weights, batch=3), samples).batch_size == 4 * 3
    assert open_detector(config(firing_weights)).identity.settings["backend"] == "torch", "nothing to compare on"
    assert open_detector(config(firing_weights, backend="torch"), samples).identity.settings["backend"] == "torch"


@pytest.mark.slow
@pytest.mark.usefixtures("forced")
def test_a_scan_takes_the_path_and_finds_what_the_cpu_finds(firing_weights: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, image in enumerate(pictures(7) * 3):
        cv2.imwrite(str(tmp_path / "in" / f"{number}.png"), image + np.uint8(number))
    found = []
    for backend in ("auto", "torch"):
        settings = config(firing_weights, backend=backend, batch=2)
        result = scan(tmp_path / "in", settings, bank=tmp_path / backend, config=ScanConfig(max_per_image=1))
        found.append((result.scanned, result.added, result.device.backend))
    assert found == [(21, found[1][1], "torch fp16"), (21, found[1][1], "torch")] and found[1][1] > 3


@pytest.mark.slow
def test_out_of_memory_halves_the_batch_for_good(firing_weights: Path) -> None:
    images = pictures(1) * 11
    detector, runs = UltralyticsDetector(config(firing_weights, batch=8)), list[int]()
    expected = UltralyticsDetector(config(firing_weights, batch=2)).predict(images)
    limit_memory(detector, 2, runs)
    assert all(map(same, expected, detector.predict(images)))
    assert runs == [8, 4, 2, 2, 2, 2, 2, 1]
    assert (detector.at_once, detector.batch_size) == (2, 2)
    assert detector.notes == (
        "cpu ran out of memory: firing.pt runs on 4 images at once from now on",
        "cpu ran out of memory: firing.pt runs on 2 images at once from now on",
    )
    runs.clear()
    detector.predict(images)
    assert max(runs) == 2


def test_without_memory_for_a_single_image_it_says_so(firing_weights: Path) -> None:
    detector = UltralyticsDetector(config(firing_weights, batch=2))
    limit_memory(detector, 0, [])
    message = r"firing\.pt does not fit into the memory of cpu with one image at imgsz 96; use a smaller --imgsz"
    with pytest.raises(DetectorError, match=message):
        detector.predict(pictures(1))


def overflowing_checkpoint(path: Path) -> Path:
    """A checkpoint whose first layer gives more than a number in half precision holds."""
    weights = write_firing_checkpoint(path)
    with quiet_ultralytics():
        checkpoint = torch.load(weights, weights_only=False)
        model = checkpoint["model"].float()
        first, second = model.model[0].bn, model.model[1].bn
        with torch.no_grad():  # the first layer gives 30,000 times as much, and the second expects it
            first.weight *= 3e4
            first.bias *= 3e4
            second.running_mean *= 3e4
            second.running_var *= 9e8
        torch.save(checkpoint, weights)
    return weights


@pytest.mark.gpu
def test_on_a_gpu_half_precision_finds_what_full_precision_finds(cuda: str, firing_weights: Path) -> None:
    plain = open_detector(config(firing_weights, device=cuda, backend="torch"))
    fast = open_detector(config(firing_weights, device=cuda), samples)
    assert fast.device == plain.device == "cuda:0" and fast.identity.settings["backend"] == "torch fp16"
    theirs, ours = plain.predict(pictures(14)), fast.predict(pictures(14))
    assert sum(map(len, theirs)) > 10 and beyond_rounding(theirs, ours, 0.3) is False
    assert not all(map(same, theirs, ours)), "it is not half precision"


@pytest.mark.gpu
def test_on_a_gpu_full_precision_finds_what_the_cpu_finds(cuda: str, firing_weights: Path) -> None:
    on_cpu = open_detector(config(firing_weights, backend="torch"))
    on_gpu = open_detector(config(firing_weights, device=cuda, backend="torch"))
    theirs, ours = on_cpu.predict(pictures(14)), on_gpu.predict(pictures(14))
    assert sum(map(len, theirs)) > 10 and beyond_rounding(theirs, ours, 0.3) is False


@pytest.mark.gpu
def test_on_a_gpu_any_batch_finds_the_same(cuda: str, firing_weights: Path) -> None:
    images = pictures(7) * 3
    one, many = (
        UltralyticsDetector(config(firing_weights, device=cuda, batch=batch)).predict(images) for batch in (1, 16)
    )
    assert sum(map(len, one)) > 10 and sum(map(close, one, many)) >= len(images) - 2


@pytest.mark.gpu
def test_on_a_gpu_half_precision_that_overflows_is_refused(cuda: str, tmp_path: Path) -> None:
    weights = overflowing_checkpoint(tmp_path / "loud.pt")
    detector = open_detector(config(weights, device=cuda), samples)
    assert detector.identity.settings["backend"] == "torch"
    assert detector.notes[0].startswith("warning: loud.pt does not find the same in half precision as in full")
    assert sum(map(len, detector.predict(pictures(5)))) > 0


@pytest.mark.gpu
def test_on_a_gpu_that_runs_out_of_memory_the_batch_is_halved(cuda: str, firing_weights: Path) -> None:
    detector = UltralyticsDetector(config(firing_weights, device=cuda, batch=128, imgsz=640))
    images = [np.resize(pictures(1)[0], (640, 640, 3))] * 128
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    try:
        torch.cuda.set_per_process_memory_fraction(min((1 << 30) / total, 1.0))
        found = detector.predict(images)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert len(found) == 128 and detector.at_once < 128 and "ran out of memory" in detector.notes[0]


@pytest.mark.gpu
def test_on_a_gpu_a_scan_is_repeated_without_work(cuda: str, firing_weights: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, image in enumerate(pictures(7)):
        cv2.imwrite(str(tmp_path / "in" / f"{number}.png"), image)
    settings = config(firing_weights, device=cuda)
    first, again = (scan(tmp_path / "in", settings, bank=tmp_path / "bank") for _ in range(2))
    assert (first.scanned, first.device.name, again.unchanged) == (7, "cuda:0", 7) and first.added > 0
