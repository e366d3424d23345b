"""Taking files out of another bank: only where they are what their rows say, down to the pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.content_files import StagedFile
from negmine.bank.other_bank import OtherFile
from negmine.errors import ImageError
from negmine.files import reason_of, sha256_of
from negmine.images.codecs import decode_image
from negmine.images.header import read_header
from negmine.images.near_duplicates import NEAR_BITS
from negmine.images.perceptual_hash import perceptual_hash
from negmine.inside import inside, read_plain


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A sound file.

    Attributes:
        staged: a copy of it.
        phash: the perceptual hash of its pixels.
    """

    staged: StagedFile
    phash: int

    def agreed_phash(self, stated: str) -> str:
        """The hash that its bank states, of the pixels before they became a JPEG; if it is another, that of these."""
        differing = (int(stated, 16) ^ self.phash).bit_count()
        return stated if differing <= NEAR_BITS else f"{self.phash:016x}"


class OtherFiles:
    """The files of another bank; threads may check several at the same time.

    Args:
        folder: of the bank.
        stage: takes the bytes of a file.
    """

    def __init__(self, folder: Path, stage: Callable[[bytes], StagedFile]) -> None:
        self._folder = folder
        self._stage = stage

    def check(self, file: OtherFile) -> CheckedFile | str:
        """Take a file, or say why not.

        Raises:
            BankError: where the copy cannot be written.
        """
        try:
            data = read_plain(inside(self._folder, file.name))
        except FileNotFoundError:
            return "it is gone"
        except OSError as error:
            return reason_of(error)
        if sha256_of(data) != file.sha256:
            return "its bytes do not have the hash that its bank states"
        try:
            if read_header(data).format != "JPEG":
                return "it is no JPEG"
            pixels = decode_image(data)
        except ImageError as error:
            return str(error)
        if (pixels.shape[1], pixels.shape[0]) != file.size_wh:
            return "it is not of the size that its bank states"
        return CheckedFile(self._stage(data), perceptual_hash(pixels))
