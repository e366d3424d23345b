"""Tiles on the command line: what has no sense is refused in one line, before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest
from blobs import draw, voc_xml

from negmine.cli.retrain import command as retrain_command
from negmine.detectors.tiling.config import TileConfig


@pytest.mark.parametrize("command", ["scan", "eval", "retrain"])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--overlap", "0.3"), "overlap and full-pass are of tiles, found none"),
        (("--no-full-pass",), "overlap and full-pass are of tiles, found none"),
        (("--tile", "640", "--overlap", "1"), "expected an overlap from 0 to 0.9 of a tile, found 1.0"),
        (("--tile", "1"), "expected a tile of 32 to 16384 pixels a side, found 1x1"),
        (("--tile", "all"), "expected a tile of N, WxH (640 or 640x480, in pixels) or auto, found 'all'"),
        (("--scales", "0"), "expected scales from 0.05 to 20, found 0"),
    ],
)
def test_tiles_without_sense_are_refused_in_one_line(
    command: str, options: tuple[str, ...], said: str, run: object
) -> None:
    data = {"scan": ("in",), "eval": ("--data", "in"), "retrain": ("--data", "in", "--backgrounds", "in")}[command]
    done = run(command, *data, "--weights", "none.pt", *options)  # type: ignore[operator]
    assert done.returncode == 2 and said in " ".join(done.stderr.split()) and "Traceback" not in done.stderr


def test_tiles_need_a_model(run: object) -> None:
    done = run("scan", "in", "--predictions", "none.json", "--tile", "64")  # type: ignore[operator]
    assert done.returncode == 2 and "--tile needs a model, found --predictions" in done.stderr


def test_what_a_configuration_types_is_what_it_reads() -> None:
    for config in (TileConfig((64, 48), 0.25, False, (0.5, 1.0)), TileConfig(scales=(2.0,)), TileConfig((64, 64))):
        typed = dict(zip(config.options[::2], config.options[1::2], strict=False))
        if "--no-full-pass" in config.options:
            typed = {"--tile": "64x48", "--overlap": "0.25", "--scales": "0.5,1"}
            assert config.options == ("--tile", "64x48", "--overlap", "0.25", "--no-full-pass", "--scales", "0.5,1")
        read = TileConfig.parse(
            typed.get("--tile"), scales=typed.get("--scales"), overlap=float(typed["--overlap"]),
            full_pass=config.full_pass,
        )  # fmt: skip
        assert read == config or (read is not None and read.options == config.options)


def test_auto_needs_labels_with_objects(run: object, firing_weights: Path, tmp_path: Path) -> None:
    draw(tmp_path / "in" / "a.png", size_wh=(200, 120))
    done = run("scan", "in", "--weights", firing_weights, "--tile", "auto", "--backend", "torch")  # type: ignore[operator]
    assert done.returncode == 2 and "--tile auto chooses a size by labelled objects, found none" in done.stderr


@pytest.mark.slow
def test_auto_says_what_it_chose_and_why(run: object, firing_weights: Path, tmp_path: Path) -> None:
    draw(tmp_path / "in" / "a.png", [(10, 10, 16, 16, 90)], size_wh=(400, 300))
    voc_xml(tmp_path / "in" / "a.xml", "a.png", [("5", 11, 11, 16, 16)])
    done = run(  # type: ignore[operator]
        "scan",
        "in",
        "--data",
        "in",
        "--weights",
        firing_weights,
        "--tile",
        "auto",
        "--backend",
        "torch",
        "--imgsz",
        96,
    )
    assert done.returncode == 0, done.stderr
    assert "tiles of 32 px: of 1 labelled object nine in ten are 6 px or larger" in " ".join(done.stderr.split())


def test_the_options_are_those_of_every_command() -> None:
    names = {name for each in retrain_command.params for name in each.opts}
    assert {"--tile", "--overlap", "--full-pass", "--scales", "--min-visible"} <= names
