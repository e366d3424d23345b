"""The backgrounds of a retraining, each once; `negmine.retraining.folds` says which are mined and which held out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.datasets.truth import may_hold_objects
from negmine.errors import ConfigError, SourceError
from negmine.images.near_duplicates import near_any
from negmine.paths import first_few, printable, sortable
from negmine.retraining.labelled import LabelledData
from negmine.sources.expand import expand_sources
from negmine.videos.contents import Contents, OnCount, read_contents
from negmine.videos.names import is_there
from negmine.words import counted

_EXPECTED = "expected backgrounds: name images without targets with --backgrounds"


@dataclass(frozen=True, slots=True)
class BackgroundImage:
    """A background: its file, the sha256 of its bytes, and the perceptual hash of its pixels."""

    path: Path
    sha256: str
    phash: int


@dataclass(frozen=True, slots=True, eq=False)
class Backgrounds:
    """Backgrounds, each content once.

    Attributes:
        images: those that can be used, in the order that they came in.
        named: sha256 of those that the user names to be held out.
        left_out: why a file is not among them, by its path.
        notes: what the user may want to know, a line each.
    """

    images: tuple[BackgroundImage, ...]
    named: frozenset[str]
    left_out: Mapping[Path, str]
    notes: tuple[str, ...]


def read_backgrounds(
    sources: Sequence[str | Path],
    bank: Path | None,
    labelled: LabelledData,
    *,
    held_out: Sequence[str | Path] = (),
    waiting: Collection[str] = (),
    workers: int | None = None,
    on_progress: OnCount | None = None,
) -> Backgrounds:
    """Read all backgrounds.

    Args:
        sources: images, folders, globs, lists; where there are none, the files that the bank was mined from.
        bank: a bank's folder.
        labelled: the data set; its images are not backgrounds, even if the user names them.
        held_out: images, folders, globs, lists that the user names to be held out; backgrounds as well.
        waiting: sha256 of images with a target that is not labelled yet, which are no backgrounds.
        workers: threads.
        on_progress: called with how many images are read, of how many.

    Raises:
        ConfigError: where there are neither sources nor a bank.
        SourceError: where none can be used.
        BankError: where there is no such bank.
    """
    named = _named(held_out)
    scanned = {} if sources else _mined_into(bank)
    paths = background_paths(sources, bank, held_out)
    contents = read_contents(paths, pixels=True, workers=workers, on_progress=on_progress)
    images, broken, known = _each_once(contents, labelled, scanned, waiting)
    left_out = {**broken, **dict.fromkeys(known, "it is in the labelled data")}
    if not images:
        path, reason = next(iter(left_out.items()))
        raise SourceError(
            f"expected backgrounds, and none of {len(paths)} can be used ({printable(path)}: {printable(reason)}); "
            "give other images without targets"
        )
    return Backgrounds(
        images=tuple(images),
        named=frozenset(contents.sha256[path] for path in named if path in contents.sha256),
        left_out=left_out,
        notes=tuple(_notes_on_files(broken, known, _near_positives(images, labelled), len(set(paths)))),
    )


def background_paths(
    sources: Sequence[str | Path], bank: Path | None, held_out: Sequence[str | Path] = ()
) -> list[Path]:
    """The files of all backgrounds, those first that are named to be held out; see `read_backgrounds`."""
    return [*_named(held_out), *([ref.path for ref in expand_sources(list(sources))] if sources else _mined_into(bank))]


def _named(held_out: Sequence[str | Path]) -> list[Path]:
    return [ref.path for ref in expand_sources(list(held_out))] if held_out else []


def _mined_into(bank: Path | None) -> dict[Path, str]:
    """The files that a bank was mined from, and that the user said are background; with their sha256 at that time."""
    if bank is None:
        raise ConfigError(f"{_EXPECTED}, or a bank that was mined from some with --bank")
    with Bank(bank) as opened:
        scanned = opened.backgrounds()
    there = {path: scanned[path] for path in sorted(scanned, key=sortable) if is_there(path)}
    if not there:
        found = f"the {len(scanned)} that it was mined from are gone" if scanned else "it was mined from none"
        raise SourceError(f"{_EXPECTED}; bank {printable(bank)} has none: {found}")
    return there


def _each_once(
    contents: Contents, labelled: LabelledData, scanned: Mapping[Path, str], waiting: Collection[str]
) -> tuple[list[BackgroundImage], dict[Path, str], list[Path]]:
    """Each background once; why other files are not used; and the images of the labelled data.

    A file that only a bank names has to be the one that was scanned: else a bank could name any picture.
    """
    broken = dict(contents.unreadable)
    known: list[Path] = []
    once: dict[str, BackgroundImage] = {}
    in_data = labelled.contents
    for path, sha256 in contents.sha256.items():
        content = contents.images[sha256]
        if scanned.get(path, sha256) != sha256:
            broken[path] = "it has changed since it was scanned"
        elif sha256 in waiting:
            broken[path] = "a reviewer saw a target in it that is not labelled yet"
        elif content.phash is None:
            broken[path] = content.broken or "it is not an image"
        elif sha256 in in_data or may_hold_objects(labelled.truth, path):
            known.append(path)
        else:
            once.setdefault(sha256, BackgroundImage(path, sha256, content.phash))
    return list(once.values()), broken, known


def _near_positives(images: Sequence[BackgroundImage], labelled: LabelledData) -> list[Path]:
    """Backgrounds that look like images with objects."""
    positives = {image.phash for image in labelled.images if image.is_positive}
    near = near_any({image.phash for image in images}, positives)
    return sorted((image.path for image in images if image.phash in near), key=sortable)


def _notes_on_files(broken: Mapping[Path, str], known: Sequence[Path], near: Sequence[Path], total: int) -> list[str]:
    notes = []
    if broken:
        notes.append(f"{len(broken)} of {counted(total, 'background')} left out: {first_few(broken)}")
    if known:
        notes.append(f"{counted(len(known), 'background')} left out, in the labelled data: {first_few(known)}")
    if near:
        notes.append(
            f"near-duplicates of labelled images with objects (perceptual hashes within 4 bits) among the backgrounds: "
            f"{first_few(near)}; if one holds a target, remove it and start again"
        )
    return notes
