"""The most that one image may cost; here, since the command line must know it without loading any codec."""

from __future__ import annotations

MAX_PIXELS = 200_000_000  # of one image
MAX_DECODING = 9 * MAX_PIXELS  # bytes that a decoder may take
MAX_SIDE = 65_500  # pixels of a negative: JPEG holds no more
MAX_PAIRS = 1 << 21  # of boxes that are compared at the same time: 16 MiB for each of a few arrays
