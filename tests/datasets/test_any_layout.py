"""Data sets at random, in all layouts: no pixel of a known target is in a negative, and all commands count alike."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drawn_sets import MAGENTA, YELLOW, DrawnSet, drawn_sets, find_rectangles, shows, write_set
from hypothesis import given, note

from negmine.bank.bank import Bank
from negmine.datasets.config import LabelConfig
from negmine.detectors.function import FunctionDetector
from negmine.errors import SourceError, TruthError
from negmine.images import decode_image
from negmine.mining.config import CropConfig, OutputSize, ScanConfig
from negmine.mining.result import ScanResult
from negmine.mining.scan import scan

CROP = CropConfig(size=OutputSize("none"), min_side_px=4)
DETECTOR = FunctionDetector(find_rectangles, ["cat"])


@contextmanager
def written(drawn: DrawnSet) -> Iterator[Path]:
    """A folder with the data set in it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        write_set(drawn, root)
        yield root


def mine(drawn: DrawnSet, root: Path, *, missing_is_empty: bool) -> tuple[ScanResult | None, list[Path]]:
    """Scan all pictures with the labels; what is refused mines nothing."""
    bank = root.parent / f"bank-{missing_is_empty}"
    config = ScanConfig(crop=CROP, workers=1, labels=LabelConfig(missing_is_empty=missing_is_empty))
    layout = drawn.layout
    try:
        result = scan(root / layout.sources, DETECTOR, bank=bank, truth=root / layout.truth, config=config)
    except (TruthError, SourceError) as error:
        note(f"refused: {error}")
        return None, []
    with Bank(bank) as opened:
        return result, [negative.path for negative in opened.negatives()]


def check_negatives(drawn: DrawnSet) -> str:
    """Assert that nothing that a label speaks of was mined; say what became of the data set."""
    with written(drawn) as root:
        result, negatives = mine(drawn, root, missing_is_empty=False)
        for path in negatives:
            image = decode_image(path.read_bytes())
            assert not shows(image, YELLOW), f"{drawn}: a target with a label was mined"
            assert not shows(image, MAGENTA), f"{drawn}: a picture without a label was judged by another's"
        more, with_missing = mine(drawn, root, missing_is_empty=True)
        for path in with_missing:
            image = decode_image(path.read_bytes())
            assert not shows(image, YELLOW), f"{drawn}: a target with a label was mined as missing"
        said = "refused" if result is None else "mined" if negatives else "scanned"
        return said + (", missing refused" if more is None and result is not None else "")


@given(drawn_sets())
def test_no_pixel_of_a_known_target_is_in_a_negative(drawn: DrawnSet) -> None:
    check_negatives(drawn)
