"""Detectors of transformers behind the port: the same boxes as the model gives by hand."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from negmine.detectors.config import DetectorConfig
from negmine.detectors.hugging_face import HuggingFaceDetector
from negmine.detectors.open import open_detector
from negmine.errors import BoxError, ConfigError, WeightsError
from negmine.structures import Image

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

NAMES = {0: "lamp", 1: "clock", 2: "sign"}
TINY: dict[str, Any] = {  # what RT-DETR and D-FINE are both built with
    "encoder_hidden_dim": 16, "encoder_in_channels": [8, 8, 8], "decoder_in_channels": [16, 16, 16], "d_model": 16,
    "encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "num_queries": 10, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "id2label": NAMES,
}  # fmt: skip


def _rt_detr() -> tuple[Any, Any]:
    backbone = transformers.RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = transformers.RTDetrConfig(backbone_config=backbone, decoder_layers=1, **TINY)
    return transformers.RTDetrForObjectDetection(config), transformers.RTDetrImageProcessor(
        size={"height": 64, "width": 64}
    )


def _d_fine() -> tuple[Any, Any]:
    backbone = transformers.HGNetV2Config(
        stem_channels=[3, 8, 8], stage_in_channels=[8] * 4, stage_mid_channels=[8] * 4, stage_out_channels=[8] * 4,
        stage_num_blocks=[1] * 4, stage_downsample=[False, True, True, True], stage_light_block=[False] * 4,
        stage_kernel_size=[3] * 4, stage_numb_of_layers=[1] * 4, hidden_sizes=[8] * 4, depths=[1] * 4,
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = transformers.DFineConfig(backbone_config=backbone, decoder_layers=2, **TINY)
    return transformers.DFineForObjectDetection(config), transformers.RTDetrImageProcessor(
        size={"height": 64, "width": 64}
    )


def _detr() -> tuple[Any, Any]:
    backbone = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], layer_type="basic", out_features=["stage4"]
    )
    config = transformers.DetrConfig(
        use_timm_backbone=False, use_pretrained_backbone=False, backbone=None, backbone_config=backbone, d_model=16,
        encoder_layers=1, decoder_layers=1, encoder_ffn_dim=16, decoder_ffn_dim=16, encoder_attention_heads=2,
        decoder_attention_heads=2, num_queries=10, id2label=NAMES,
    )  # fmt: skip
    return transformers.DetrForObjectDetection(config), transformers.DetrImageProcessor(
        size={"shortest_edge": 64, "longest_edge": 96}
    )


BUILDERS: dict[str, Callable[[], tuple[Any, Any]]] = {"rt-detr": _rt_detr, "d-fine": _d_fine, "detr": _detr}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A model with random weights, saved."""
    made: dict[str, Path] = {}

    def build(kind: str = "rt-detr") -> Path:
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(kind)
            torch.manual_seed(1)
            for part in BUILDERS[kind]():
                part.save_pretrained(made[kind])
        return made[kind]

    return build


def opened(path: Path, **settings: Any) -> HuggingFaceDetector:
    detector = open_detector(DetectorConfig(f"hf:{path}", **{"device": "cpu", "conf": 0.0} | settings))
    assert isinstance(detector, HuggingFaceDetector)
    return detector


ASKED: list[str] = []  # what the process looked up or connected to, while a test watches


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.getaddrinfo", "socket.connect"):
        ASKED.append(f"{event} {arguments}")


sys.addaudithook(_watch)


def noise(seed: int, height: int = 90, width: int = 120) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", BUILDERS)
def test_the_boxes_are_those_of_the_model_by_hand(kind: str, folder: Callable[[str], Path]) -> None:
    path, image = folder(kind), noise(1)
    processor = transformers.AutoImageProcessor.from_pretrained(path)
    model = transformers.AutoModelForObjectDetection.from_pretrained(path).eval()
    with torch.inference_mode():
        inputs = processor(images=image[:, :, ::-1].copy(), return_tensors="pt")
        outputs = model(**inputs)
    (by_hand,) = processor.post_process_object_detection(outputs, threshold=0.1, target_sizes=[(90, 120)])
    (found,) = opened(path, conf=0.1).predict([image])
    assert len(found) == len(by_hand["scores"]) > 0
    np.testing.assert_allclose(found.boxes_xyxy, by_hand["boxes"].numpy(), atol=1e-4)
    np.testing.assert_allclose(found.scores, by_hand["scores"].numpy(), atol=1e-6)
    np.testing.assert_array_equal(found.class_ids, by_hand["labels"].numpy())


