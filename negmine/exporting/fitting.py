"""Whether the settings of an export fit together, and what to say where they leave nothing."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from negmine.errors import ConfigError
from negmine.exporting.config import CopyMethod, ExportConfig, SelectionConfig
from negmine.exporting.negatives import BankNegatives
from negmine.labels.formats import OBJECT_FORMATS, label_writer
from negmine.words import counted


def require_writable(format_name: str, method: CopyMethod) -> None:
    """Refuse a format that cannot be written here, or not in that way.

    Raises:
        ConfigError: naming what is missing, or too much.
    """
    writer = label_writer(format_name)
    if writer.holds_images and method != "copy":
        raise ConfigError(f"{writer.title} holds the images themselves, which cannot be links; leave --{method} out")
    if writer.package and find_spec(writer.package) is None:
        raise ConfigError(
            f"--format {format_name} needs the package {writer.package}, which is not installed; "
            f"pip install 'negmine[{format_name}]'"
        )


def require_fitting(config: ExportConfig, bank: str | Path | None, merge: str | Path | None, split: str | None) -> None:
    """Refuse settings that have nothing to work on.

    Raises:
        ConfigError: naming what is missing, or too much.
    """
    require_writable(config.format, config.method)
    chosen = config.selection
    if merge is not None and config.format not in OBJECT_FORMATS:
        title = label_writer(config.format).title
        raise ConfigError(f"{title} lists negatives alone; leave --merge out, or choose another --format")
    if merge is None and bank is None:
        raise ConfigError("expected a bank or --merge, found neither; name what to export")
    if merge is None and config.boxes_only:
        raise ConfigError("expected --boxes-only with --merge, found none; name the data set with it")
    if merge is None and not chosen.positives:
        given = config.labels.options or ("--split" if split is not None else "")
        if given:
            raise ConfigError(f"expected {given} with --merge (or --ratio and --data), found none; name the data set")
        if chosen.ratio is not None:
            raise ConfigError("expected --data or --merge with --ratio, found none; name the labelled images")
    if merge is not None and chosen.positives:
        raise ConfigError("expected --ratio alone with --merge, found --data: the ratio is of the merged data set")
    if config.splits is not None and split is not None:
        raise ConfigError(f"expected shares or a split, found both; leave {split!r} out")


def nothing_chosen(found: BankNegatives, config: SelectionConfig) -> str:
    """What to say where settings leave none of the negatives that may be trained on."""
    return (
        f"none of {counted(len(found.negatives), 'negative')} that may be exported is left by {config.options}; look "
        "at them with `negmine bank list`, and ask for others"
    )
