"""The standard streams: what cannot be written is an error with one line, and text of any encoding gets through."""

from __future__ import annotations

import io
import os
import sys

from negmine.errors import OutputError


class _Output(io.FileIO):
    """Standard output, whose errors cannot be taken for those of other files."""

    def write(self, data: object, /) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"standard output cannot be written: {error.strerror}; send it elsewhere") from error


def open_streams() -> None:
    """Have sys.stdout and sys.stderr write escapes for what their encoding lacks, and be there.

    Raises:
        OutputError: where standard output is closed.
    """
    if sys.stderr is None:  # closed: nobody reads messages, and no other file shall get its number
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    if sys.stdout is None:
        raise OutputError("standard output is closed; send it to a file, or to /dev/null")
    sys.stdout.flush()
    is_terminal, encoding = sys.stdout.isatty(), sys.stdout.encoding
    buffer = io.BufferedWriter(_Output(sys.stdout.fileno(), "w", closefd=False))
    sys.stdout = io.TextIOWrapper(buffer, encoding, "backslashreplace", line_buffering=is_terminal)
