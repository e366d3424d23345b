"""Where converted models are kept."""

from __future__ import annotations

import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from needs import NAMED_PIPES

from negmine.detectors.ultralytics.cache import ConvertedFile, fingerprint, kept_parts
from negmine.paths import cache_folder

MADE_BY = {"backend": "openvino", "openvino": "1"}
PARTS = {"model.xml": b"<net/>" * 100, "model.bin": bytes(range(256)) * 100}


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "negmine"


def test_what_was_never_written_is_not_there() -> None:
    file = ConvertedFile.of("ab" * 32, MADE_BY)
    assert file.read() is None and file.findings("0") == {}


def test_what_is_written_is_read_and_leaves_one_file(own_folder: Path) -> None:
    file = ConvertedFile.of("ab" * 32, MADE_BY)
    file.write(PARTS)
    file.write(PARTS)
    assert file.read() == PARTS
    assert list(own_folder.iterdir()) == [file.path]


@pytest.mark.parametrize(
    "other",
    [("cd" * 32, MADE_BY), ("ab" * 32, MADE_BY | {"openvino": "2"}), ("ab" * 32, MADE_BY | {"backend": "onnx"})],
)
def test_other_weights_and_other_versions_have_another_file(other: tuple[str, dict[str, str]]) -> None:
    ConvertedFile.of("ab" * 32, MADE_BY).write(PARTS)
    assert ConvertedFile.of(*other).read() is None


@pytest.mark.parametrize("where", [100, 700, 10_000, -1])
def test_a_flipped_byte_is_noticed(where: int) -> None:
    file = ConvertedFile.of("ab" * 32, MADE_BY)
    file.write(PARTS)
    assert file.path is not None
    data = bytearray(file.path.read_bytes())
    if where == -1:
        data = data[: len(data) // 2]
    else:
        data[where] ^= 1
    file.path.write_bytes(data)
    assert file.read() is None


@NAMED_PIPES
@pytest.mark.timeout(10)
@pytest.mark.parametrize("what", ["link", "pipe", "packed"])
def test_only_what_negmine_wrote_is_read(own_folder: Path, tmp_path: Path, what: str) -> None:
    file = ConvertedFile.of("ab" * 32, MADE_BY)
    file.write(PARTS)
    assert file.path is not None
    file.path.rename(tmp_path / "elsewhere")
    if what == "packed":
        with zipfile.ZipFile(file.path, "w", zipfile.ZIP_DEFLATED) as bomb:
            bomb.writestr("model.bin", bytes(10_000_000))
    elif what == "link":
        file.path.symlink_to(tmp_path / "elsewhere")
    else:
        os.mkfifo(file.path)
        os.mkfifo(file.path.with_suffix(".json"))
    assert file.read() is None and file.findings("0") == {} and not list(kept_parts("ab" * 32, "model.bin"))
    file.write(PARTS)
    assert file.read() == PARTS and not file.path.is_symlink()


def test_a_finding_holds_for_the_model_that_it_was_about() -> None:
    file = ConvertedFile.of("ab" * 32, MADE_BY)
    one, other = fingerprint(PARTS), fingerprint({"model.xml": b""})
    file.note(one, "conf 0.25", "same")
    file.note(one, "conf 0.5", "same too")
    assert file.findings(one) == {"conf 0.25": "same", "conf 0.5": "same too"}
    assert file.findings(other) == {}
    assert file.path is not None
    file.path.with_suffix(".json").write_text("[")
    assert file.findings(one) == {}


def test_a_folder_that_cannot_be_written_stops_nothing(own_folder: Path) -> None:
    own_folder.parent.mkdir()
    own_folder.write_text("a file in its place")
    file = ConvertedFile.of("ab" * 32, MADE_BY)
    file.write(PARTS)
    file.note("0", "a", "b")
    assert file.read() is None and own_folder.read_text() == "a file in its place"


def test_many_at_the_same_time_leave_it_whole(own_folder: Path) -> None:
    file = ConvertedFile.of("ab" * 32, MADE_BY)
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: (file.write(PARTS), file.read())[1], range(40)))
    assert seen == [PARTS] * 40
    assert list(own_folder.iterdir()) == [file.path]


def test_what_killed_processes_left_is_removed_and_what_is_being_written_is_not(own_folder: Path) -> None:
    own_folder.mkdir(parents=True)
    old, young, other = (own_folder / name for name in ("a.zip1.part", "a.zip2.part", "notes.txt"))
    for path in (old, young, other):
        path.write_bytes(b"half")
    for path in (old, other):
        os.utime(path, (1, 1))
    file = ConvertedFile.of("ab" * 32, MADE_BY)
    file.write(PARTS)
    assert set(own_folder.iterdir()) == {file.path, young, other}


def test_the_folder_is_where_the_desktop_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == tmp_path / "cache" / "negmine"
    monkeypatch.setenv("HOME", str(tmp_path))
    for named in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", named)
        assert os.name != "posix" or cache_folder() == tmp_path / ".cache" / "negmine"