def test_no_images_no_detections(folder: Callable[..., Path]) -> None:
    detector = opened(folder())
    assert detector.predict([]) == [] and dict(detector.class_names) == NAMES


@pytest.mark.slow
@pytest.mark.parametrize("kind", BUILDERS)
def test_a_mixed_batch_gives_what_each_image_gives(kind: str, folder: Callable[[str], Path]) -> None:
    images = [noise(1), noise(2, 60, 60), noise(3), noise(4), noise(5, 60, 60)]
    batched, alone = opened(folder(kind), batch=2), opened(folder(kind))
    assert (batched.batch_size, alone.batch_size) == (2, 1)
    for found, image in zip(batched.predict(images), images, strict=True):
        (expected,) = alone.predict([image])
        np.testing.assert_allclose(found.boxes_xyxy, expected.boxes_xyxy, atol=1e-3)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)


@pytest.mark.slow
def test_settings_change_detections_and_the_identity(folder: Callable[..., Path]) -> None:
    plain, (found,) = opened(folder()), opened(folder()).predict([noise(1)])
    middle = float(np.median(found.scores))
    (sure,) = opened(folder(), conf=middle).predict([noise(1)])
    assert 0 < len(sure) < len(found) and sure.scores.min() >= middle
    label = NAMES[int(found.class_ids[0])]
    (only,) = opened(folder(), classes=(label,)).predict([noise(1)])
    assert set(only.class_ids.tolist()) == {int(found.class_ids[0])}
    (larger,) = opened(folder(), imgsz=96).predict([noise(1)])
    assert len(larger) != len(found) or not np.allclose(larger.boxes_xyxy, found.boxes_xyxy)
    assert plain.identity == opened(folder()).identity
    for settings in ({"conf": 0.5}, {"classes": (label,)}, {"imgsz": 96}):
        assert opened(folder(), **settings).identity.settings != plain.identity.settings
    assert opened(folder("detr")).identity.sha256 != plain.identity.sha256
    with pytest.raises(ConfigError, match=r"no class tree; it has lamp, clock, sign"):
        opened(folder(), classes=("tree",))


def test_a_longer_side_of_imgsz_is_what_detr_is_given(folder: Callable[[str], Path]) -> None:
    detector = opened(folder("detr"), imgsz=128)
    shapes: list[tuple[int, ...]] = []
    detector._model.register_forward_pre_hook(
        lambda module, args, kwargs: shapes.append(tuple(kwargs["pixel_values"].shape)), with_kwargs=True
    )
    detector.predict([noise(1, 60, 120)])
    assert shapes == [(1, 3, 64, 128)]


def test_weights_that_are_pickled_are_not_opened(folder: Callable[..., Path], tmp_path: Path) -> None:
    for name in ("config.json", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((folder() / name).read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"cannot be opened as a detector.*safetensors"):
        opened(tmp_path)


def test_code_beside_the_weights_is_not_run(folder: Callable[..., Path], tmp_path: Path) -> None:
    for path in folder().iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"model_type": "foreign", "auto_map": {"AutoConfig": "code.C", "AutoModelForObjectDetection": "code.M"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(WeightsError, match=r"cannot be opened as a detector"):
        opened(tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"backbone": "somebody/else", "backbone_config": None, "use_timm_backbone": False},
        {"backbone": "somebody/else", "backbone_config": None, "use_pretrained_backbone": True},
        {"backbone": "resnet50", "backbone_config": None, "use_timm_backbone": True, "use_pretrained_backbone": True},
        {"backbone_config": {"model_type": "timm_backbone", "backbone": "hf-hub:somebody/else"}},
        {"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}},
        {"model_type": "foreign", "auto_map": {"AutoConfig": "somebody/else--code.C"}},
        {"attn_implementation": "somebody/else"},
        {"_attn_implementation": {"": "somebody/else:kernel"}},
        {"backbone_config": {"model_type": "resnet", "attn_implementation": "somebody/else"}},
    ],
)
def test_nothing_that_a_config_names_is_fetched(
    folder: Callable[[str], Path], tmp_path: Path, changes: dict[str, Any]
) -> None:
    shutil.copytree(folder("detr"), tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | changes))
    ASKED.clear()
    with pytest.raises(WeightsError) as caught:
        opened(tmp_path)
    assert ASKED == [] and "\n" not in str(caught.value)
    assert ("asks for code of the hub" in str(caught.value)) == ("attn_implementation" in json.dumps(changes))


