"""The yardstick of retraining: cases, splits, results and the table; trainings are the business of other tests."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from blobs import draw

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
_XML = (
    "<annotation><filename>{name}</filename><size><width>96</width><height>80</height><depth>3</depth></size>"
    "<object><name>{target}</name><bndbox><xmin>21</xmin><ymin>16</ymin><xmax>60</xmax><ymax>55</ymax></bndbox></object>"
    "</annotation>"
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data set with groups: drones in every second of 40 groups of two images, birds in the others."""
    folder = tmp_path / "data" / "drone_visible"
    rows = []
    for number in range(80):
        group, name = number // 2, f"{number:02d}.png"
        draw(folder / "images" / name, [(20, 15, 60, 55, 90)], size_wh=(96, 80), seed=number)
        target = "drone" if group % 2 else "bird"
        (folder / "annotations").mkdir(exist_ok=True)
        (folder / "annotations" / f"{number:02d}.xml").write_text(_XML.format(name=name, target=target))
        rows.append({"image": f"{number:02d}", "group": str(group), "has_target": str(group % 2)})
    with (folder / "groups.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path / "data"


def _lay_out(name: str, data: Path, work: Path) -> Path:
    program = (
        "import sys; from pathlib import Path; from efficacy_cases import CASES, lay_out;"
        "print(lay_out(CASES[sys.argv[1]], 0, Path(sys.argv[2]), Path(sys.argv[3])).path)"
    )
    command = [sys.executable, "-c", program, name, str(data), str(work)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=BENCHMARKS)
    return Path(done.stdout.strip())


@pytest.mark.slow
def test_images_of_a_group_are_on_one_side_and_labels_are_of_the_target_alone(data: Path, tmp_path: Path) -> None:
    if not BENCHMARKS.is_dir():
        pytest.skip("the benchmarks are not here")
    case = _lay_out("drone", data, tmp_path / "work")
    groups = {}
    for side in ("images/train", "images/test", "backgrounds/mined", "backgrounds/test"):
        names = [path.stem.removeprefix("drone_visible-") for path in (case / side).iterdir()]
        groups[side] = {int(name) // 2 for name in names}
        assert len(names) == 2 * len(groups[side]) > 0
        assert {group % 2 for group in groups[side]} == {int(side.startswith("images"))}
    assert groups["images/train"].isdisjoint(groups["images/test"])
    assert groups["backgrounds/mined"].isdisjoint(groups["backgrounds/test"])
    labels = [path.read_text() for path in (case / "labels").rglob("*.txt")]
    assert set(labels) == {"0 0.416667 0.437500 0.416667 0.500000\n"}
    few = _lay_out("drone-25", data, tmp_path / "work")
    assert len(list((few / "images" / "train").iterdir())) == min(25, len(list((case / "images" / "train").iterdir())))
    assert {p.name for p in (few / "images" / "test").iterdir()} == {
        p.name for p in (case / "images" / "test").iterdir()
    }


@pytest.mark.slow
def test_the_table_has_a_row_for_each_arm_and_the_summary_compares_pairs(tmp_path: Path) -> None:
    if not BENCHMARKS.is_dir():
        pytest.skip("the benchmarks are not here")
    results = [
        {
            "case": "drone", "arm": arm, "seed": 0, "steps": 1, "minutes": 1.0, "images": 1, "objects": 10,
            "background_images": 100, "map50": 0.9, "map50_95": 0.5, "recall": 0.9, "fppi": 0.1, "lamr": 0.1,
            "fppi_at": {"0.6": 0.0, "0.7": 0.1, "0.8": fppi, "0.9": None, "0.95": None},
        }
        for arm, fppi in (("start", 0.8), ("negmine", 0.0), ("naive-steps", 0.2))
    ]  # fmt: skip
    program = (
        "import json, sys; from efficacy import summary, table; results = json.load(sys.stdin);"
        "print(table(results)); print(summary(results))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(results), capture_output=True, text=True, check=True,
        cwd=BENCHMARKS,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert [line.split(" | ")[1] for line in lines if line.startswith("| drone")] == ["start", "negmine", "naive-steps"]
    assert "not reached" in lines[2]
    assert "negmine / start at recall 0.8: 0.006 (1 pairs)" in lines  # 0.5 of 100 images, against 0.8
    assert "negmine / naive-steps at recall 0.8: 0.025 (1 pairs)" in lines
