"""The criterion of real Ultralytics models, with and without our weights, on outputs that are made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.training.config import TrainConfig
from negmine.training.losses import LOSSES, Family
from negmine.training.ultralytics.criterion import dense_heads, install_criterion_loss

FAMILIES = {"yolo11n": 1, "yolov8n": 1, "yolov10n": 2, "yolo26n": 2}


def _model(name: str) -> Any:
    with quiet_ultralytics():
        from ultralytics.cfg import get_cfg
        from ultralytics.nn.tasks import DetectionModel

        torch.manual_seed(0)
        model = DetectionModel(f"{name}.yaml", nc=2, verbose=False)
        model.args = get_cfg()
    head = model.model[-1]
    for branches in (head.cv3, getattr(head, "one2one_cv3", [])):
        for branch in branches:
            torch.nn.init.normal_(branch[-1].weight, std=0.5)  # or every anchor of an untrained model had one score
    return model.train()


def _batch(objects: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "img": torch.rand(2, 3, 64, 64, generator=generator),
        "batch_idx": torch.zeros(objects),
        "cls": torch.zeros(objects, 1),
        "bboxes": torch.tensor([[0.5, 0.5, 0.4, 0.4]]).repeat(objects, 1),
    }


def _run(model: Any, config: TrainConfig | None, objects: int) -> tuple[torch.Tensor, dict[str, float], float]:
    """Loss [3], its items, and the norm of the gradient."""
    model.criterion = model.init_criterion()
    if config is not None:
        install_criterion_loss(model.criterion, config)
    model.zero_grad()
    loss, items = model.loss(_batch(objects))
    loss.sum().backward()
    norm = sum(float(p.grad.norm()) ** 2 for p in model.parameters() if p.grad is not None) ** 0.5
    return loss.detach(), {name: float(value) for name, value in items.items()}, norm


@pytest.mark.parametrize(("name", "heads"), FAMILIES.items())
def test_every_head_of_a_family_is_taught(name: str, heads: int) -> None:
    criterion = _model(name).init_criterion()
    assert len(dense_heads(criterion)) == heads


@pytest.mark.parametrize("name", FAMILIES)
def test_stock_changes_nothing_where_there_are_objects(name: str) -> None:
    model = _model(name)
    plain, taught = _run(model, None, 2), _run(model, TrainConfig(loss="stock"), 2)
    assert torch.equal(plain[0], taught[0]) and plain[1:] == taught[1:]


@pytest.mark.slow_after(3)
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("loss", ["ohem", "focal", "ghm"])
def test_the_classification_term_keeps_its_value_and_its_gradient_moves(name: str, loss: str) -> None:
    model = _model(name)
    plain, taught = _run(model, None, 2), _run(model, TrainConfig(loss=loss, min_neg=8), 2)
    assert taught[0].tolist() == pytest.approx(plain[0].tolist(), rel=1e-4)
    assert taught[2] != pytest.approx(plain[2], rel=1e-3)


def test_hard_negative_leaves_the_easy_ones_out() -> None:
    model = _model("yolo11n")
    plain, taught = _run(model, None, 2), _run(model, TrainConfig(loss="hard-negative", min_neg=8), 2)
    assert taught[0][1] < plain[0][1]
    assert taught[0][[0, 2]].tolist() == pytest.approx(plain[0][[0, 2]].tolist())


def test_guided_makes_the_classification_as_large_as_the_boxes() -> None:
    loss, items, _ = _run(_model("yolo11n"), TrainConfig(loss="guided"), 2)
    assert float(loss[1]) == pytest.approx(float(loss[0] + loss[2]), rel=1e-4)
    assert items["cls_loss"] == pytest.approx(float(loss[1]) / 2, rel=1e-4)


@pytest.mark.slow_after(6)
@pytest.mark.parametrize("loss", [loss.name for loss in LOSSES.values() if loss.use(Family.ULTRALYTICS)])
@pytest.mark.parametrize("name", ["yolo11n", "yolo26n"])
def test_a_batch_without_objects_is_finite_and_teaches(name: str, loss: str) -> None:
    total, items, norm = _run(_model(name), TrainConfig(loss=loss, min_neg=8), 0)
    assert np.isfinite([*total.tolist(), *items.values()]).all()
    assert 0 < norm < np.inf


@pytest.mark.parametrize("loss", [loss.name for loss in LOSSES.values() if loss.use(Family.ULTRALYTICS)])
def test_weights_of_nan_give_a_loss_of_nan_and_no_error(loss: str) -> None:
    """The trainer looks for NaN after each batch, and says which images were in it."""
    model = _model("yolo11n")
    for branch in (*model.model[-1].cv2, *model.model[-1].cv3):  # boxes and classes
        torch.nn.init.constant_(branch[-1].bias, torch.nan)
    total, _, _ = _run(model, TrainConfig(loss=loss, min_neg=8), 2)
    assert total[1].isnan()


class _Assigner(torch.nn.Module):
    """Gives the anchors that it is told."""

    def forward(self, *arguments: Any) -> Any:
        return None, None, None, arguments[2], None


class _Head:
    def __init__(self) -> None:
        self.assigner, self.bce = _Assigner(), torch.nn.BCEWithLogitsLoss(reduction="none")

    def get_assigned_targets_and_loss(self) -> None: ...


def test_a_batch_without_objects_is_divided_by_what_is_usual() -> None:
    head = _Head()
    install_criterion_loss(head, TrainConfig(loss="stock"))
    logits, none = torch.zeros(2, 5, 1), torch.zeros(2, 5, 1)
    plain = torch.nn.functional.binary_cross_entropy_with_logits(logits, none, reduction="none")

    def loss_of(targets: torch.Tensor) -> torch.Tensor:
        head.assigner(logits, torch.zeros(2, 5, 4), targets[..., 0] > 0)
        return head.bce(logits, targets)

    assert torch.allclose(loss_of(none), plain / 2)  # nothing is known yet: by the images
    for objects in (4, 2):
        targets = none.clone()
        targets[0, :objects] = 1
        assert torch.allclose(
            loss_of(targets), torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        )
    assert torch.allclose(loss_of(none), plain / 3)


def test_nothing_of_ours_is_in_a_model_once_its_criterion_is_gone() -> None:
    model = _model("yolo11n")
    _run(model, TrainConfig(loss="ohem"), 1)
    model.criterion = None
    assert not any("negmine" in type(part).__module__ for part in model.modules())


def test_a_criterion_without_anchors_has_no_dense_head() -> None:
    assert dense_heads(torch.nn.CrossEntropyLoss()) == []


def test_what_is_kept_from_batch_to_batch_can_be_carried_over() -> None:
    def taught() -> tuple[Any, Any]:
        model = _model("yolo11n")
        criterion = model.init_criterion()
        install_criterion_loss(criterion, TrainConfig(loss="ghm", device="cpu"))
        return model, criterion

    def loss(model: Any, criterion: Any, objects: int) -> torch.Tensor:
        batch = _batch(objects)
        total: torch.Tensor = criterion(model(batch["img"]), batch)[0].sum()
        return total

    model, whole = taught()
    loss(model, whole, 1)
    after = loss(model, whole, 0)  # divided by the objects of the batch before, and with its bins
    _, halved = taught()
    assert not torch.isclose(loss(model, halved, 0), after)
    first, second = taught()[1], taught()[1]
    loss(model, first, 1)
    for head, other in zip(dense_heads(first), dense_heads(second), strict=True):
        other.bce.load_state_dict(head.bce.state_dict())
    torch.testing.assert_close(loss(model, second, 0), after)
