"""For tests that watch what a checkpoint does."""

from __future__ import annotations

import pytest
from hostile_weights import run
from small_networks import save_network, small_network

from negmine.detectors.ultralytics.quiet import quiet_ultralytics


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import everything before it is watched: an import runs code."""
    for encoding in ("cp437", "unicode_escape", "raw_unicode_escape", "latin-1"):  # of zip archives and old pickles
        "lamp".encode(encoding).decode(encoding)
    path = tmp_path_factory.mktemp("good") / "good.pt"
    with quiet_ultralytics():
        save_network(small_network(), path)
        for _ in range(2):
            run(path)
