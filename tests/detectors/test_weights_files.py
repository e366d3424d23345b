"""From what was typed to files, and their hash."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import pytest

from negmine.detectors.weights_files import find_weights, hash_weights
from negmine.errors import WeightsError


@pytest.mark.parametrize("nothing", ["", "  "])
def test_nothing_is_refused(nothing: str) -> None:
    with pytest.raises(WeightsError, match="no weights were given"):
        find_weights(nothing)


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"no weights at runs/best\.pt"):
        find_weights("runs/best.pt")


def test_an_architecture_is_no_weights(tmp_path: Path) -> None:
    (tmp_path / "yolo11n.yaml").write_text("nc: 1")
    with pytest.raises(WeightsError, match="without its weights"):
        find_weights(str(tmp_path / "yolo11n.yaml"))


@pytest.mark.parametrize("name", ["w.ckpt", "w.pt.bak", "w.pt?x", "w"])
def test_an_ending_that_ultralytics_may_take_for_a_pickle_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(WeightsError, match=r"expected one of \.pt"):
        find_weights(str(tmp_path / name))


def test_weights_of_torchvision_are_files_here(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").touch()
    assert find_weights(str(tmp_path / "w.safetensors")) == tmp_path / "w.safetensors"
    with pytest.raises(WeightsError, match=r"expected a file of weights at .*gone\.pth, found nothing"):
        find_weights(str(tmp_path / "gone.pth"))
    with pytest.raises(WeightsError, match=r"expected a file to train, found torchvision:ssd300_vgg16; save it"):
        find_weights("torchvision:ssd300_vgg16")


def test_a_folder_is_a_model_only_under_its_name(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is a folder; expected weights"):
        find_weights(str(tmp_path))
    folder = tmp_path / "best_openvino_model"
    folder.mkdir()
    (folder / "best.xml").touch()
    with pytest.raises(WeightsError, match=r"holds no \.bin file"):
        find_weights(str(folder))
    (folder / "best.bin").touch()
    assert find_weights(str(folder)) == folder


def test_official_weights_that_cannot_be_had_are_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def offline(host: str, *_: object) -> list[object]:
        asked.append(host)
        raise OSError("no network in this test")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket, "getaddrinfo", offline)
    monkeypatch.setenv("PATH", "")  # Ultralytics downloads with curl where there is one
    with pytest.raises(WeightsError, match=r"^yolov8x\.pt is not here, and could not be downloaded; are you online\?$"):
        find_weights("yolov8x")
    assert "github.com" in asked  # it really tried
    assert list(tmp_path.iterdir()) == []


def test_the_hash_of_a_folder_follows_names_and_contents(tmp_path: Path) -> None:
    def sha(**files: str) -> str:
        folder = tmp_path / f"folder{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_text(content)
        return hash_weights(folder)

    assert sha(a="1", b="2") == sha(b="2", a="1")
    assert len({sha(), sha(a="1"), sha(b="1"), sha(a="2"), sha(a="1", b="")}) == 5


def test_the_hash_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(b"abc")
    assert hash_weights(tmp_path / "w.pt") == hashlib.sha256(b"abc").hexdigest()
