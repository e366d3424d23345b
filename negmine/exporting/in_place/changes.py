"""Bringing what was added to a data set from one state to another: all files and texts, or a manifest that says so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from negmine.errors import ExportError
from negmine.exporting.config import CopyMethod
from negmine.exporting.in_place.coco_index import annotated
from negmine.exporting.in_place.insertion import Insertion, names_in
from negmine.exporting.in_place.manifest import Added, parents_of, state_of, stems_of
from negmine.exporting.in_place.manifests import Manifests
from negmine.exporting.in_place.places import Place
from negmine.exporting.staging import content_sha256, place_files
from negmine.files import PART, flush_file_system, replace_file
from negmine.inside import inside, read_plain
from negmine.labels.plan import ExportImage, Plan
from negmine.paths import printable


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be done.

    Attributes:
        home: the folder with the manifest.
        root: the folder that names are relative to.
        before: what was added before, or may have been.
        after: what shall have been added.
        new: files to write, with their content.
        stale: names of files to remove.
        edits: the new bytes of each file that names images, by its name.
        unchanged: how many files are there already.
    """

    home: Path
    root: Path
    before: Added
    after: Added
    new: Plan
    stale: Sequence[str]
    edits: Mapping[str, bytes]
    unchanged: int

    @property
    def written(self) -> int:
        """How many files are written."""
        return len(self.new) + len(self.edits)

    @classmethod
    def to_add(
        cls,
        place: Place,
        before: Added,
        others: Manifests,
        wanted: Plan,
        images: Sequence[ExportImage],
    ) -> Changes:
        """Have just these images in a data set.

        Args:
            place: where they go.
            before: what was added before.
            others: what was added to other data sets in the folder.
            wanted: their files, under names that are free, in `before` or in `others`.
            images: the same, to be named where the data set names its images.

        Raises:
            ExportError: where somebody has changed what was added.
            OSError: where a file cannot be read.
        """
        root, of_others, made_by_others = place.root, others.files, others.folders
        hashes = {name: content_sha256(content) for name, content in wanted.items()}
        shared = {name: (sha256,) for name, sha256 in hashes.items() if root / name in of_others}
        present = _present(root, {**shared, **before.files})
        texts, edits = dict[str, Sequence[Insertion]](), dict[str, bytes]()
        for index in place.indexes:
            data = read_plain(inside(root, index.name))
            bare = _bare(root, data, before, index.name)
            at, text = index.insertion(bare, images, text_in(data, before, index.name))
            texts[index.name] = (text,)
            if (edited := bare[:at] + text.data + bare[at:]) != data:
                edits[index.name] = edited
        new = {name: content for name, content in wanted.items() if present.get(name) != hashes[name]}
        parents = parents_of(wanted)
        made = {name for name in parents if root / name in made_by_others or not os.path.lexists(root / name)}
        made |= {*before.folders}
        folders = sorted(made & parents)  # the outer ones first
        files = {name: (sha256,) for name, sha256 in hashes.items()}
        after = replace(before, files=files, texts=texts, folders=folders, is_whole=True)
        stale = sorted(name for name in set(present) - set(wanted) if root / name not in of_others)
        return cls(place.home, root, before, after, new, stale, edits, len(wanted) - len(new))

    def make(self, method: CopyMethod, workers: int | None = None) -> None:
        """Do it. The names of images come after the images, and go before them; where none stays, no manifest does.

        Raises:
            OSError: where a file cannot be written; doing it again finishes it.
        """
        if not (self.new or self.stale or self.edits) and self.before == self.after:
            return
        self._both().write(self.home)
        _remove_parts(self.home, self.root, self.before)
        place_files(self.new, self.root, method, workers)
        for name, data in self.edits.items():
            rewrite(inside(self.root, name), data)
        remove_files(self.root, self.stale)
        flush_file_system(self.root)
        if self.after.files:
            self.after.write(self.home)
        else:
            end(self.home, self.root, self.before)

    def _both(self) -> Added:
        """What may be there while one state becomes the other."""
        states = (self.before.files, self.after.files)
        files = {
            name: sorted({sha256 for state in states for sha256 in state.get(name, ())})
            for name in sorted({*states[0], *states[1]})
        }
        texts = {
            name: (*self.after.texts.get(name, ()), *self.before.texts.get(name, ()))
            for name in sorted({*self.before.texts, *self.after.texts})
        }
        folders = sorted({*self.before.folders, *self.after.folders})
        return replace(self.after, files=files, texts=texts, folders=tuple(folders), is_whole=False)


def text_in(data: bytes, added: Added, name: str) -> Insertion | None:
    """The text that is in a file, of those that may be; None where none is."""
    texts = sorted(added.texts.get(name, ()), key=lambda each: -len(each.data))  # one may be the beginning of another
    return next((each for each in texts if each.find(data) is not None), None)


def without_ours(data: bytes, added: Added, name: str) -> bytes | None:
    """A file without the text that was put into it; None where our images are named in it in another way."""
    text = text_in(data, added, name)
    if text is not None:
        return text.exchange(data, b"")
    return None if names_in(data, stems_of(added.files)) else data


def annotated_in(data: bytes, added: Added, name: str) -> set[str]:
    """The names of our images that somebody has annotated in a file; in a list nobody can."""
    text = text_in(data, added, name)
    return set() if text is None else annotated(data, text)


def rewrite(path: Path, data: bytes) -> None:
    """Replace the bytes of a file, and keep its permissions."""

    def write(part: Path) -> None:
        part.write_bytes(data)
        shutil.copymode(path, part)

    replace_file(path, write)


def remove_files(root: Path, names: Iterable[str]) -> None:
    """Remove files that were added, those that are gone already too."""
    for name in names:
        inside(root, name).unlink(missing_ok=True)


def end(home: Path, root: Path, added: Added) -> None:
    """Remove the folders that were made, as far as they are empty, and then the manifest."""
    _remove_parts(home, root, added)
    for name in reversed(added.folders):
        path = inside(root, name)
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()
    flush_file_system(root)
    (home / added.name).unlink(missing_ok=True)


def _remove_parts(home: Path, root: Path, added: Added) -> None:
    """Remove the unfinished files of a run that was killed."""
    for name in (*added.files, *added.texts):
        inside(root, f"{name}{PART}").unlink(missing_ok=True)
    (home / f"{added.name}{PART}").unlink(missing_ok=True)


def _bare(root: Path, data: bytes, before: Added, name: str) -> bytes:
    """A file without our text; refused where somebody has changed that, or annotated an image in it."""
    bare = without_ours(data, before, name)
    if bare is None:
        raise ExportError(
            f"{printable(root / name)} was changed since negatives were added to it, and names them otherwise now; "
            "take them out with `negmine export --remove --into`, which says what stays"
        )
    if found := annotated_in(data, before, name):
        raise ExportError(
            f"{printable(root / name)} has annotations of {min(found)}, which was added as a negative; take the "
            "negatives out with `negmine export --remove --into`, which keeps it, and add them again"
        )
    return bare


def _present(root: Path, files: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The hashes of those files that are there; each with the hashes that it may have."""
    present = {}
    for name in sorted(files):
        found = state_of(root, name)
        if found is None:
            continue
        if found and found not in files[name]:
            raise ExportError(
                f"{printable(root / name)} was changed since it was added; take the negatives out with `negmine export "
                "--remove --into`, which keeps it, and add them again"
            )
        present[name] = found
    return present
