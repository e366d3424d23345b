"""Data sets at random, in all layouts: no pixel of a known target is in a negative, and all commands count alike."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from drawn_layouts import LAYOUTS, Layout
from drawn_sets import MAGENTA, YELLOW, DrawnSet, drawn_sets, find_rectangles, shows, tidy_picture, write_set
from hypothesis import event, given, settings
from hypothesis import strategies as st

from negmine.bank.bank import Bank
from negmine.datasets.config import LabelConfig
from negmine.datasets.open import open_dataset
from negmine.detectors.function import FunctionDetector
from negmine.errors import ConfigError, ExportError, SourceError, TruthError
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.evaluate import evaluate
from negmine.exporting.config import ExportConfig
from negmine.exporting.export import export
from negmine.images import decode_image
from negmine.mining.config import CropConfig, OutputSize, ScanConfig
from negmine.mining.scan import scan
from negmine.ratios.ratio import ratio
from negmine.retraining.labelled import read_labelled

CROP = CropConfig(size=OutputSize("none"), min_side_px=4)
DETECTOR = FunctionDetector(find_rectangles, ["cat"])
REFUSED = (TruthError, SourceError)
ANY_SET = st.integers(0, 2).flatmap(lambda tidy: drawn_sets(tidy=tidy))


@contextmanager
def written(drawn: DrawnSet) -> Iterator[Path]:
    """A folder with the data set in it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        write_set(drawn, root)
        yield root


def mined(drawn: DrawnSet, root: Path, labels: LabelConfig) -> list[Path] | None:
    """The negatives of a scan of all pictures with the labels; None where it is refused."""
    bank, layout = root.parent / f"bank-{labels.missing_is_empty}", drawn.layout
    config = ScanConfig(crop=CROP, workers=1, labels=labels)
    try:
        scan(root / layout.sources, DETECTOR, bank=bank, truth=root / layout.truth, config=config)
    except REFUSED:
        return None
    with Bank(bank) as opened:
        return [negative.path for negative in opened.negatives()]


def check_negatives(drawn: DrawnSet, *, name_images: bool) -> str:
    """Assert that nothing that a label speaks of is mined, and nothing of a picture without one unless that is asked.

    Args:
        drawn: the data set.
        name_images: name the folder of the images.

    Returns:
        What became of the data set.
    """
    with written(drawn) as root:
        images = root / drawn.layout.sources if name_images else None
        negatives = mined(drawn, root, LabelConfig(images=images))
        for path in negatives or ():
            image = decode_image(path.read_bytes())
            assert not shows(image, YELLOW), f"a target with a label was mined: {drawn}"
            assert not shows(image, MAGENTA), f"a picture without a label was judged by another's: {drawn}"
        more = mined(drawn, root, LabelConfig(images=images, missing_is_empty=True))
        for path in more or ():
            image = decode_image(path.read_bytes())
            assert not shows(image, YELLOW), f"a target with a label was mined as if that were missing: {drawn}"
    return "refused" if negatives is None else f"{'mined' if negatives else 'scanned'}{', but' * (more is None)}"


@given(ANY_SET, st.booleans())
def test_no_pixel_of_a_known_target_is_in_a_negative(drawn: DrawnSet, name_images: bool) -> None:
    event(check_negatives(drawn, name_images=name_images))


