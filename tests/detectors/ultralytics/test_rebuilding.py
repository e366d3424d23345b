"""Networks that are rebuilt from checkpoints give what plain `YOLO(weights)` gives, to the last bit."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from small_networks import DESCRIPTION, save_network, small_network
from torch import nn

from negmine.detectors.config import DetectorConfig
from negmine.detectors.open import open_detector
from negmine.detectors.ultralytics.description import check_description
from negmine.detectors.ultralytics.loading import open_model
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.errors import UnsafeWeightsError, WeightsError

FAMILIES = (
    "yolov5n yolov8n yolov8n-seg yolov8n-pose yolov8n-obb yolov8n-p2 yolov8n-ghost yolov8s-world yolov8s-worldv2 "
    "yolov9t yolov9e yolov9c-seg yolov10n yolo11n yolo11m yolo12n yolo26n yolo26n-seg yolo26n-pose yolo26n-obb "
    "rtdetr-l rtdetr-resnet50 yolov6n"
).split()


def stir(network: nn.Module) -> nn.Module:
    """Random statistics of normalisation too, which a new network has not."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.normal_(module.bias, std=0.1)
    return network


def tensors(found: Any) -> list[torch.Tensor]:
    """All tensors in an output, in order."""
    if isinstance(found, torch.Tensor):
        return [found]
    each = [found[key] for key in sorted(found)] if isinstance(found, dict) else found
    return [tensor for part in each for tensor in tensors(part)] if isinstance(each, (list, tuple)) else []


def require_same(path: Path) -> Any:
    """Compare with plain Ultralytics, raw and after its predictor's fusing; returns ours."""
    with quiet_ultralytics(), torch.inference_mode():
        from ultralytics import YOLO

        ours, plain = open_model(path, trusted=False), YOLO(path)
        assert type(ours) is type(plain) and (ours.task, ours.names) == (plain.task, plain.names)
        assert ours.overrides.get("imgsz") == plain.overrides.get("imgsz")
        torch.manual_seed(3)
        images = torch.rand(1, 3, 64, 96)
        for prepared in (lambda model: model.model.eval(), lambda model: model.model.eval().fuse(verbose=False)):
            found, expected = (tensors(prepared(model)(images)) for model in (ours, plain))
            assert len(found) == len(expected) > 0
            assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
    return ours


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_the_same_bits(family: str, tmp_path: Path) -> None:
    with quiet_ultralytics():
        from ultralytics import RTDETR, YOLO

        torch.manual_seed(0)
        model = (RTDETR if "rtdetr" in family else YOLO)(f"{family}.yaml")
        path = save_network(stir(model.model).half(), tmp_path / "w.pt", train_args={"imgsz": 320, "task": model.task})
    require_same(path)


@pytest.mark.slow_after(4)
@pytest.mark.parametrize("change", ["half", "single", "channels last", "fused", "activation", "end2end", "classes"])
def test_small_networks_give_the_same_bits(change: str, tmp_path: Path) -> None:
    with quiet_ultralytics():
        more = {"activation": {"activation": "nn.LeakyReLU(0.1)"}, "end2end": {"end2end": True}}.get(change, {})
        network: Any = stir(small_network(**more))
        if change == "half":
            network.half()
        if change == "channels last":
            network.to(memory_format=torch.channels_last)
        if change == "fused":
            network.eval().fuse(verbose=False)
        if change == "end2end":
            network.end2end = True
        if change == "classes":  # fine-tuned from a detector of more classes, whose class branches stay wide
            source = small_network(nc=90)
            network.load(source, verbose=False)
        path = save_network(network, tmp_path / "w.pt")
    ours = require_same(path)
    assert ours.names == {0: "lamp", 1: "sign"}