def test_an_adapter_does_not_open_the_weights_that_it_names(folder: Callable[..., Path], tmp_path: Path) -> None:
    shutil.copytree(folder(), tmp_path, dirs_exist_ok=True)
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "somebody/else"}))
    with pytest.raises(WeightsError, match="an adapter for other weights"):
        opened(tmp_path)


def test_the_hub_is_reached_again_after_weights_were_opened(folder: Callable[..., Path]) -> None:
    from huggingface_hub import constants

    opened(folder())
    assert not constants.is_offline_mode()


@pytest.mark.parametrize("name", ["", "./nowhere", "/no/where", "a/b/c"])
def test_what_is_not_there_is_one_line(name: str) -> None:
    with pytest.raises(WeightsError, match=r"no folder of weights at") as caught:
        open_detector(DetectorConfig(f"hf:{name}"))
    assert "\n" not in str(caught.value)


def test_a_model_of_another_task_is_refused(tmp_path: Path) -> None:
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8], depths=[1], out_features=["stage1"])
    transformers.ResNetForImageClassification(config).save_pretrained(tmp_path)
    _rt_detr()[1].save_pretrained(tmp_path)
    with pytest.raises(WeightsError, match=r"cannot be opened as a detector") as caught:
        opened(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_labels": 10**9}, "found a value of num_labels that no detector has"),
        ({"num_labels": 10**5}, "found a value of num_labels that no detector has"),
        ({"backbone_config": {"depths": [1, 10**7]}}, "found a value of depths that no detector has"),
        ({"image_size": [10**5, 1]}, "found a value of image_size that no detector has"),
        ({"dropout": 1e308}, "found a value of dropout that no detector has"),
        ({"layer_norm_eps": float("nan")}, "found a value of layer_norm_eps that no detector has"),
    ],
)
def test_numbers_that_no_detector_has_are_refused_unbuilt(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "rt_detr", **changes}))
    with pytest.raises(WeightsError, match=said):
        opened(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "model.safetensors.index.json"])
@pytest.mark.parametrize("text", ["[" * 10**5 + "]" * 10**5, "x" * (5 << 20)], ids=["deep", "large"])
def test_settings_that_are_too_large_are_refused_unread(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(WeightsError, match=rf"{name} (is not JSON, or is nested too deeply|cannot be read)") as caught:
        opened(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"decoder_layers": 10**6}, {"num_labels": 2, "d_model": 2**15}])
def test_a_network_that_is_larger_than_its_files_is_not_built(
    folder: Callable[[str], Path], tmp_path: Path, changes: dict[str, Any]
) -> None:
    shutil.copytree(folder("rt-detr"), tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | changes))
    with pytest.raises(WeightsError, match="describes a network that is larger than its files"):
        opened(tmp_path)


def test_a_size_that_only_a_folder_states_is_refused_where_it_is_large(
    folder: Callable[[str], Path], tmp_path: Path
) -> None:
    shutil.copytree(folder("rt-detr"), tmp_path, dirs_exist_ok=True)
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"size": {"height": 16384, "width": 16384}}))
    with pytest.raises(ConfigError, match="asks for images of 16384 pixels"):
        opened(tmp_path)
    assert opened(tmp_path, imgsz=64).predict([]) == []


def test_an_image_that_the_model_fails_on_is_said_of_it(folder: Callable[[str], Path], tmp_path: Path) -> None:
    detector = opened(folder("rt-detr"))
    with pytest.raises(BoxError, match="cannot be run: "):
        detector.predict([np.zeros((0, 0, 3), np.uint8)])
