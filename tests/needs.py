"""What some tests need of the system. A test that is skipped says what it did not find."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

NAMED_PIPES = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes (mkfifo)")
NOT_ROOT = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="needs a user who is not root, whom permissions bind"
)
PROC = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc, as Linux has it")
