"""Every error that negmine raises on purpose.

    NegmineError                what a caller may catch; the CLI prints it as one line and exits with status 2
    ├── ConfigError             a setting is out of its range or contradicts another
    ├── BoxError                boxes, scores or class ids that are no boxes, scores or class ids
    ├── SourceError             a source that is missing, or holds no image
    ├── ImageError              bytes that are no image negmine reads; a scan skips and counts it
    ├── WeightsError            weights that are missing, corrupt or of a kind negmine does not run
    │   └── UnsafeWeightsError  a pickle that would run code from outside torch, ultralytics and numpy
    ├── DetectorError           a detector that broke its contract
    │   └── PredictionsError    predictions that cannot be read, or that are of images which nobody named
    ├── TruthError              a data set of labels that cannot be opened, or has no class in common with the model
    │   └── LabelError          the labels of one image; a scan skips and counts the image
    ├── BankError               a folder that is no bank, or a bank that cannot be read or written
    │   ├── BankVersionError    a bank that a newer negmine wrote
    │   └── BankLockedError     a bank that another process is writing to
    ├── ExportError             a target folder that holds something else
    └── TrainingError           a training that cannot go on
        └── RunLockedError      a retraining that another process is at

A message says what was expected, what was found, where, and what to do.
"""


class NegmineError(Exception):
    """The root of every error that negmine raises on purpose."""


class ConfigError(NegmineError):
    """A setting is out of its range, or contradicts another."""


class BoxError(NegmineError):
    """Boxes, scores or class ids that are not what they claim to be."""


class SourceError(NegmineError):
    """A source is missing, or holds no image."""


class ImageError(NegmineError):
    """Bytes that are no image negmine reads. A scan skips the image, counts it and keeps this message."""


class WeightsError(NegmineError):
    """Weights are missing, corrupt, or of a kind that negmine does not run."""


class UnsafeWeightsError(WeightsError):
    """Opening the weights would run code from outside torch, ultralytics and numpy."""


class DetectorError(NegmineError):
    """A detector broke its contract: wrong number of results, or results that are no detections."""


class PredictionsError(DetectorError):
    """A file of predictions cannot be read, or speaks of images that are not among the sources."""


class TruthError(NegmineError):
    """A data set of labels cannot be opened, or shares no class with the model."""


class LabelError(TruthError):
    """The labels of one image cannot be trusted. A scan skips the image, counts it and keeps this message."""


class BankError(NegmineError):
    """A folder is not a bank, or a bank cannot be read or written."""


class BankVersionError(BankError):
    """A newer negmine wrote the bank."""


class BankLockedError(BankError):
    """Another process is writing to the bank."""


class ExportError(NegmineError):
    """The target folder holds something that this export did not write."""


class TrainingError(NegmineError):
    """A training cannot go on: its loss is no number, memory or disk is full, or its images cannot be used."""


class RunLockedError(TrainingError):
    """Another process is at a retraining's folder."""
