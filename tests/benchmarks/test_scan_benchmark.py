"""The comparison of scans, at a size that says nothing but that it runs; and what it is made of."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from blobs import draw

import negmine.demo.training
from negmine.detectors.ultralytics.quiet import quiet_ultralytics


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Five pictures in two shapes, and one of them again under another name."""
    folder = tmp_path / "images"
    for number in range(5):
        size_wh = (96, 64) if number % 2 else (64, 96)
        draw(folder / f"{number}.png", [(20, 15, 40, 45, 90)], size_wh=size_wh, seed=number)
    (folder / "again.png").write_bytes((folder / "0.png").read_bytes())
    return folder


@pytest.fixture(scope="module")
def eager_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny YOLO that was never trained, and is biased to find something in every picture."""
    import torch

    path = tmp_path_factory.mktemp("weights") / "eager.pt"
    yaml = Path(negmine.demo.training.__file__).with_name("tiny_yolo.yaml")
    with quiet_ultralytics():
        from ultralytics import YOLO

        torch.manual_seed(0)
        model = YOLO(str(yaml), task="detect")
        for branch in model.model.model[-1].cv3:
            torch.nn.init.constant_(branch[-1].bias, 0.0)
        model.save(str(path))
    return path


def run(benchmark: Path, *arguments: object) -> str:
    """What a benchmark prints."""
    command = [sys.executable, str(benchmark), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_the_sides_find_the_same_in_the_same_images(benchmarks: Path, images: Path, eager_weights: Path) -> None:
    common = ["--weights", eager_weights, "--images", images, "--imgsz", 64, "--quick", "--json"]
    sides = ["yolo predict", "SAHI predict", "negmine scan"]
    document = json.loads(run(benchmarks / "scan.py", *common, "--sahi-python", "false", "--sides", *sides))
    assert document["items"] == 5  # the sixth is one of the others
    assert list(document["sides"]) == ["yolo predict", "negmine scan"]
    found = [side["detections"] for side in document["sides"].values()]
    assert found[0] == found[1] > 5
    assert all(side["whole_per_s"] > 0 for side in document["sides"].values())
    (ratio,) = document["ratios"]
    assert (ratio["of"], ratio["to"]) == ("negmine scan", "yolo predict") and ratio["whole"] > 0
    assert document["missing"] == {"SAHI predict": "not installed"}


@pytest.mark.slow
def test_many_names_are_scanned_and_then_passed_over(benchmarks: Path, images: Path, eager_weights: Path) -> None:
    common = ["--weights", eager_weights, "--images", images, "--imgsz", 64, "--rounds", 1, "--json"]
    document = json.loads(run(benchmarks / "many.py", *common, "--counts", 12))
    assert [row["images"] for row in document["rows"]] == [1, 12]
    assert all(row["scan_s"] > 0 and row["again_s"] > 0 for row in document["rows"])


@pytest.mark.slow
def test_the_limit_runs_every_shape_in_pytorch(benchmarks: Path, images: Path, eager_weights: Path) -> None:
    common = ["--weights", eager_weights, "--images", images, "--imgsz", 64, "--seconds", 0]
    rate, what = run(benchmarks / "forward.py", "run", *common).splitlines()
    assert float(rate) > 0
    assert json.loads(what) == {"images": 6, "shapes": {"64x64": 6}}


@pytest.mark.slow
def test_the_limit_runs_every_shape_in_openvino(
    benchmarks: Path, tmp_path: Path, images: Path, eager_weights: Path
) -> None:
    pytest.importorskip("openvino")
    run(benchmarks / "forward.py", "convert", "--weights", eager_weights, "--imgsz", 96, "--out", tmp_path / "model")
    common = ["--weights", tmp_path / "model", "--images", images, "--imgsz", 96, "--seconds", 0]
    rate, what = run(benchmarks / "forward.py", "run", *common).splitlines()
    assert float(rate) > 0
    assert json.loads(what) == {"images": 6, "shapes": {"64x96": 4, "96x64": 2}}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "model"]


def test_no_shape_is_left_out_while_the_clock_runs(benchmarks: Path) -> None:
    from forward import measure

    ran: list[tuple[tuple[int, int], int]] = []
    rate, done = measure(lambda shape: lambda count: ran.append((shape, count)), {(64, 32): 3, (32, 64): 1}, 0.0, 2)
    assert ran == [((32, 64), 2), ((64, 32), 2), ((32, 64), 1), ((64, 32), 3)]
    assert done == 4 and rate > 0


def test_half_of_the_images_is_every_second_one(benchmarks: Path, tmp_path: Path, images: Path) -> None:
    from material import different_images, half_and_all

    found = different_images([images])
    assert len(found) == 5
    assert different_images([images], 2) == [found[0], found[2]]
    half, full = half_and_all(found, tmp_path)
    assert (half.items, full.items) == (3, 5)
    for work, expected in ((half, found[::2]), (full, found)):
        here = [path.read_bytes() for path in sorted(work.path.iterdir())]
        assert here == [path.read_bytes() for path in expected]


def test_what_no_side_can_read_is_left_out(benchmarks: Path, images: Path) -> None:
    from material import different_images

    (images / "broken.jpg").write_bytes(b"no image")
    assert len(different_images([images])) == 5


def test_frames_are_of_full_size_and_all_different(benchmarks: Path, tmp_path: Path, images: Path) -> None:
    from material import different_images, make_frames

    assert make_frames(different_images([images]), 0, tmp_path / "none") == []
    frames = make_frames(different_images([images]), 4, tmp_path / "frames")
    assert len({path.read_bytes() for path in frames}) == 4
    for path in frames:
        frame = cv2.imread(str(path))
        assert frame is not None and frame.shape == (1080, 1920, 3)
        for tile in (frame[:540, :960], frame[540:, :960], frame[:540, 960:], frame[540:, 960:]):
            assert (tile[..., 2] > 180).any()  # each shows the middle of a picture, where its square is


@pytest.mark.parametrize(
    ("document", "share"),
    [
        ({}, None),
        ({"images": {"scanned": 2}}, None),
        ({"busy": "yes"}, None),
        ({"busy": 0.5}, 0.5),
        ({"device": {"name": "cpu", "busy_share": 1}}, 1),
    ],
)
def test_the_busy_share_is_found_where_the_scan_says_it(
    benchmarks: Path, document: dict[str, object], share: float | None
) -> None:
    from scan import named

    assert named(document, "busy", (int, float)) == share


@pytest.mark.parametrize("script", ["scan.py", "many.py"])
@pytest.mark.parametrize("given", [["--weights", "a.pt"], ["--images", "folder"]])
def test_weights_without_images_are_refused(benchmarks: Path, script: str, given: list[str]) -> None:
    command = [sys.executable, str(benchmarks / script), *given]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--weights and --images together" in done.stderr
