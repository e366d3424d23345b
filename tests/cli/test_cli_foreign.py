"""Detectors of other makes as users meet them: predictions, ONNX layouts, and what contradicts them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from blobs import draw
from commands import one_line

from negmine.bank.bank import Bank

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Two labelled images, two backgrounds, and YOLO files that say a lamp of each first one and background."""
    for name in ("images/a", "images/b", "backgrounds/c", "backgrounds/d"):
        draw(tmp_path / f"{name}.png", [(60, 40, 100, 80, 90)], seed=ord(name[-1]))
    for name in ("a", "b"):
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / f"labels/{name}.txt").write_text(f"0 {80 / 200} {60 / 120} {40 / 200} {40 / 120}\n")
        (tmp_path / "said").mkdir(exist_ok=True)
    for name, score in (("a", 0.9), ("c", 0.8), ("d", 0.1)):
        (tmp_path / f"said/{name}.txt").write_text(f"0 {80 / 200} {60 / 120} {40 / 200} {40 / 120} {score}\n")
    (tmp_path / "data.yaml").write_text("train: images\nval: images\nnames: [lamp]\n")
    return tmp_path


def test_a_scan_of_predictions_needs_no_model(run: Run, world: Path) -> None:
    (world / "said/a.txt").unlink()
    done = run("scan", "backgrounds", "--predictions", "said", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["images"]["scanned"], document["negatives"]["added"]) == (0, 2, 1), done
    with Bank(world / "negmine-bank") as bank:
        assert len(list(bank.negatives())) == 1
    again = json.loads(run("scan", "backgrounds", "--predictions", "said", "--json").stdout)
    assert (again["images"]["scanned"], again["images"]["unchanged"]) == (0, 2)


def test_an_evaluation_compares_predictions(run: Run, world: Path) -> None:
    said = ["--predictions", "said", "--predictions", "said"]
    done = run(
        "eval", *said, "--class-names", "data.yaml", "--data", "data.yaml", "--backgrounds", "backgrounds", "--json"
    )
    first, second = json.loads(done.stdout)["models"]
    assert (done.returncode, first["name"], second["name"]) == (0, "said", "said (2)"), done
    assert (first["recall"], first["fppi"]) == (second["recall"], second["fppi"]) == (0.5, 0.5)


def test_coco_results_come_with_the_file_of_their_images(run: Run, world: Path) -> None:
    box = {"image_id": 1, "category_id": 3, "bbox": [60, 40, 40, 40], "score": 0.9}
    (world / "results.json").write_text(json.dumps([box]))
    images = {"images": [{"id": n, "file_name": f"{c}.png"} for n, c in enumerate("cd", 1)]}
    (world / "coco.json").write_text(
        json.dumps(images | {"annotations": [], "categories": [{"id": 3, "name": "lamp"}]})
    )
    told = ["--predictions", "results.json", "--predictions-images", "coco.json"]
    assert json.loads(run("scan", "backgrounds", *told, "--json").stdout)["negatives"]["added"] == 1
    line = one_line(run("scan", "images", *told))
    assert "predictions for 1 images that are not among the sources: c.png" in line


def test_scores_by_class_are_chosen_and_then_scanned_with(run: Run, world: Path) -> None:
    """A lamp is found with 0.9; of the backgrounds one has 0.8 and one 0.1."""
    said = ["--predictions", "said", "--class-names", "data.yaml"]
    images = ["--data", "data.yaml", "--backgrounds", "backgrounds"]
    done = run("eval", *said, *images, "--thresholds", "scores.yaml", "--reach", "fppi=0.4", "--at-fppi", "0.4")
    assert done.returncode == 0 and "Scores from which a class reaches fppi <= 0.4" in done.stdout, done
    assert "0.80001" in done.stdout and "next: negmine scan ... --conf scores.yaml" in done.stdout
    assert "90 % intervals, by a bootstrap over the images" in done.stdout
    document = json.loads(run("eval", *said, *images, "--conf", "scores.yaml", "--json").stdout)
    assert (document["models"][0]["fppi"], document["models"][0]["recall"]) == (0, 0.5)
    (world / "said/a.txt").unlink()
    at_all, chosen = (
        json.loads(run("scan", "backgrounds", *said, "--conf", conf, "--bank", bank, "--json").stdout)["negatives"]
        for conf, bank in (("0.05", "all"), ("scores.yaml", "few"))
    )
    assert (at_all["added"], chosen["added"]) == (2, 0)
    (world / "data.yaml").write_text("train: images\nval: images\nnames: [lamb]\n")
    line = one_line(run("scan", "backgrounds", *said, "--conf", "scores.yaml"))
    assert "scores.yaml has a threshold for lamp, which the detector does not have: it has lamb; did you mean" in line


def test_without_data_the_backgrounds_are_enough(run: Run, world: Path) -> None:
    (world / "said/a.txt").unlink()
    said = ["--predictions", "said", "--class-names", "data.yaml"]
    done = run("eval", *said, "--backgrounds", "backgrounds", "--fail-if", "fppi>0.2")
    assert (done.returncode, "2 backgrounds; without labelled data" in done.stdout) == (1, True), done
    assert "fails the check fppi>0.2: it is 0.5" in done.stderr
    assert "expected labelled data, backgrounds, or both" in one_line(run("eval", *said))


