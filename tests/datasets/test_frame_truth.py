"""Labels of a video as the truth of a scan of its frames."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from blobs import square_detector
from clips import encode

from negmine.bank.bank import Bank
from negmine.datasets.config import LabelConfig
from negmine.datasets.open import open_truth
from negmine.errors import ConfigError, TruthError
from negmine.mining.config import ScanConfig
from negmine.mining.scan import scan
from negmine.structures import Image
from negmine.videos.config import Every, VideoConfig

EVERY_FRAME = ScanConfig(video=VideoConfig(every=Every(frames=1)))


def two_lamps(number: int) -> Image:
    """A target on the left, and a false positive on the right."""
    image = np.random.default_rng(number).integers(0, 60, (128, 192, 3), dtype=np.uint8)
    image[40:72, 16:48] = image[40:72, 128:160] = (180, 0, 255)
    return image


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return encode(tmp_path / "clip.mp4", 12, draw=two_lamps, options={"b": "2000000"})


def cvat(path: Path, *, size: int = 8, source: str = "clip.mp4", width: int = 192) -> Path:
    path.write_text(
        f"<annotations><meta><task><size>{size}</size><mode>interpolation</mode><start_frame>0</start_frame><labels>"
        f"<label><name>lamp</name></label></labels><original_size><width>{width}</width><height>128</height>"
        f"</original_size><source>{source}</source></task></meta><track id='0' label='lamp'><box frame='0' outside='0' "
        "keyframe='1' xtl='15' ytl='39' xbr='49' ybr='73'/></track></annotations>"
    )
    return path


@pytest.mark.parametrize("kind", ["cvat", "mot"])
def test_frames_are_mined_where_they_are_labelled_and_around_their_targets(
    tmp_path: Path, clip: Path, kind: str
) -> None:
    truth = cvat(tmp_path / "labels.xml")
    if kind == "mot":
        truth = tmp_path / "gt" / "gt.txt"
        truth.parent.mkdir()
        (truth.parent / "labels.txt").write_text("lamp\n")
        truth.write_text("".join(f"{frame},1,16,40,34,34,1,1,1\n" for frame in range(1, 9)))
    result = scan(clip, square_detector(), bank=tmp_path / "bank", truth=truth, config=EVERY_FRAME)
    assert (result.scanned, result.kinds["true_positive"], result.kinds["background"]) == (8, 8, 8)  # type: ignore[index]
    assert [each.kind for each in result.skipped] == ["unlabelled"] * 4
    with Bank(tmp_path / "bank") as bank:
        assert all(each.rect.x1 >= 49 for each in bank.negatives())
    again = scan(clip, square_detector(), bank=tmp_path / "bank", truth=truth, config=EVERY_FRAME)
    assert (again.scanned, again.unchanged) == (0, 8)


def test_labels_of_another_size_skip_the_frames(tmp_path: Path, clip: Path) -> None:
    truth = cvat(tmp_path / "labels.xml", width=999)
    result = scan(clip, square_detector(), bank=tmp_path / "bank", truth=truth)
    assert result.scanned == 0 and "999 x 128" in result.skipped[0].reason


def test_labels_go_to_the_video_that_they_name(tmp_path: Path, clip: Path) -> None:
    other = Path(shutil.copy(clip, tmp_path / "other.mp4"))
    frames = [each / "t=0.000,frame=0" for each in (clip, other)]
    truth = open_truth(cvat(tmp_path / "labels.xml", source="C:\\films\\other.avi"), images=frames)
    assert [truth.object_names(frame) for frame in frames] == [None, ("lamp",)]
    with pytest.raises(TruthError, match="expected one video whose labels these are, found 0 of 2"):
        open_truth(cvat(tmp_path / "labels.xml", source="third.mp4"), images=frames)


def test_labels_of_more_frames_than_there_are_belong_to_another_video(tmp_path: Path, clip: Path) -> None:
    frames = [clip / "t=0.000,frame=0"]
    assert open_truth(cvat(tmp_path / "labels.xml", size=13), images=frames).object_names(frames[0]) == ("lamp",)
    with pytest.raises(TruthError, match=r"labels up to frame 39, and .*clip\.mp4 has only 12 frames"):
        open_truth(cvat(tmp_path / "labels.xml", size=40), images=frames)


def test_a_class_map_renames_and_settings_of_images_are_refused(tmp_path: Path, clip: Path) -> None:
    path, frames = cvat(tmp_path / "labels.xml"), [clip / "t=0.000,frame=0"]
    renamed = open_truth(path, images=frames, config=LabelConfig(class_map={"lamp": "sign"}))
    assert renamed.class_names == renamed.object_names(frames[0]) == ("sign",)
    with pytest.raises(ConfigError, match="--missing-is-empty: labels of a video say which frames"):
        open_truth(path, images=frames, config=LabelConfig(missing_is_empty=True))
