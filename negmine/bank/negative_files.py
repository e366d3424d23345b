"""The files of negatives, to show and to compare."""

from __future__ import annotations

from pathlib import Path

from negmine.bank.content_files import NEGATIVES, content_name
from negmine.errors import ImageError
from negmine.files import reason_of, sha256_of
from negmine.inside import inside, read_plain


def read_negative(folder: Path, sha256: str) -> bytes:
    """The bytes of a negative.

    Args:
        folder: of the bank.
        sha256: of the negative's file, 64 hex digits.

    Raises:
        ImageError: where the file is gone, cannot be read, or has other bytes.
    """
    try:
        data = read_plain(inside(folder, content_name(NEGATIVES, sha256)))
    except FileNotFoundError as error:
        raise ImageError("its file is gone") from error
    except (OSError, ValueError) as error:
        raise ImageError(f"its file cannot be read: {reason_of(error)}") from error
    if sha256_of(data) != sha256:
        raise ImageError("its file has changed; `negmine verify` checks the bank")
    return data
