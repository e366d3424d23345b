"""Training real, small detectors of torchvision: every family, with and without objects, killed and not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from blobs import draw
from families import FASTER, FCOS, RETINA, SMALL, SSD, write_random
from killing import Killed, killed_at

from negmine.detectors.config import DetectorConfig
from negmine.detectors.open import open_detector
from negmine.detectors.torchvision.checkpoints import read_checkpoint, write_checkpoint
from negmine.errors import ConfigError, TrainingError, WeightsError
from negmine.training.base import TrainingSet, TrainProgress
from negmine.training.config import TrainConfig
from negmine.training.losses import LOSSES, family_of_builder
from negmine.training.open import open_trainer
from negmine.training.torchvision.loop import Settings, rate_at

NAMES = ("lamp", "clock")
PAIRS = [
    (builder, loss.name)
    for builder in (FASTER, RETINA, FCOS, SSD)
    for loss in LOSSES.values()
    if loss.use(family_of_builder(builder)) and (builder in (FASTER, RETINA) or loss.name == "ohem")
]


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A builder's name to a checkpoint with random weights."""
    folder = tmp_path_factory.mktemp("untrained")

    def make(builder: str) -> Path:
        path = folder / f"{builder}.safetensors"
        if not path.exists():
            write_random(path, builder, NAMES)
        return path

    return make


@pytest.fixture
def data(tmp_path: Path) -> TrainingSet:
    """Three pictures with a square each, and two without."""

    def picture(number: int, *, empty: bool = False) -> Path:
        squares = [] if empty else [(20, 15, 60, 55, 90)]
        kind = "negatives" if empty else "train"
        path = draw(tmp_path / "images" / kind / f"{number}.png", squares, size_wh=(96, 80), seed=number)
        label = tmp_path / "labels" / kind / f"{number}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text("" if empty else "1 0.4167 0.4375 0.4167 0.5\n")
        return path

    return TrainingSet(
        positives=tuple(picture(number) for number in range(3)),
        negatives=tuple(picture(number, empty=True) for number in range(2)),
        val=(),
        class_names=NAMES,
    )


def _config(**changes: Any) -> TrainConfig:
    settings: dict[str, Any] = {"epochs": 1, "batch": 2, "device": "cpu", "min_neg": 4, "soup": 1}
    return TrainConfig(**(settings | changes))


@pytest.mark.slow
@pytest.mark.parametrize(("family", "loss"), PAIRS)
def test_every_loss_of_every_family_trains(
    family: str, loss: Any, untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path
) -> None:
    before = untrained(family)
    trainer = open_trainer(_config(loss=loss), before)
    trainer.check(before, NAMES)
    told: list[TrainProgress] = []
    after = trainer.train(before, data, tmp_path / "run", on_steps=told.append)
    assert [end.step for end in told] == list(range(1, len(data.positives) + 1))  # one of them a step
    assert all(value == value and value >= 0 for value in told[-1].losses.values())
    old, new = read_checkpoint(before), read_checkpoint(after)
    assert (new.builder, new.class_names, new.arguments) == (old.builder, old.class_names, old.arguments)
    assert any(not torch.equal(old.state[name], new.state[name]) for name in old.state)
    assert json.loads((tmp_path / "run" / "log.jsonl").read_text()).keys() == {"step", *told[0].losses}
    open_detector(DetectorConfig(str(after), device="cpu"))


@pytest.mark.slow
@pytest.mark.parametrize(("family", "loss"), [(FASTER, "ohem"), (RETINA, "ghm")])
def test_a_killed_training_ends_as_an_undisturbed_one(
    family: str, loss: Any, untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path
) -> None:
    before = untrained(family)
    config = _config(loss=loss, epochs=3)
    whole = open_trainer(config, before).train(before, data, tmp_path / "whole")
    with pytest.raises(Killed):
        open_trainer(config, before).train(
            before, data, tmp_path / "run", on_steps=killed_at(2 * len(data.positives) + 1)
        )
    told: list[int] = []
    after = open_trainer(config, before).train(
        before, data, tmp_path / "run", on_steps=lambda end: told.append(end.step)
    )
    assert told == list(range(2 * len(data.positives) + 1, 3 * len(data.positives) + 1))
    assert after.read_bytes() == whole.read_bytes()
    assert not (tmp_path / "run" / "resume.safetensors").exists()
    assert open_trainer(config, before).train(before, data, tmp_path / "run") == after  # what is done is done


