"""Taking out of a data set just what was added to it: afterwards it is, byte for byte, what it was."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from negmine.datasets.config import LabelConfig
from negmine.datasets.open import open_dataset
from negmine.errors import ExportError
from negmine.exporting.in_place.changes import annotated_in, end, remove_files, rewrite, text_in, without_ours
from negmine.exporting.in_place.insertion import names_in
from negmine.exporting.in_place.manifest import LOCK, MANIFEST, Added, Owner, state_of, stem_in, stems_of
from negmine.exporting.in_place.manifests import Manifests
from negmine.exporting.in_place.places import place_in
from negmine.exporting.in_place.result import TakeOutResult
from negmine.files import reason_of
from negmine.inside import inside, read_plain
from negmine.paths import printable, real_path

_CHANGED = "it was changed since it was added"
_PARTNER = "its image or label was changed since it was added"
_NAMED = "a file that was changed since names or annotates it"
_REWRITTEN = "it was changed since, and names negatives otherwise now"


def take_out(data: str | Path, *, split: str | None = None, labels: LabelConfig | None = None) -> TakeOutResult:
    """Take out of a data set what `add_to` has added, and nothing else.

    A file that somebody has changed since stays, and so does the label or image that it belongs to: it may be
    somebody's work. Where a list or a COCO file was changed so that our text is not in it as it was written, it stays
    as it is, with the images that it names. What stays is named, and is the data set's own from then on.

    Args:
        data: the data set, as it was named to `add_to`.
        split: that was trained on; as for `add_to`.
        labels: how its labels are understood.

    Raises:
        TruthError, SourceError: where the data set cannot be opened.
        ExportError: where nothing was added to it, but maybe to another in its folder, it is in use, or it cannot be
            written.
    """
    manifest = _manifest_of(Path(data), split, labels)
    try:
        with LOCK.hold(manifest.home, purpose="negmine export --remove"):
            every = Manifests.read(manifest.home)
            added = every.of(manifest.owner)
            if added is None:
                every.require_apart(manifest.owner, is_listed=True)
                raise ExportError(_nothing_added(data, manifest.home))
            return _taken_out(Path(data), manifest, added, every.beside(manifest.owner).files)
    except OSError as error:
        where = printable(error.filename or manifest.root)
        raise ExportError(f"{where}: {reason_of(error)}; correct that, and run the same command again") from error


@dataclass(frozen=True, slots=True)
class _Manifest:
    """Where a manifest is, the folder that its names are relative to, and the data set that it must be of."""

    home: Path
    root: Path
    owner: Owner


def _manifest_of(data: Path, split: str | None, labels: LabelConfig | None) -> _Manifest:
    """Where the manifest is. The data set is opened only where the manifest is not beside the file that was named."""
    home = real_path(data if data.is_dir() else data.parent)
    every = Manifests.read(home).every
    found = every if data.is_dir() else [each for each in every if _describes(each, data, home)]
    if len(found) == 1 and found[0].owner.root == os.curdir:
        return _Manifest(home, home, found[0].owner)
    place = place_in(open_dataset(data, config=labels), split)
    if not Manifests.read(place.home).every:
        raise ExportError(_nothing_added(data, place.home))
    return _Manifest(place.home, place.root, place.owner)


def _describes(added: Added, data: Path, home: Path) -> bool:
    """Whether a file is one of those that the manifest names its data set by."""
    return real_path(data) in [real_path(home / name) for name in added.owner.files]


def _nothing_added(data: str | Path, home: Path) -> str:
    return (
        f"{printable(data)}: nothing was added to it, or it was taken out already (no {MANIFEST} of it is in "
        f"{printable(home)})"
    )


def _taken_out(data: Path, manifest: _Manifest, added: Added, of_others: Collection[Path]) -> TakeOutResult:
    root = manifest.root
    states = {name: state_of(root, name) for name in added.files}
    lists = {name: read_plain(path) for name in added.texts if (path := inside(root, name)).exists()}
    changed = {name for name, found in states.items() if found and found not in added.files[name]}
    held = set[str]().union(*(_held(lists[name], added, name) for name in lists))
    kept = _kept(root, states, changed, held)
    kept |= {root / name: _REWRITTEN for name in lists if without_ours(lists[name], added, name) is None}
    stems = stems_of(changed) | held
    edits = {name: _cut(lists[name], added, name, stems) for name in lists}
    edits = {name: after for name, after in edits.items() if after != lists[name]}
    for name, after in edits.items():
        rewrite(inside(root, name), after)
    there = [name for name, found in states.items() if found is not None and stem_in(name) not in stems]
    mine = [name for name in there if root / name not in of_others]
    remove_files(root, mine)
    end(manifest.home, root, added)
    gone = sum(found is None for found in states.values())
    restored, shared = tuple(root / name for name in edits), len(there) - len(mine)
    return TakeOutResult(data, root, len(mine), restored, gone, dict(sorted(kept.items())), shared)


def _held(data: bytes, added: Added, name: str) -> set[str]:
    """The names of our images that a file goes on to name: somebody has annotated them, or has written them anew."""
    is_as_written = text_in(data, added, name) is not None
    return annotated_in(data, added, name) if is_as_written else names_in(data, stems_of(added.files))


def _kept(
    root: Path, states: Mapping[str, str | None], changed: Collection[str], held: Collection[str]
) -> dict[Path, str]:
    """The files that were added and stay, and why."""
    stems = stems_of(changed)
    there = [name for name, found in states.items() if found is not None]
    kept = {root / name: _NAMED for name in there if stem_in(name) in held}
    kept |= {root / name: _PARTNER for name in there if stem_in(name) in stems}
    return kept | {root / name: _CHANGED for name in changed}


def _cut(data: bytes, added: Added, name: str, stems: Collection[str]) -> bytes:
    """A file without our text, but for the images that stay."""
    text = text_in(data, added, name)
    return data if text is None else text.exchange(data, text.only(stems).data)