def test_what_training_leaves_behind_is_no_obstacle(tmp_path: Path) -> None:
    with quiet_ultralytics():
        from ultralytics.utils import IterableSimpleNamespace

        network = stir(small_network())
        network.criterion = network.init_criterion() if hasattr(network, "args") else None
        optimizer = {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"betas": (0.9, 0.999), "params": [0]}]}
        path = save_network(
            None, tmp_path / "w.pt", ema=copy.deepcopy(network).half(), optimizer=optimizer, epoch=3,
            train_args=vars(IterableSimpleNamespace(imgsz=64, task="detect", data=str(Path("data.yaml")))),
            train_results={"epoch": [1, 2]}, best_fitness=0.5, date="2025-01-01",
        )  # fmt: skip
    require_same(path)


def _another_layer(network: Any) -> None:
    network.model[0].act = nn.ReLU()


def _pruned(network: Any) -> None:
    network.model[1].cv1 = nn.Identity()


def _another_number(network: Any) -> None:
    network.model[1].m[0].add = False


def _another_class(network: Any) -> None:
    network.yaml["backbone"][0][2] = "GhostConv"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_another_layer, "model.0.act is a ReLU, and a SiLU by its description"),
        (_pruned, "model.1.cv1 is a Identity, and a Conv by its description"),
        (_another_number, "model.1.m.0.add is not what its description gives"),
        (_another_class, "model.0 is a Conv, and a GhostConv by its description"),
    ],
)
def test_a_network_that_was_changed_by_hand_is_refused_with_the_reason(
    change: Callable[[Any], None], message: str, tmp_path: Path
) -> None:
    with quiet_ultralytics():
        network = small_network()
        change(network)
        path = save_network(network, tmp_path / "w.pt")
    with pytest.raises(
        UnsafeWeightsError, match=rf"cannot be rebuilt from its description: {message}.*--trust-weights"
    ):
        open_detector(DetectorConfig(str(path)))


@pytest.mark.slow
def test_it_opens_for_who_trusts_it(tmp_path: Path) -> None:
    with quiet_ultralytics():
        network = small_network()
        _another_layer(network)
        path = save_network(network, tmp_path / "w.pt")
    assert open_detector(DetectorConfig(str(path), imgsz=32, trust_weights=True)).class_names[0] == "lamp"


@pytest.mark.parametrize("document", [{"model": None}, {"state_dict": {}}, [1], {"model": {"a": torch.zeros(1)}}])
def test_a_file_without_a_network_is_called_so(document: object, tmp_path: Path) -> None:
    torch.save(document, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="it holds no network of Ultralytics"):
        open_detector(DetectorConfig(str(tmp_path / "w.pt")))


def test_random_numbers_go_on_as_if_nothing_was_built(tmp_path: Path) -> None:
    with quiet_ultralytics():
        path = save_network(small_network(), tmp_path / "w.pt")
        before = torch.random.get_rng_state()
        open_model(path, trusted=False)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_activation_of_other_networks_stays_where_a_build_fails(tmp_path: Path) -> None:
    with quiet_ultralytics():
        from ultralytics.nn.modules import Conv

        network, before = small_network(), Conv.default_act
        network.yaml |= {"activation": "nn.ReLU()", "head": [[[0, 1], 1, "Concat", [7]], [[-1], 1, "Detect", ["nc"]]]}
        path = save_network(network, tmp_path / "w.pt")
        with pytest.raises(UnsafeWeightsError):
            open_model(path, trusted=False)
    assert Conv.default_act is before


def test_a_description_keeps_what_networks_need_and_no_folder() -> None:
    found = check_description({**DESCRIPTION, "yaml_file": "/home/somebody/yolo.yaml", "note": "x", "ch": 1})
    assert dict(found.yaml) == {**DESCRIPTION, "yaml_file": "yolo.yaml", "channels": 1}


def test_the_weights_that_are_trained_on_real_images_give_the_same_bits(real_data: Path) -> None:
    for name in ("kangaroo_yolo11n_320.pt", "yolo11n_coco_rebuilt.pt"):
        require_same(real_data / "weights" / name)