@pytest.mark.slow
def test_no_pixel_of_a_known_target_is_in_hundreds_of_data_sets(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = Counter[str]()

    @settings(max_examples=500)
    @given(ANY_SET, st.booleans())
    def check(drawn: DrawnSet, name_images: bool) -> None:
        outcomes[f"{drawn.layout}: {check_negatives(drawn, name_images=name_images)}"] += 1

    check()
    with capsys.disabled():
        sys.stdout.write("".join(f"\n{outcome}: {count}" for outcome, count in sorted(outcomes.items())))
    assert outcomes.total() >= 500
    assert sum(count for outcome, count in outcomes.items() if "mined" in outcome) > outcomes.total() / 3


def counts_of_ratio(data: Path, labels: LabelConfig) -> Counter[str]:
    """Images by kind, those of each split."""
    found = Counter[str]()
    for counts in ratio(data, duplicates=False, workers=1, labels=labels).splits.values():
        found += Counter(
            positive=counts.images,
            empty=counts.empty,
            unlabelled=counts.unlabelled,
            broken=counts.broken,
            ignored=counts.ignored,
        )
    return found


def counts_of_eval(data: Path, splits: list[str], labels: LabelConfig) -> Counter[str]:
    """The same by an evaluation of each split."""
    found = Counter[str]()
    for split in splits:
        try:
            result = evaluate(DETECTOR, data, split=split, config=EvalConfig(workers=1, labels=labels))
        except SourceError as error:  # of a split without a label that can be read
            assert "none" in str(error) or "no image" in str(error)
            return Counter()
        kinds = Counter("broken" if each.kind == "label" else each.kind for each in result.skipped)
        found += kinds + Counter(positive=result.models[0].images - result.empty, empty=result.empty)
    return found


def check_counts(drawn: DrawnSet, root: Path, bank: Path, labels: LabelConfig) -> Counter[str] | None:
    """Assert that all commands count what ratio counts; None where it refuses the data set."""
    data = root / drawn.layout.truth
    try:
        expected = counts_of_ratio(data, labels)
    except REFUSED:
        return None
    dataset = open_dataset(data, config=labels)
    places = [(path, split.name) for split in dataset.splits for path in split.images]
    once = dict.fromkeys(path for path, _ in places)
    is_simple = len(once) == len(places)  # no image is in two splits

    if is_simple:
        result = scan(
            [*once], DETECTOR, bank=root.parent / "counts", truth=data, config=ScanConfig(workers=1, labels=labels)
        )
        skipped = Counter(each.kind for each in result.skipped)
        assert result.scanned + result.duplicates == expected["positive"] + expected["ignored"] + expected["empty"]
        assert (skipped["unlabelled"], skipped["label"]) == (expected["unlabelled"], expected["broken"])
        _check_retrain(data, labels, expected)
        _check_export(data, bank, root.parent / "out", labels, expected)
    found = counts_of_eval(data, [split.name for split in dataset.splits], labels)
    with_boxes = Counter(positive=expected["ignored"]) + +expected  # an evaluation counts what has any box
    assert found in (Counter(), with_boxes - Counter(ignored=expected["ignored"]))
    return expected


def _check_retrain(data: Path, labels: LabelConfig, expected: Counter[str]) -> None:
    try:
        read = read_labelled(data, DETECTOR.class_names, labels=labels, workers=1)
    except TruthError as error:
        assert "to train on" in str(error) or "to measure recall on" in str(error)
        return
    assert len(read.contents) == expected.total() - expected["unlabelled"]
    assert len(read.skipped) == expected["broken"]


def _check_export(data: Path, bank: Path, out: Path, labels: LabelConfig, expected: Counter[str]) -> None:
    try:
        merged = export(bank, out, merge=data, config=ExportConfig(labels=labels, workers=1)).merged
    except (ConfigError, ExportError) as error:
        assert "no split train" in str(error) or "to train on" in str(error)
        return
    assert merged is not None
    assert sum(split.positives for split in merged.splits) == expected["positive"] + expected["ignored"]
    assert sum(split.empty for split in merged.splits) == expected["empty"]
    assert (merged.unlabelled, len(merged.skipped)) == (expected["unlabelled"], expected["broken"])


def write_and_count(bank: Path, drawn: DrawnSet, missing_is_empty: bool) -> None:
    with written(drawn) as root:
        images = root / drawn.layout.sources if drawn.layout.is_apart else None
        check_counts(drawn, root, bank, LabelConfig(images=images, missing_is_empty=missing_is_empty))


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bank of one negative."""
    folder = tmp_path_factory.mktemp("bank")
    write_set(
        DrawnSet(LAYOUTS[0], (tidy_picture(LAYOUTS[0], 99, "background", label=False, decoys=(0,)),), ()),
        folder / "set",
    )
    scan(folder / "set", DETECTOR, bank=folder / "bank", config=ScanConfig(crop=CROP, workers=1))
    return folder / "bank"


@settings(max_examples=8)
@given(drawn=drawn_sets(tidy=4), missing_is_empty=st.booleans())
def test_all_commands_count_alike(bank: Path, drawn: DrawnSet, missing_is_empty: bool) -> None:
    write_and_count(bank, drawn, missing_is_empty)


@pytest.mark.slow
@settings(max_examples=100)
@given(drawn=drawn_sets(tidy=4), missing_is_empty=st.booleans())
def test_all_commands_count_a_hundred_data_sets_alike(bank: Path, drawn: DrawnSet, missing_is_empty: bool) -> None:
    write_and_count(bank, drawn, missing_is_empty)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_every_layout_is_read_whole(layout: Layout, bank: Path) -> None:
    pictures = (
        tidy_picture(layout, 0, "a", targets=(0, 1), decoys=(3,)),
        tidy_picture(layout, 1, "b", targets=(2,)),
        tidy_picture(layout, 2, "c", decoys=(1, 2)),
        tidy_picture(layout, 3, "d", label=False, targets=(3,)),
        tidy_picture(layout, 6, "e", targets=(2,)),  # in the same folder as the first
    )
    drawn = DrawnSet(layout, pictures, ())
    with written(drawn) as root:
        images = root / layout.sources if layout.is_apart else None
        counts = check_counts(drawn, root, bank, LabelConfig(images=images))
        assert counts is not None
        times = counts.total() // len(pictures)  # where training and validation are on the same images
        assert counts == Counter(positive=3 * times, empty=times, unlabelled=times)
        assert mined(drawn, root, LabelConfig())
        assert mined(drawn, root, LabelConfig(missing_is_empty=True))
