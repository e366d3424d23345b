"""Readers of videos and of labels of their frames, with well-formed files to begin with."""

from __future__ import annotations

import random
import sys
from importlib import import_module
from pathlib import Path

from fuzz_seeds import Read, write_text
from mutating import changed_bytes, changed_text

_CVAT = (
    "<annotations><version>1.1</version><meta><task><size>20</size><mode>interpolation</mode><start_frame>0</start_frame>"
    "<stop_frame>19</stop_frame><frame_filter>step=2</frame_filter><labels><label><name>lamp</name></label></labels>"
    "<original_size><width>192</width><height>128</height></original_size><source>clip.mp4</source></task></meta>\n"
    '<track id="0" label="lamp"><box frame="0" outside="0" xtl="1" ytl="10" xbr="21" ybr="30" rotation="5"/>'
    '<polygon frame="6" outside="0" points="1,1;20,1;20,30"/><box frame="9" outside="1" xtl="1" ytl="1" xbr="2" '
    'ybr="2"/></track>\n<track id="1" label="sign"><ellipse frame="3" outside="0" cx="9" cy="9" rx="4" ry="3"/></track>'
    "</annotations>"
)
_MOT = "1,1,1,1,9,9,1,1,1\n2,1,2.5,3,9,9,0,2,0.5\n7,2,30,40,9,9\n"
_CLIPS = (("clip.mp4", "mpeg4"), ("clip.avi", "mpeg4"), ("clip.mkv", "mpeg4"), ("clip.ts", "mpeg2video"))


def cvat(folder: Path) -> Read:
    """CVAT's XML for video."""
    from negmine.labels.cvat import parse_cvat_video

    def read(rng: random.Random) -> None:
        parse_cvat_video(folder / "a.xml", changed_text(rng, _CVAT).encode(errors="surrogatepass"))

    return read


def mot(folder: Path) -> Read:
    """MOT text, and what lies beside it."""
    from negmine.labels.mot import parse_mot

    (folder / "gt").mkdir()

    def read(rng: random.Random) -> None:
        info = "[Sequence]\nname=clip\nseqLength=8\nimWidth=192\nimHeight=128\n"
        write_text(folder / "seqinfo.ini", changed_text(rng, info) if rng.random() < 0.5 else info)
        write_text(folder / "gt/labels.txt", rng.choice(("lamp\nsign\n", changed_text(rng, "lamp\nsign\n"))))
        parse_mot(folder / "gt/gt.txt", changed_text(rng, _MOT).encode(errors="surrogatepass"))

    return read


def video(folder: Path) -> Read:
    """The frames of a video: all are listed, and some decoded."""
    from negmine.videos.config import Every, VideoConfig
    from negmine.videos.video import Video

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    encode = import_module("clips").encode
    seeds = {name: encode(folder / "sound" / name, 8, codec=codec).read_bytes() for name, codec in _CLIPS}

    def read(rng: random.Random) -> None:
        name = rng.choice(sorted(seeds))
        path = folder / name
        path.write_bytes(changed_bytes(rng, seeds[name]))
        for frame, _ in Video(path).chosen(VideoConfig(every=Every(frames=4))):
            Video(path).frame(frame).decode()

    return read
