"""Which images are frames of cameras: the banks that keep them say so."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.content_files import FRAMES, is_content_name
from negmine.errors import BankError
from negmine.grouping import CameraShot


def shots_of(paths: Iterable[Path], bank: Path | None = None) -> dict[str, CameraShot]:
    """The frames of cameras that a bank keeps, or the banks that some of the files lie in, by their sha256.

    Args:
        paths: of images.
        bank: a bank's folder, which need not be there yet.
    """
    folders = {path.parents[2] for path in paths if is_content_name("/".join(path.parts[-3:]), FRAMES)}
    found: dict[str, CameraShot] = {}
    for folder in sorted(folders.union([] if bank is None else [bank])):
        with suppress(BankError), Bank(folder) as opened:
            found |= opened.shots()
    return found