@pytest.mark.slow
def test_guided_loss_scaling_sets_the_bias_of_a_fresh_head_and_keeps_thresholds(
    untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path
) -> None:
    before = untrained(RETINA)
    once = open_trainer(_config(loss="guided"), before).train(before, data, tmp_path / "once")
    bias = "head.classification_head.cls_logits.bias"
    first, second = read_checkpoint(before), read_checkpoint(once)
    assert float((second.state[bias] - first.state[bias]).mean()) < -0.3  # four steps alone move it by 0.0004
    assert first.score_thresholds is None
    assert second.score_thresholds is not None
    lamp, clock = second.score_thresholds  # all objects are clocks
    assert lamp == 0 and 0 < clock < 0.01
    again = open_trainer(_config(loss="guided"), once).train(once, data, tmp_path / "again")
    assert float((read_checkpoint(again).state[bias] - second.state[bias]).abs().max()) < 0.01
    stock = open_trainer(_config(loss="stock"), before).train(before, data, tmp_path / "stock")
    assert read_checkpoint(stock).score_thresholds is None


@pytest.mark.slow
def test_another_seed_gives_other_weights_and_a_soup_is_their_average(
    untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path
) -> None:
    before = untrained(FASTER)
    averaged = open_trainer(_config(soup=2), before).train(before, data, tmp_path / "run")
    members = [read_checkpoint(tmp_path / "run" / f"member-{number}" / "trained.safetensors") for number in (1, 2)]
    name = "roi_heads.box_predictor.cls_score.weight"
    assert not torch.equal(members[0].state[name], members[1].state[name])
    torch.testing.assert_close(
        read_checkpoint(averaged).state[name], (members[0].state[name] + members[1].state[name]) / 2
    )


@pytest.mark.parametrize(
    ("family", "loss", "message"),
    [
        (
            FASTER,
            "focal",
            "the loss focal is not for Faster R-CNN detectors; use one of ohem, stock, heuristic, random",
        ),
        (RETINA, "heuristic", "the loss heuristic is not for RetinaNet detectors; use one of ohem, hard-negative,"),
        (SSD, "ghm", "the loss ghm is not for SSD detectors; use one of ohem, hard-negative, stock$"),
    ],
)
def test_a_loss_that_a_family_cannot_take_is_refused_by_name(
    family: str, loss: Any, message: str, untrained: Callable[[str], Path]
) -> None:
    before = untrained(family)
    with pytest.raises(WeightsError, match=message):
        open_trainer(_config(loss=loss), before).check(before, NAMES)


def test_other_classes_sizes_and_settings_are_refused(untrained: Callable[[str], Path]) -> None:
    with pytest.raises(WeightsError, match=r"has the classes lamp, clock, and the data lamp; train with"):
        open_trainer(_config(), untrained(FASTER)).check(untrained(FASTER), ["lamp"])
    with pytest.raises(ConfigError, match=r"takes images of 320x320 pixels only, found imgsz 64"):
        open_trainer(_config(imgsz=64, loss="stock"), untrained(SSD)).check(untrained(SSD), NAMES)
    for settings, message in (
        ({"mosaic": 1}, "has no setting mosaic; there are optimizer, lr0"),
        ({"lr0": "fast"}, "expected lr0 over 0 in --set, found 'fast'"),
        ({"optimizer": "lion"}, "expected optimizer=adamw or sgd"),
        ({"momentum": 1}, "momentum from 0 and under 1"),
        ({"frozen_norm": 1}, "frozen_norm=true or false"),
        ({"warmup": -1}, "warmup of 0 or more"),
    ):
        with pytest.raises(ConfigError, match=message):
            open_trainer(_config(settings=settings), untrained(FASTER))


def test_a_nan_loss_names_the_images(untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path) -> None:
    checkpoint = read_checkpoint(untrained(FASTER))
    state = dict(checkpoint.state)
    state["roi_heads.box_predictor.cls_score.bias"] = torch.tensor(
        [3e38, -3e38, 0.0]
    )  # so far apart that it is infinite
    broken = tmp_path / "broken.safetensors"
    write_checkpoint(type(checkpoint)(checkpoint.builder, NAMES, state, checkpoint.arguments), broken)
    with pytest.raises(TrainingError, match=r"NaN or infinite on the batch of \d\.png, \d\.png; look") as caught:
        open_trainer(_config(loss="stock"), broken).train(broken, data, tmp_path / "run")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [True, False])
def test_statistics_of_batch_normalisation_stay_unless_asked(
    frozen: bool, untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path
) -> None:
    before = untrained(FASTER)
    settings = {} if frozen else {"frozen_norm": False}
    after = open_trainer(_config(settings=settings), before).train(before, data, tmp_path / "run")
    old, new = read_checkpoint(before).state, read_checkpoint(after).state
    names = [name for name in old if name.endswith("running_mean")]
    assert names
    assert all(torch.equal(old[name], new[name]) for name in names) is frozen


