"""Lists of images, one a line, as VOC and YOLO data sets have them: adding lines that look like the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from negmine.errors import ExportError
from negmine.exporting.in_place.insertion import Insertion
from negmine.labels.plan import ExportImage
from negmine.paths import printable


@dataclass(frozen=True, slots=True)
class ImageList:
    """A list of images.

    Attributes:
        name: of the file, relative to the root of the data set.
        images: the names of images that it may list, with suffixes; a line of one of them shows how lines look.
    """

    name: str
    images: frozenset[str]

    def insertion(
        self, data: bytes, images: Sequence[ExportImage], present: Insertion | None = None
    ) -> tuple[int, Insertion]:
        """Where lines go in the file, and these.

        Args:
            data: the file, without lines of ours.
            images: to be listed.
            present: our lines in the file as it is; new ones do not depend on them.

        Raises:
            ExportError: where no line names any of the images.
        """
        before, has_suffix = self._style(data)
        newline = "\r\n" if b"\r\n" in data else "\n"
        is_ended = not data or data.endswith(b"\n")
        pieces = {each.name: f"{before}{each.name}{each.suffix if has_suffix else ''}" for each in images}
        lead, tail = ("", newline) if is_ended else (newline, "")
        return len(data), Insertion(pieces, lead, newline, tail)

    def is_of_these(self, data: bytes) -> bool:
        """Whether a line of the file names one of the images."""
        return self._line(data) is not None

    def _style(self, data: bytes) -> tuple[str, bool]:
        """What is before a name in a line, and whether names have suffixes."""
        line = self._line(data)
        if line is None:
            raise ExportError(
                f"{printable(self.name)}: expected a line that names an image to train on, found none; export the "
                "negatives with --merge"
            )
        name = _last_part(line)
        return line.removesuffix(name), name in self.images

    def _line(self, data: bytes) -> str | None:
        """The first line that names one of the images."""
        known = self.images | {name.rpartition(".")[0] for name in self.images}
        lines = (line.strip() for line in data.decode("utf-8-sig", "surrogateescape").splitlines())
        return next((line for line in lines if _last_part(line) in known), None)


def _last_part(line: str) -> str:
    return line.replace("\\", "/").rpartition("/")[2]
