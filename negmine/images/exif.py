"""The orientation in a block of EXIF (CIPA DC-008), read as leniently as decoders read it.

A broken block turns no image away: what is understood before the fault counts.
"""

from __future__ import annotations

import struct

_ORIENTATION = 0x0112
_ENTRY = 12  # bytes
_MOST_ENTRIES = 1000  # cameras write a few dozen


def exif_orientation(block: bytes) -> int:
    """The orientation, 1 to 8; 1 where the block states none, or nonsense.

    Args:
        block: a TIFF without pixels, from its byte order on.
    """
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return 1
    (at,) = struct.unpack_from(f"{order}I", block, 4)
    if at + 2 > len(block):
        return 1
    (count,) = struct.unpack_from(f"{order}H", block, at)
    for entry in range(at + 2, at + 2 + _ENTRY * min(count, _MOST_ENTRIES), _ENTRY):
        if entry + _ENTRY - 2 > len(block):
            break
        (tag,) = struct.unpack_from(f"{order}H", block, entry)
        if tag == _ORIENTATION:  # the first one counts, whatever type it says it has
            (found,) = struct.unpack_from(f"{order}H", block, entry + 8)
            return found if 1 <= found <= 8 else 1
    return 1
