"""Reading predictions of any format; which one it is shows in what is there."""

from __future__ import annotations

from pathlib import Path

from negmine.detectors.config import PredictionsConfig
from negmine.detectors.predictions.base import Predictions, parse_json, read_file
from negmine.detectors.predictions.coco import read_coco
from negmine.detectors.predictions.per_image import is_of_one_image, read_per_image
from negmine.detectors.predictions.sinks import CORNERS, csv_rows, read_sink
from negmine.detectors.predictions.text_rows import is_voc_results, layout_of, read_rows, read_voc_results
from negmine.detectors.predictions.yolo import CLASSES, read_yolo, text_files
from negmine.errors import PredictionsError, SourceError
from negmine.paths import printable
from negmine.walking import files_in

_PICKLES = (".pkl", ".pickle", ".pth", ".pt")
_WAY_OUT = (
    "write JSON instead: MMDetection with DetInferencer(...)(images, out_dir=DIR) or test.py --cfg-options "
    "test_evaluator.outfile_prefix=PREFIX, Detectron2 with COCOEvaluator, which writes coco_instances_results.json"
)


def read_predictions(config: PredictionsConfig) -> Predictions:
    """Read what another program found.

    Raises:
        PredictionsError: where it is missing, a pickle, or in no format that is read.
        ConfigError: where the class names cannot be read.
    """
    path = Path(config.predictions)
    images, names = (None if text is None else Path(text) for text in (config.images, config.class_names))
    if path.suffix.lower() in _PICKLES:
        raise PredictionsError(f"{printable(path)} is a pickle, which can run code and is not opened; {_WAY_OUT}")
    if path.is_dir():
        if images is not None:
            raise PredictionsError(f"{printable(path)} holds a file for each image; leave --predictions-images out")
        return _read_folder(path, names, config)
    if not path.is_file():
        raise PredictionsError(
            f"no predictions at {printable(path)}; name a JSON or CSV file, or a folder of .txt or .json files"
        )
    data = read_file(path)
    if path.suffix.lower() == ".csv":
        return read_sink(path, data, csv_rows(path, data), class_names=names, base=config.category_base)
    document = parse_json(path, data)
    if is_of_one_image(document):
        return read_per_image({path: data}, path, names, config.category_base)
    if isinstance(document, list) and document and isinstance(document[0], dict) and CORNERS[0] in document[0]:
        return read_sink(path, data, document, class_names=names, base=config.category_base)
    return read_coco(path, data, document, images=images, class_names=names, base=config.category_base)


def _read_folder(path: Path, names: Path | None, config: PredictionsConfig) -> Predictions:
    """Read the files of a folder: its text, and JSON or pickles only where it has no text."""
    base = config.category_base
    try:
        texts, of_json, pickles = (files_in(str(path), suffixes) for suffixes in ({".txt"}, {".json"}, set(_PICKLES)))
    except SourceError as error:
        raise PredictionsError(f"cannot read predictions: {error}") from error
    is_text = any(path / name != names and name != CLASSES for name in texts)
    if of_json and not is_text:
        return read_per_image({path / name: read_file(path / name) for name in of_json}, path, names, base)
    if pickles and not is_text:
        raise PredictionsError(f"{printable(path)} holds pickles, which can run code and are not opened; {_WAY_OUT}")
    rows = {each: read_file(each) for each in text_files(path, names)}
    if is_voc_results(rows):
        return read_voc_results(rows, path, names)
    layout = layout_of(rows)
    return read_yolo(rows, path, names, base) if layout is None else read_rows(rows, path, layout, names, base)
