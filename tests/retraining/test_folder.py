"""A folder is used by one run at a time, and is resumed with the settings it began with."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from negmine.errors import ConfigError, RunLockedError, TrainingError
from negmine.files import write_file
from negmine.retraining.folder import LockedFolder, RetrainFolder, folder_errors, hash_of_lines

SETTINGS = {
    "weights": "abc",
    "rounds": 2,
    "max_recall_loss": 0.01,
    "nms_iou": None,
    "settings": {"lr0": 0.1},
    "crop": "image",
}


def begin(folder: Path, settings: dict[str, object] | None = None, *, resume: bool = False) -> None:
    with LockedFolder(RetrainFolder(folder), resume=resume) as own:
        own.claim({**SETTINGS, **(settings or {})})


def test_a_folder_that_is_new_or_empty_is_taken(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "new", tmp_path / "empty"):
        begin(folder)
        assert json.loads((folder / "retrain.json").read_text())["settings"] == SETTINGS


def test_resume_begins_where_there_is_nothing_yet(tmp_path: Path) -> None:
    (tmp_path / "retrain.json.negmine-part").write_text("{")  # killed in its first write
    begin(tmp_path, resume=True)
    assert (tmp_path / "retrain.json").is_file()


def test_a_run_needs_resume(tmp_path: Path) -> None:
    begin(tmp_path)
    with pytest.raises(ConfigError, match=r"holds a retraining; resume it with --resume"):
        begin(tmp_path)
    begin(tmp_path, resume=True)


def test_two_runs_at_a_time_are_refused(tmp_path: Path) -> None:
    folder = RetrainFolder(tmp_path / "new")
    for resume in (False, True):  # the second time in a folder that was left
        with LockedFolder(folder, resume=resume) as own:
            own.claim(SETTINGS)
            with pytest.raises(RunLockedError, match=r"new is in use by process \d+ \(negmine retrain\); .* --resume$"):
                begin(folder.out, resume=True)


def test_a_run_that_began_while_this_one_was_reading_is_not_resumed(tmp_path: Path) -> None:
    with LockedFolder(RetrainFolder(tmp_path / "new"), resume=False) as own:
        begin(tmp_path / "new")
        with pytest.raises(ConfigError, match=r"holds a retraining; resume it with --resume"):
            own.claim(SETTINGS)


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_with_other_things_is_refused(tmp_path: Path, resume: bool) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds other things \(thesis.txt\)"):
        begin(tmp_path, resume=resume)
    with pytest.raises(ConfigError, match=r"is a file"):
        begin(tmp_path / "thesis.txt", resume=resume)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rounds": 3}, "begun with --rounds 2, and this asks for 3"),
        ({"max_recall_loss": 0.5}, "begun with --max-recall-loss 0.01, and this asks for 0.5"),
        ({"nms_iou": 0.7}, "begun with --nms unset, and this asks for 0.7"),
        ({"settings": {"lr0": 0.2}}, 'begun with --set {"lr0": 0.1}, and this asks for {"lr0": 0.2}'),
        ({"crop": "region"}, "begun with --mine-crop image, and this asks for region"),
        ({"weights": "def"}, "begun with other contents of --weights than there are now"),
    ],
)
def test_resuming_with_other_settings_is_refused_by_name(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    begin(tmp_path)
    before = (tmp_path / "retrain.json").read_bytes()
    with pytest.raises(ConfigError) as error:
        begin(tmp_path, changed, resume=True)
    assert said in str(error.value) and "\n" not in str(error.value)
    assert (tmp_path / "retrain.json").read_bytes() == before


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"settings": 1, "schema_version": 2, "written_by": "negmine retrain"}']
)
def test_a_file_of_that_name_that_something_else_wrote(tmp_path: Path, text: str) -> None:
    (tmp_path / "retrain.json").write_text(text)
    with pytest.raises(ConfigError, match=r"does not hold the settings of a retraining"):
        begin(tmp_path, resume=True)


def test_a_run_of_a_newer_negmine_is_refused(tmp_path: Path) -> None:
    begin(tmp_path)
    document = json.loads((tmp_path / "retrain.json").read_text()) | {"schema_version": 4}
    (tmp_path / "retrain.json").write_text(json.dumps(document))
    with pytest.raises(ConfigError, match=r"is of format 4, and this negmine writes 3"):
        begin(tmp_path, resume=True)


def test_the_hash_of_lines_depends_on_what_is_there_not_on_its_order() -> None:
    assert hash_of_lines(["a", "b"]) == hash_of_lines(["b", "a"]) != hash_of_lines(["ab"])


def test_a_full_disk_is_one_line(disk: Path) -> None:
    with pytest.raises(TrainingError, match=r"No space left on device; free some space and run .* --resume"):
        with folder_errors(disk):
            write_file(disk / "large", bytes(2**21))
    assert list(disk.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_line(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with pytest.raises(TrainingError, match=r"Read-only file system; name a folder that can be written with --out"):
        with folder_errors(disk):
            write_file(disk / "a", b"a")
