"""Ultralytics trains further with every loss, in every dense family, and plain Ultralytics opens what comes out."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from blobs import draw
from firing import write_firing_checkpoint
from killing import Killed, killed_at

from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.errors import ConfigError, TrainingError, WeightsError
from negmine.training.base import TrainingSet, TrainProgress
from negmine.training.config import TrainConfig
from negmine.training.losses import LOSSES, Family
from negmine.training.open import open_trainer
from negmine.training.ultralytics.checkpoints import write_trained
from negmine.training.ultralytics.trainer import fine_tuning_rate


class Makes:
    """Makes a folder while it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self._folder),)


NAMES = tuple(str(number) for number in range(80))  # what a model that was never trained calls its classes
FAMILIES = ("yolov5n", "yolov8n", "yolov9t", "yolov10n", "yolo11n", "yolo12n", "yolo26n")


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Architecture name to a checkpoint with random weights."""
    folder = tmp_path_factory.mktemp("untrained")

    def build(name: str) -> Path:
        path = folder / f"{name}-random.pt"
        if not path.exists():
            with quiet_ultralytics():
                from ultralytics import RTDETR, YOLO

                torch.manual_seed(0)
                model = (RTDETR if "rtdetr" in name else YOLO)(f"{name}.yaml")
                torch.save({"model": model.model, "train_args": {"task": model.task}}, path)
        return path

    return build


@pytest.fixture
def data(tmp_path: Path) -> TrainingSet:
    """Five pictures with a square each, three without, and one to validate on."""

    def picture(split: str, number: int, *, empty: bool = False) -> Path:
        squares = [] if empty else [(60, 40, 110, 90, 90)]
        path = draw(tmp_path / "images" / split / f"{number}.png", squares, size_wh=(160, 128), seed=number)
        label = tmp_path / "labels" / split / f"{number}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text("" if empty else "0 0.53125 0.5078125 0.3125 0.390625\n")
        return path

    return TrainingSet(
        positives=tuple(picture("train", number) for number in range(5)),
        negatives=tuple(picture("negatives", number, empty=True) for number in range(3)),
        val=(picture("val", 9),),
        class_names=NAMES,
    )


def _config(**changes: object) -> TrainConfig:
    settings: dict[str, object] = {"epochs": 1, "imgsz": 64, "batch": 4, "device": "cpu", "min_neg": 4, "soup": 1}
    return TrainConfig(**(settings | changes))  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_ohem_trains_every_family_and_plain_ultralytics_opens_it(
    family: str, untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path
) -> None:
    trainer = open_trainer(_config(loss="ohem", nms_iou=0.7))
    before = untrained(family)
    trainer.check(before, NAMES)
    after = trainer.train(before, data, tmp_path / "run")
    program = (
        "import sys; sys.modules['negmine'] = None\n"
        "from ultralytics import YOLO\n"
        f"model = YOLO({str(after)!r})\n"
        "import numpy as np\n"
        "model.predict(np.zeros((64, 64, 3), dtype=np.uint8), imgsz=64, verbose=False)\n"
        "assert 'negmine' not in str(sorted(n for n in sys.modules if sys.modules[n]))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, cwd=tmp_path)
    assert (tmp_path / "run" / "results.csv").read_text().count("\n") == 2
    assert _parameters(after) != _parameters(before)


def _parameters(weights: Path) -> list[float]:
    with quiet_ultralytics():
        from ultralytics.nn.tasks import load_checkpoint

        model = load_checkpoint(weights)[0].float()
    return [float(value.double().sum()) for value in model.state_dict().values()]


@pytest.mark.slow
@pytest.mark.parametrize("loss", [loss.name for loss in LOSSES.values() if loss.use(Family.ULTRALYTICS)])
def test_every_loss_trains(loss: str, untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path) -> None:
    told: list[TrainProgress] = []
    trainer = open_trainer(_config(loss=loss, epochs=2))
    after = trainer.train(untrained("yolo11n"), data, tmp_path / "run", on_steps=told.append)
    assert [(end.step, end.steps) for end in told] == [
        (step, 6) for step in range(1, 7)
    ]  # two images with objects a step
    assert all(np.isfinite(list(end.losses.values())).all() and end.losses for end in told)
    assert after.is_file()
    again = trainer.train(untrained("yolo11n"), data, tmp_path / "run", on_steps=told.append)
    assert again == after and len(told) == 6  # what is done is not done again


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(
    untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path
) -> None:
    def trained(name: str, seed: int) -> list[float]:
        return _parameters(open_trainer(_config(seed=seed)).train(untrained("yolo11n"), data, tmp_path / name))

    first = trained("a", 0)
    assert trained("b", 0) == first
    assert trained("c", 1) != first


@pytest.mark.slow
def test_the_rate_falls_with_the_number_of_classes(
    untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path
) -> None:
    assert [fine_tuning_rate(classes) for classes in (1, 16, 17, 80)] == [0.0005, 0.0005, 0.000476, 0.000119]
    open_trainer(_config(epochs=1)).train(untrained("yolo11n"), data, tmp_path / "run")  # of 80 classes
    assert "lr0: 0.000119\n" in (tmp_path / "run" / "args.yaml").read_text()


@pytest.mark.slow
def test_settings_reach_ultralytics(untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path) -> None:
    trainer = open_trainer(_config(settings={"lr0": 0.0125, "plots": True}))
    trainer.check(untrained("yolo11n"), NAMES)
    trainer.train(untrained("yolo11n"), data, tmp_path / "run")
    assert "lr0: 0.0125\n" in (tmp_path / "run" / "args.yaml").read_text()
    assert (tmp_path / "run" / "results.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(("family", "loss"), [("yolo11n", "ghm"), ("yolo26n", "ohem")])
def test_a_killed_training_resumes_from_the_last_steps_that_it_kept_with_the_same_result(
    family: str, loss: str, untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path
) -> None:
    config = _config(epochs=3, loss=loss)
    undisturbed = open_trainer(config).train(untrained(family), data, tmp_path / "undisturbed")
    with pytest.raises(Killed):
        open_trainer(config).train(untrained(family), data, tmp_path / "run", on_steps=killed_at(6))
    (tmp_path / "run" / "weights" / "last.pt").write_bytes(b"cut short")
    told: list[int] = []
    after = open_trainer(config).train(
        untrained(family), data, tmp_path / "run", on_steps=lambda end: told.append(end.step)
    )
    assert told == [4, 5, 6, 7, 8, 9]
    assert _parameters(after) == _parameters(undisturbed)
    assert after.read_bytes() == undisturbed.read_bytes()
    assert str(tmp_path).encode() not in after.read_bytes()
    assert "date" not in torch.load(after, weights_only=False)


def test_a_checkpoint_of_an_older_negmine_is_not_resumed(
    untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "resume.pt").write_bytes(b"of an older version")
    with pytest.raises(TrainingError, match=r"resume.pt was written by an older negmine; remove it"):
        open_trainer(_config(epochs=3)).train(untrained("yolo11n"), data, tmp_path / "run")


@pytest.mark.slow
def test_what_somebody_else_left_in_the_folder_is_not_opened(
    untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path
) -> None:
    """Checkpoints, label caches and links, where Ultralytics would unpickle them and write through them."""
    out, marker, other = tmp_path / "run", tmp_path / "ran", tmp_path / "other"
    evil = pickle.dumps(Makes(marker))
    (out / "weights").mkdir(parents=True)
    for name in ("last.pt", "best.pt"):
        torch.save({"model": Makes(marker)}, out / "weights" / name)
    for split in ("train", "negatives", "val"):
        np.save(tmp_path / "labels" / f"{split}.cache", np.array([Makes(marker)], dtype=object), allow_pickle=True)
        (tmp_path / "labels" / f"{split}.cache.npy").rename(tmp_path / "labels" / f"{split}.cache")
    other.write_text("mine")
    (out / "results.csv").symlink_to(other)
    (out / "args.yaml").symlink_to(other)
    open_trainer(_config(epochs=1)).train(untrained("yolo11n"), data, out)
    assert not marker.exists()
    assert other.read_text() == "mine"
    pickle.loads(evil)
    assert marker.exists(), "the attack does nothing, so that the test could not fail"


@pytest.mark.slow
def test_a_full_disk_is_said_and_leaves_no_half_of_a_checkpoint(tmp_path: Path) -> None:
    program = (
        "import resource, sys, torch\n"
        "from pathlib import Path\n"
        "from negmine.training.saving import save\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "try:\n"
        "    save({'w': torch.zeros(1 << 20)}, Path(sys.argv[1]))\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
    )
    path = tmp_path / "a.pt"
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=True, capture_output=True, text=True)
    assert done.stdout == "File too large\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_soup_is_the_average_of_trainings_with_other_seeds(
    untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    trainer = open_trainer(_config(soup=2, epochs=2))
    trainer.check(untrained("yolo11n"), NAMES)

    def train() -> Path:
        out = tmp_path / "run"
        return trainer.train(untrained("yolo11n"), data, out, on_steps=lambda end: told.append((end.step, end.steps)))

    averaged = train()
    assert told == [(step, 12) for step in range(1, 13)]
    tables = [_table(tmp_path / "run" / f"member-{number}" / "trained.pt") for number in (1, 2)]
    assert any(not torch.equal(tables[0][name], tables[1][name]) for name in tables[0])
    for name, value in _table(averaged).items():
        expected = (tables[0][name] + tables[1][name]) / 2 if value.is_floating_point() else tables[0][name]
        torch.testing.assert_close(value, expected, rtol=2e-3, atol=1e-6)  # kept in half precision
    first = averaged.read_bytes()
    averaged.unlink()  # killed before it was written: the members are not trained again
    assert train().read_bytes() == first and len(told) == 12
    blend = tmp_path / "blend.pt"
    trainer.average(
        [averaged, untrained("yolo11n")], blend, shares=(0.75, 0.25)
    )  # with weights that no training of ours wrote
    start, trained = _table(untrained("yolo11n")), _table(averaged)
    for name, value in _table(blend).items():
        expected = 0.75 * trained[name] + 0.25 * start[name] if value.is_floating_point() else trained[name]
        torch.testing.assert_close(value, expected, rtol=2e-3, atol=1e-6)


def _table(weights: Path) -> dict[str, torch.Tensor]:
    with quiet_ultralytics():
        from ultralytics.nn.tasks import load_checkpoint

        return dict(load_checkpoint(weights)[0].float().state_dict())


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_trained_weights_see_as_many_channels_as_the_start(channels: int, data: TrainingSet, tmp_path: Path) -> None:
    start = write_firing_checkpoint(tmp_path / "start.pt", channels=channels)
    trainer = open_trainer(_config(epochs=2, soup=2))
    after = trainer.train(start, data, tmp_path / "run")
    assert _table(after)["model.0.conv.weight"].shape[1] == channels


@pytest.mark.parametrize("changes", [{"channels": 1}, {"names": ["lamp"]}, {"architecture": "yolov10n"}])
@pytest.mark.slow_after(1)
def test_weights_that_turned_into_another_network_are_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    with quiet_ultralytics():
        from ultralytics import YOLO

        start = YOLO(write_firing_checkpoint(tmp_path / "a.pt"))
        other = YOLO(write_firing_checkpoint(tmp_path / "b.pt", **changes))
        write_trained(start, start.model.state_dict(), tmp_path / "same.pt")
        with pytest.raises(TrainingError, match=r"after the training, found .*use another version of Ultralytics"):
            write_trained(start, other.model.state_dict(), tmp_path / "other.pt")
    assert not (tmp_path / "other.pt").exists()


def test_a_nan_loss_names_the_images(untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path) -> None:
    trainer = open_trainer(_config(settings={"cls": 3e38}))
    with pytest.raises(TrainingError, match=r"NaN or infinite in step 1, on the batch of \d\.png, .*lr0") as caught:
        trainer.train(untrained("yolo11n"), data, tmp_path / "run")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rtdetr-resnet50", "RTDETRDetectionModel, which negmine does not train"),
        ("yolov8-worldv2", "WorldModel, which negmine does not train"),
        ("yolo11n-seg", "task 'segment'"),
    ],
)
def test_other_families_are_refused_by_name(name: str, message: str, untrained: Callable[[str], Path]) -> None:
    with pytest.raises(WeightsError, match=message):
        open_trainer(_config()).check(untrained(name), NAMES)


@pytest.mark.parametrize("loss", ["heuristic", "random"])
def test_losses_of_regions_are_refused(loss: str, untrained: Callable[[str], Path]) -> None:
    with pytest.raises(WeightsError, match=rf"the loss {loss} is not for Ultralytics detectors; use one of ohem,"):
        open_trainer(_config(loss=loss)).check(untrained("yolo11n"), NAMES)


def test_classes_must_be_the_models(untrained: Callable[[str], Path]) -> None:
    with pytest.raises(WeightsError, match=r"has the classes 0, 1, .* and 70 more, and the data lamp; train with"):
        open_trainer(_config()).check(untrained("yolo11n"), ["lamp"])


def test_exported_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"expected a \.pt checkpoint, found an exported model"):
        open_trainer(_config()).check(tmp_path / "a.onnx", NAMES)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": 1}, "no training argument learning_rate"),
        ({"lr0": "fast"}, "expected lr0 to be a number, true or false"),
        ({"lr0": 2e9}, "refuses a training argument"),
        ({"distill_model": "teacher.pt"}, "found .*, which may name a file"),
        ({"tracker": "http://example.org/a.yaml"}, "found .*, which may name a file"),
        ({"epochs": 3}, "epochs cannot be set with --set"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, object], message: str, untrained: Callable[[str], Path]) -> None:
    with pytest.raises(ConfigError, match=message):
        open_trainer(_config(settings=settings)).check(untrained("yolo11n"), NAMES)


def test_one_device_only() -> None:
    with pytest.raises(ConfigError, match="expected one device"):
        open_trainer(_config(device="0,1"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "hinge"}, "expected a loss of ohem"),
        ({"epochs": 0}, "epochs of 1 or more"),
        ({"batch": 1}, "batch of 2 or more"),
        ({"ratio": -1.0}, "ratio to be a number of 0 or more"),
        ({"ratio": float("nan")}, "ratio to be a number of 0 or more"),
        ({"nms_iou": 0.0}, "nms_iou over 0"),
        ({"soup": 0}, "soup of 1 or more"),
        ({"seed": 2**32 - 1}, "seed up to 4294967294"),
    ],
)
def test_values_out_of_range(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _config(**change)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"optimizer": "Foo"}, "expected an optimizer of sgd"), ({"rect": True}, "rect cannot be set")],
)
def test_settings_that_only_fail_later_are_refused_at_once(
    settings: dict[str, object], message: str, untrained: Callable[[str], Path]
) -> None:
    with pytest.raises(ConfigError, match=message):
        open_trainer(_config(settings=settings)).check(untrained("yolo11n"), NAMES)


def test_what_ultralytics_refuses_in_the_middle_is_one_line(
    untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=r"froze the entire model.* --set") as caught:
        open_trainer(_config(settings={"freeze": 100})).train(untrained("yolo11n"), data, tmp_path / "run")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_the_environment_is_as_it_was(
    untrained: Callable[[str], Path], data: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    open_trainer(_config()).train(untrained("yolo11n"), data, tmp_path / "run")
    assert os.environ["PYTHONHASHSEED"] == "7"
    assert not torch.are_deterministic_algorithms_enabled()
