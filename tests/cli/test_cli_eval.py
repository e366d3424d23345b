"""`negmine eval` as users meet it, with a small trained detector on drawn roads."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from blobs import draw, find_squares
from commands import one_line

from negmine.cli._figures import render_figures
from negmine.demo.dataset import DemoDataset, write_demo_dataset
from negmine.detectors.function import FunctionDetector
from negmine.evaluating.evaluate import evaluate
from negmine.structures import Detections, Image

Run = Callable[..., subprocess.CompletedProcess[str]]
HEAVY = {"torch", "cv2", "numpy", "ultralytics", "rich", "matplotlib", "pycocotools", "scipy"}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> DemoDataset:
    """A few drawn road scenes to measure on, whose class is one that the untrained detector has."""
    dataset = write_demo_dataset(tmp_path_factory.mktemp("drawn"), train=1, val=6, backgrounds=8)
    dataset.data_yaml.write_text("train: images/train\nval: images/val\nnames: ['0']\n")
    return dataset


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fail-if", "fppi~1"], "expected a check such as fppi_at_recall>0.1"),
        (["--fail-if", "speed>1"], "expected a check on one of fppi,"),
        (["--plot", "a.pdf"], "ends in .png"),
        (["--conf", "2"], "conf from 0 to 1"),
        (["--backgrounds", "nowhere"], "does not exist"),
        (["--weights", "nowhere.pt"], "nowhere.pt"),
        (["--split", "test"], "no split 'test', only train, val"),
        (["--at-fppi", "-1"], "at-fppi of 0 or more"),
        (["--reach", "fppi=1"], "expected --reach with --thresholds"),
        (["--thresholds", "t.yaml", "--reach", "recall=1"], "expected to reach fppi=0.1 or precision=0.9"),
    ],
)
def test_bad_input_is_one_line(run: Run, drawn: DemoDataset, options: list[str], message: str) -> None:
    weights = [] if "--weights" in options else ["--weights", "gone.pt"]
    assert message in one_line(run("eval", *weights, "--data", drawn.data_yaml, *options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "d"], "Missing option '--weights'"),
        (["--weights", "a.pt", "--data", "d", "--conf", "high"], "expected a score from 0 to 1, or a .yaml of negmine"),
        (["--weights", "a.pt", "--data", "d", "--category-base", "1"], "expected --predictions with --category-base"),
        (["--weights", "a.pt", "b.pt", "--data", "d"], "--backgrounds"),
        (["--weights", "a.pt", "--data", "d", "--batch", "0"], "--batch"),
        (["--weights", "a.pt", "--data", "d", "--int8", "--backend", "torch"], "int8 runs on OpenVINO, found backend"),
    ],
)
def test_usage_errors(run: Run, options: list[str], message: str) -> None:
    done = run("eval", *options)
    assert done.returncode == 2 and done.stdout == "" and message in done.stderr


@pytest.mark.slow
def test_the_tables_and_the_checks(shell: Run, firing_weights: Path, drawn: DemoDataset, tmp_path: Path) -> None:
    (broken := tmp_path / "broken.png").write_bytes(b"no picture")
    given = ["--weights", firing_weights, "--data", drawn.data_yaml, "--backgrounds", drawn.backgrounds, broken]
    done = shell(
        "eval",
        *given,
        "--imgsz",
        "96",
        "--device",
        "cpu",
        "--plot",
        "curves.png",
        "--fail-if",
        "recall>=0",
        "--fail-if",
        "fppi>99",
    )
    assert done.returncode == 1, done.stderr
    for words in ("split val", "6 labelled images", "8 backgrounds", "1 skipped", "FPPI", "mAP50", "LAMR"):
        assert words in done.stdout
    assert "curves: curves.png" in done.stdout
    assert f"skipped {broken}: " in done.stderr and "images measured" in done.stderr
    assert "fails the check recall>=0: it is" in done.stderr and "fppi>99" not in done.stderr


def test_json_is_all_there_is_on_stdout(run: Run, firing_weights: Path, drawn: DemoDataset) -> None:
    given = ["--weights", firing_weights, "--weights", firing_weights, "--data", drawn.data_yaml]
    done = run("eval", *given, "--backgrounds", drawn.backgrounds, "--imgsz", "96", "--device", "cpu", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema_version"] == 1 and document["ok"] is True and document["split"] == "val"
    one, two = document["models"]
    assert two.pop("name") == f"{one.pop('name')} (2)"
    assert one == two and set(one["intervals"]) >= {
        "recall",
        "fppi",
        "fppi_at_recall",
        "fppi_at",
        "lamr",
        "map50",
        "classes",
    }
    assert document["differences"][0] is None and len(document["differences"]) == 2


@pytest.mark.slow
def test_a_trained_detector_is_measured(shell: Run, demo_weights: Path, demo_dataset: DemoDataset) -> None:
    given = ["--weights", demo_weights, "--data", demo_dataset.data_yaml, "--backgrounds", demo_dataset.backgrounds]
    done = shell("eval", *given, "--imgsz", "192", "--device", "cpu", "--json", "--fail-if", "fppi>99")
    assert done.returncode == 0, done.stderr
    (one,) = json.loads(done.stdout)["models"]
    assert one["recall"] > 0.5 and one["map50"] > 0.5 and one["fppi"] > 0 and one["background_images"] == 40
    assert one["fppi_at_recall"] <= one["fppi"] and one["threshold_at_recall"] >= 0.25
    assert 0 < len(one["curve"]) <= 100 and set(one["fppi_at"]) == {"0.6", "0.7", "0.8", "0.9", "0.95"}


@pytest.mark.slow
def test_real_weights_on_real_backgrounds(run: Run, real_data: Path, tmp_path: Path) -> None:
    """As many false positives as a scan of the same images finds."""
    folder = real_data / "images"
    backgrounds = sorted((folder / "raccoon" / "images").glob("*.jpg"))[:12]
    weights = real_data / "weights" / "kangaroo_yolo11n_320.pt"
    for name in [path.stem for path in sorted((folder / "kangaroo" / "annots").glob("*.xml"))[:12]]:
        xml = (folder / "kangaroo" / "annots" / f"{name}.xml").read_text()
        (tmp_path / "data" / "Annotations").mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / "JPEGImages").mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / "Annotations" / f"{name}.xml").write_text(xml)
        (tmp_path / "data" / "JPEGImages" / f"{name}.jpg").symlink_to(folder / "kangaroo" / "images" / f"{name}.jpg")
    done = run(
        "eval", "--weights", weights, "--data", "data", "--backgrounds", *backgrounds, "--imgsz", "320",
        "--device", "cpu", "--json",
    )  # fmt: skip
    (model,) = json.loads(done.stdout)["models"]
    scanned = run("scan", *backgrounds, "--weights", weights, "--imgsz", "320", "--device", "cpu", "--json")
    found = json.loads(scanned.stdout)
    assert model["fppi"] == pytest.approx(found["detections"] / 12)
    assert model["images_with_fp"] == found["images"]["with_false_positives"] > 0
    assert model["recall"] > 0.7


def test_of_many_classes_the_first_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    root = tmp_path / "data"
    names = [f"class {number}" for number in range(25)]
    for number in range(25):
        draw(root / "images" / "val" / f"{number:02d}.png", [(20, 20, 40, 40, 90)] if number else [], seed=number)
        (root / "labels" / "val").mkdir(parents=True, exist_ok=True)
        (root / "labels" / "val" / f"{number:02d}.txt").write_text(
            f"{number} 0.15 0.25 0.1 0.16667\n" if number else ""
        )
    (root / "data.yaml").write_text(f"val: images/val\nnames: {names}\n")
    render_figures(evaluate(FunctionDetector(find_squares, names, name="[bold]x"), root))
    text = capsys.readouterr().out
    assert "class 20" in text and "class 21" not in text and "and 5 more classes; --json has all" in text
    assert "[bold]x" in text and "never" not in text and "at recall 0.000" in text


def test_a_line_says_whether_models_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        found = [(20, 20, 40, 40, 95 - number)] if number < 10 else [(20, 20, 40, 40, 99)]
        draw(tmp_path / "images" / "val" / f"{number:02d}.png", found, seed=number)
        (tmp_path / "labels" / "val").mkdir(parents=True, exist_ok=True)
        label = "0 0.15 0.25 0.1 0.16667\n" if number < 10 else ""
        (tmp_path / "labels" / "val" / f"{number:02d}.txt").write_text(label)
    (tmp_path / "data.yaml").write_text("val: images/val\nnames: [lamp]\n")

    def fires_less(image: Image) -> Detections:
        found = find_squares(image)
        return found.select(found.scores < 0.97)

    old, new = (
        FunctionDetector(each, ["lamp"], name=name) for each, name in ((find_squares, "old"), (fires_less, "new"))
    )
    monkeypatch.setenv("COLUMNS", "80")
    render_figures(evaluate([old, new], tmp_path))
    text = capsys.readouterr().out
    heads = "model FPPI with FP recall precision mAP50 mAP50-95 LAMR threshold its FPPI"
    assert heads in " ".join(text.split())  # each on one line, of 80 characters
    assert "  A  old" in text and "  B  new" in text
    assert "B against A: better: 0.05 times the false positives over recalls 0.80 to 1.00 (90 % interval" in text
    render_figures(evaluate([old, old], tmp_path))
    assert "B against A: cannot tell with 10 labelled images and 10 backgrounds: the same" in capsys.readouterr().out


def test_the_help_says_what_is_counted_and_imports_nothing_heavy() -> None:
    script = (
        "import sys; sys.argv = ['negmine', 'eval', '--help']\n"
        f"import atexit, negmine.cli\natexit.register(lambda: print(sorted({HEAVY} & set(sys.modules))))\n"
        "negmine.cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n"), done.stdout[-200:]
    text = " ".join(done.stdout.split())
    for words in (
        "negmine eval --weights best.pt",
        "images without targets",
        "equal recall",
        "Dollar",
        "100 detections",
    ):
        assert words in text