def test_the_rate_rises_and_falls_along_a_cosine() -> None:
    settings = Settings(lr0=1.0, lrf=0.1)
    assert rate_at(0, 100, 0, settings) == 1.0
    assert rate_at(50, 100, 0, settings) == pytest.approx(0.55)
    assert rate_at(100, 100, 0, settings) == pytest.approx(0.1)
    assert rate_at(0, 100, 10, settings) == pytest.approx(0.1)
    assert rate_at(4, 10**9, 10, settings) == pytest.approx(0.5)


def test_a_batch_is_two_images_for_regions_and_holds_the_ratio(untrained: Callable[[str], Path]) -> None:
    def batch(family: str, ratio: float) -> Any:
        trainer: Any = open_trainer(_config(batch=None, ratio=ratio), untrained(family))
        return trainer._config.batch

    assert batch(FASTER, 1.0) == 2
    assert batch(FASTER, 3.0) == 4
    assert batch(SSD, 1.0) == 16


@pytest.mark.slow
def test_trained_weights_run_at_the_size_that_they_were_trained_at(
    untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path
) -> None:
    before = untrained(FASTER)
    after = open_trainer(_config(imgsz=80), before).train(before, data, tmp_path / "run")
    arguments = read_checkpoint(after).arguments
    assert (arguments["min_size"], arguments["max_size"]) == (80, 80)
    as_it_was = open_trainer(_config(), before).train(before, data, tmp_path / "other")
    assert read_checkpoint(as_it_was).arguments == SMALL


@pytest.mark.slow
def test_an_unreadable_image_is_one_line_from_a_loading_process_too(data: TrainingSet) -> None:
    from torch.utils.data import DataLoader

    from negmine.training.torchvision.data import TrainingImages, as_batch, opened

    data.positives[1].write_bytes(b"\x89PNG\r\n\x1a\n")
    folder = data.positives[0].parent
    images = TrainingImages(data.positives, data.write_lists(folder), NAMES, 1, augment=False)
    loader = DataLoader(images, batch_size=3, collate_fn=as_batch, num_workers=1, multiprocessing_context="spawn")
    with pytest.raises(TrainingError, match=r"1\.png cannot be trained on: .*; remove it") as caught:
        list(opened(loader))
    assert "\n" not in str(caught.value)


def test_a_training_begun_on_a_cpu_goes_on_on_a_gpu(tmp_path: Path) -> None:
    from negmine.training.states import write_state
    from negmine.training.torchvision.trainer import _restore

    cpu, gpu = (torch.amp.GradScaler("cpu", enabled=enabled) for enabled in (False, True))
    write_state({"passes": 2, "lines": ["{}", "{}"], "scaler": cpu.state_dict()}, tmp_path / "resume.safetensors")
    assert _restore(tmp_path / "resume.safetensors", {"scaler": gpu}) == (2, ["{}", "{}"])
    assert (tmp_path / "log.jsonl").read_text() == "{}\n{}\n"  # though a kill had lost a line


@pytest.mark.slow
def test_the_log_has_a_line_a_pass_after_a_kill_between_the_two_files(
    untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path
) -> None:
    before = untrained(FASTER)
    with pytest.raises(Killed):
        open_trainer(_config(epochs=2), before).train(
            before, data, tmp_path / "run", on_steps=killed_at(len(data.positives) + 1)
        )
    (tmp_path / "run" / "log.jsonl").unlink()
    open_trainer(_config(epochs=2), before).train(before, data, tmp_path / "run")
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [len(data.positives), 2 * len(data.positives)]


@pytest.mark.slow
def test_a_soup_of_a_pickled_start_is_safetensors(
    untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path
) -> None:
    checkpoint = read_checkpoint(untrained(FASTER))
    document = {"builder": checkpoint.builder, "class_names": list(NAMES), "arguments": dict(checkpoint.arguments)}
    torch.save({**document, "state_dict": dict(checkpoint.state)}, tmp_path / "start.pth")
    averaged = open_trainer(_config(soup=2), tmp_path / "start.pth").train(
        tmp_path / "start.pth", data, tmp_path / "run"
    )
    assert averaged.suffix == ".safetensors"
    assert read_checkpoint(averaged).class_names == NAMES


def test_a_device_that_is_not_there_is_said_before_training(untrained: Callable[[str], Path]) -> None:
    for device in ("cuda:99", "meta", "nonsense"):
        with pytest.raises(ConfigError, match=rf"expected a device that is there, found '{device}'"):
            open_trainer(_config(device=device), untrained(FASTER))
