"""The demo's detector: it finds signs, and fires on look-alikes because it never saw one."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
import torch

from negmine.boxes import box_iou
from negmine.demo.dataset import DemoDataset, write_demo_dataset
from negmine.demo.scenes import Scene, draw_lookalike_scene, draw_sign_scene
from negmine.demo.training import train_demo_detector
from negmine.errors import ConfigError, TruthError
from negmine.structures import FloatArray


def found(weights: Path, scenes: list[Scene], imgsz: int) -> list[FloatArray]:
    """The boxes of each scene at a score of 0.25, straight from Ultralytics."""
    from ultralytics import YOLO

    model = YOLO(str(weights))
    results = [model.predict(scene.image, imgsz=imgsz, conf=0.25, device="cpu", verbose=False)[0] for scene in scenes]
    return [result.boxes.xyxy.cpu().numpy().astype(np.float64) for result in results]


def test_it_finds_the_signs_of_scenes_it_never_saw(demo_weights: Path) -> None:
    scenes = [draw_sign_scene(np.random.default_rng([0, 1, number])) for number in range(20)]
    hits = [
        hit
        for scene, boxes in zip(scenes, found(demo_weights, scenes, 192), strict=True)
        for hit in (box_iou(scene.boxes_xyxy, boxes) >= 0.5).any(axis=1)
    ]
    assert np.mean(hits) > 0.7


def test_it_fires_on_lookalikes(demo_weights: Path) -> None:
    scenes = [draw_lookalike_scene(np.random.default_rng([0, 2, number])) for number in range(40)]
    on_lookalikes = [
        bool((box_iou(scene.boxes_xyxy, boxes) >= 0.3).any())
        for scene, boxes in zip(scenes, found(demo_weights, scenes, 192), strict=True)
    ]
    assert np.mean(on_lookalikes) > 0.2


@pytest.fixture(scope="module")
def few_images(tmp_path_factory: pytest.TempPathFactory) -> DemoDataset:
    """As much as a training run needs to run, and not enough to learn from."""
    return write_demo_dataset(tmp_path_factory.mktemp("few"), train=4, val=2, backgrounds=0)


@pytest.mark.slow
def test_it_reports_epochs_prints_nothing_and_leaves_no_trace(tmp_path: Path, few_images: DemoDataset) -> None:
    before = sorted(few_images.folder.rglob("*"))
    threads, epochs = torch.get_num_threads(), list[tuple[int, int]]()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        weights = train_demo_detector(
            few_images.data_yaml, tmp_path / "run", epochs=2, imgsz=64, on_epoch=lambda *epoch: epochs.append(epoch)
        )
    assert epochs == [(1, 2), (2, 2)]
    assert printed.getvalue() == ""
    assert torch.get_num_threads() == threads
    assert sorted(few_images.folder.rglob("*")) == before
    assert weights.is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.slow
def test_the_same_seed_trains_the_same_weights(tmp_path: Path, few_images: DemoDataset) -> None:
    def trained(name: str, seed: int) -> dict[str, torch.Tensor]:
        weights = train_demo_detector(few_images.data_yaml, tmp_path / name, seed=seed, epochs=1, imgsz=64)
        state: dict[str, torch.Tensor] = torch.load(weights, weights_only=False)["model"].state_dict()
        return state

    first, again, other = trained("first", 0), trained("again", 0), trained("other", 1)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"epochs": 0}, "at least 1 epoch, found 0"), ({"imgsz": 100}, "multiple of 32, found 100"), ({"imgsz": 0}, "0")],
)
def test_impossible_settings_are_refused(
    tmp_path: Path, few_images: DemoDataset, settings: dict[str, int], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        train_demo_detector(few_images.data_yaml, tmp_path / "run", **settings)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_a_missing_data_yaml_is_named(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match=r"nowhere\.yaml; draw the demo data first"):
        train_demo_detector(tmp_path / "nowhere.yaml", tmp_path / "run")