@pytest.mark.parametrize("pair", ["item=lamp", "lamp=item", "map.yaml"])
def test_a_detector_that_says_item_pairs_with_lamps(run: Run, world: Path, pair: str) -> None:
    (world / "names.txt").write_text("item\n")
    (world / "map.yaml").write_text("item: lamp\n")
    said = ["--predictions", "said", "--class-names", "names.txt", "--class-map", pair]
    done = run("eval", *said, "--data", "data.yaml", "--backgrounds", "backgrounds", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["models"][0]["recall"] == 0.5, done
    scanned = run("scan", "images", "backgrounds", *said, "--truth", "data.yaml", "--json")
    document = json.loads(scanned.stdout)
    assert (document["true_positives"], document["images"]["scanned"]) == (1, 2), scanned


def test_a_class_map_of_names_that_nobody_has_is_one_line(run: Run, world: Path) -> None:
    (world / "names.txt").write_text("item\n")
    said = ["--predictions", "said", "--class-names", "names.txt"]
    images = ["--data", "data.yaml", "--backgrounds", "backgrounds"]
    data = one_line(run("eval", *said, *images, "--class-map", "itm=lampp"))
    assert "reads itm as lampp, and the data has neither: it has lamp; did you mean 'lamp'?" in data
    detector = one_line(run("eval", *said, *images, "--class-map", "itm=lamp"))
    assert "reads itm as lamp, and the detector has neither: it has item; did you mean 'item'?" in detector
    (world / "names.txt").write_text("lamp\n")
    both = one_line(run("eval", *said, *images, "--class-map", "itm=lamp"))
    assert "reads itm as lamp, and neither the data nor a detector has a class 'itm'" in both


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "Missing option '--weights' (or --predictions)"),
        (["--weights", "a.pt", "--predictions", "said"], "expected --weights or --predictions, found both"),
        (
            ["--weights", "a.pt", "--predictions-images", "coco.json"],
            "expected --predictions with --predictions-images",
        ),
        (["--predictions", "said", "--onnx-layout", "ssd"], "--onnx-layout needs a model"),
        (["--predictions", "said", "--imgsz", "320"], "--imgsz needs a model"),
        (["--predictions", "said", "--iou", "0.5"], "--iou needs a model"),
        (["--predictions", "said", "--backend", "onnx"], "--backend needs a model"),
        (["--predictions", "said", "--int8"], "--int8 needs a model"),
        (["--weights", "a.pt", "--backend", "cuda"], "--backend"),
        (["--weights", "a.onnx", "--onnx-layout", "v7"], "--onnx-layout"),
    ],
)
@pytest.mark.parametrize("command", [["scan", "backgrounds"], ["eval", "--data", "data.yaml"]])
def test_usage_errors(run: Run, world: Path, command: list[str], options: list[str], message: str) -> None:
    done = run(*command, *options)
    assert done.returncode == 2 and done.stdout == "" and message in " ".join(done.stderr.split()), done


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["scan", "backgrounds", "--predictions", "said", "--confirm"], "needs a model, found predictions"),
        (["scan", "backgrounds", "--predictions", "nowhere"], "no predictions at nowhere"),
        (["scan", "backgrounds", "--predictions", "said"], "1 images that are not among the sources: a;"),
        (["scan", "backgrounds", "--weights", "a.pt", "--onnx-layout", "ssd"], "is for .onnx files, found a.pt"),
        (["scan", "backgrounds", "--weights", "a.pt", "--class-names", "data.yaml"], "with an onnx_layout"),
        (
            ["scan", "backgrounds", "--weights", "hf:a", "--backend", "openvino"],
            "is for a .pt of Ultralytics, found hf:a",
        ),
        (["eval", "--data", "data.yaml", "--weights", "hf:a", "--int8"], "is for a .pt of Ultralytics, found hf:a"),
        (["eval", "--data", "data.yaml", "--weights", "a.pt", "--onnx-layout", "ssd"], "found none among the weights"),
        (["eval", "--data", "data.yaml", "--weights", "a.pt", "--class-names", "data.yaml"], "with an onnx_layout"),
        (
            ["eval", "--data", "data.yaml", "--weights", "a.pt", "--weights", "b.onnx", "--onnx-layout", "ssd"],
            "no weights at a.pt",  # the layout is the other's
        ),
        (["eval", "--data", "data.yaml", "--predictions", "said"], "not among the sources: c, d;"),
        (
            ["retrain", "--data", "data.yaml", "--weights", "r.json", "--backgrounds", "backgrounds"],
            "r.json is not a model",
        ),
    ],
)
def test_bad_input_is_one_line(run: Run, world: Path, command: list[str], message: str) -> None:
    (world / "r.json").write_text("[]")
    assert message in one_line(run(*command))


def test_an_onnx_model_of_another_make_is_scanned(run: Run, world: Path, real_data: Path) -> None:
    pytest.importorskip("onnxruntime")
    weights = real_data / "weights/yolox_nano.onnx"
    assert "--onnx-layout" in one_line(run("scan", "backgrounds", "--weights", weights))
    photograph = real_data / "images/kangaroo/images/00001.jpg"
    done = run("scan", photograph, "--weights", weights, "--onnx-layout", "yolox", "--device", "cpu", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["images"]["scanned"]) == (0, 1), done
    assert document["false_positives_by_class"].keys() >= {"person", "dog"}
    told = ["--onnx-layout", "yolox", "--device", "cpu", "--json"]
    (world / "coco.yaml").write_text("train: images\nval: images\nnames: [person]\n")
    done = run("eval", "--data", "coco.yaml", "--weights", weights, *told)
    assert json.loads(done.stdout)["models"][0]["name"] == "yolox_nano.onnx", done
