"""Every error that negmine raises on purpose.

    NegmineError                what a caller may catch; the CLI prints it as one line and exits with status 2
    ├── ConfigError             a setting is out of its range or contradicts another
    ├── BoxError                boxes, scores or class ids are invalid
    │   └── TilesError          an image would be cut into too many tiles; a scan skips and counts it
    ├── SourceError             a source is missing or holds no image
    ├── ImageError              an image cannot be read; a scan skips and counts it
    │   └── VideoError          a video cannot be opened, or holds no frame
    ├── WeightsError            weights are missing, corrupt or unsupported
    │   ├── NoNeckError         weights have no feature maps that can be read
    │   └── UnsafeWeightsError  weights would run code, or cannot be opened without running it
    ├── DetectorError           a detector broke its contract
    │   └── PredictionsError    predictions cannot be read, or belong to images that are not among the sources
    ├── TruthError              a labelled data set cannot be opened, or shares no class with the model
    │   └── LabelError          the labels of one image are invalid; a scan skips and counts the image
    ├── BankError               a folder is not a bank, or a bank cannot be read or written
    │   ├── BankVersionError    a newer negmine wrote the bank
    │   └── BankLockedError     another process is writing to the bank
    ├── OutputError             standard output cannot be written
    ├── ExportError             the target folder holds something else
    └── TrainingError           a training cannot continue
        └── RunLockedError      another process is using the folder of a retraining

A message says what was expected, what was found, where, and what to do.
"""

from negmine.words import one_line


class NegmineError(Exception):
    """The root of every error that negmine raises on purpose; as text it is one line, whatever names are in it."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class ConfigError(NegmineError):
    """A setting is out of its range, or contradicts another."""


class BoxError(NegmineError):
    """Boxes, scores or class ids are invalid."""


class TilesError(BoxError):
    """An image would be cut into too many tiles. A scan skips the image, counts it and keeps this message."""


class SourceError(NegmineError):
    """A source is missing, or holds no image."""


class ImageError(NegmineError):
    """An image cannot be read. A scan skips the image, counts it and keeps this message."""


class VideoError(ImageError):
    """A video cannot be opened, or holds no frame that can be read."""


class WeightsError(NegmineError):
    """Weights are missing, corrupt or unsupported."""


class NoNeckError(WeightsError):
    """Weights have no feature maps that can be read: they are not a YOLO of Ultralytics, or of another task."""


class UnsafeWeightsError(WeightsError):
    """Opening the weights would run code from outside torch, ultralytics and numpy."""


class DetectorError(NegmineError):
    """A detector broke its contract: it returned the wrong number of results, or invalid ones for every image."""


class PredictionsError(DetectorError):
    """Predictions cannot be read, or belong to images that are not among the sources."""


class TruthError(NegmineError):
    """A labelled data set cannot be opened, or shares no class with the model."""


class LabelError(TruthError):
    """The labels of one image are invalid. A scan skips the image, counts it and keeps this message."""


class BankError(NegmineError):
    """A folder is not a bank, or a bank cannot be read or written."""


class BankVersionError(BankError):
    """A newer negmine wrote the bank."""


class BankLockedError(BankError):
    """Another process is writing to the bank."""


class OutputError(NegmineError):
    """Standard output cannot be written."""


class ExportError(NegmineError):
    """The target folder holds something that this export did not write."""


class TrainingError(NegmineError):
    """A training cannot continue: the loss is NaN, memory or disk is full, or its images are unusable."""


class RunLockedError(TrainingError):
    """Another process is using the folder of a retraining."""
