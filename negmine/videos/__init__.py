"""Video files: recognised by content, opened so that they lead nowhere else, read frame by frame at given times."""

from negmine.videos.config import VideoConfig
from negmine.videos.names import FrameName, frame_name
from negmine.videos.reading import SourceImage, read_source
from negmine.videos.video import Frame, Video, open_video

__all__ = ["Frame", "FrameName", "SourceImage", "Video", "VideoConfig", "frame_name", "open_video", "read_source"]
