"""What negmine has added to a data set: a manifest in its folder, so that just that can be taken out again.

The manifest is written before the first file and removed after the last, so a run that was killed is finished by the
next. A data set may be somebody else's, and so may its manifest: what it names is touched only where it is in the
folder, has a name and a text of the form that negmine writes, and is just as negmine left it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from negmine.errors import ExportError
from negmine.exporting.in_place.coco_index import is_entry_of
from negmine.exporting.in_place.insertion import Insertion
from negmine.files import write_file
from negmine.inside import hash_plain, inside, is_below, read_plain
from negmine.locks import FolderLock
from negmine.paths import printable

MANIFEST = "negmine-added.json"
_VERSION = 1
LOCK = FolderLock("data set", "negmine-added.lock", "negmine-added.holder", ExportError, is_kept=False)

_OUR_STEM = re.compile(r"[A-Za-z0-9._-]+-[0-9a-f]{10}(?:-[A-Za-z0-9._-]+-[0-9a-f]{10})?")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Owner:
    """The data set that a manifest is of; folders and files have names relative to the root, with `/`.

    Attributes:
        root: the folder that all names are relative to, seen from that of the manifest: `.` where both are the same.
        folders: of the images, and of the label files where there are some; "" for the root itself.
        files: that describe the data set, or name its images; they may be outside of the root.
    """

    root: str
    folders: Sequence[str]
    files: Sequence[str]

    def __str__(self) -> str:
        """For a message."""
        return printable(", ".join(self.files or self.folders) or self.root)

    def to_dict(self) -> dict[str, object]:
        """JSON values; folders end with `/`, since a text `"images"` would make a COCO file of the manifest."""
        return {"root": self.root, "folders": [f"{each}/" for each in self.folders], "files": list(self.files)}

    @classmethod
    def of_dict(cls, document: Mapping[str, Sequence[str]]) -> Owner:
        """Of these JSON values."""
        folders = tuple(str(each).removesuffix("/") for each in document["folders"])
        return cls(str(document["root"]), folders, tuple(map(str, document["files"])))


@dataclass(frozen=True, slots=True)
class Added:
    """What was added to a data set, or may have been by a run that was killed.

    Attributes:
        format: key of its format.
        owner: the data set.
        files: relative to the root with `/`, each with the hashes that it may have.
        texts: by the file that they were put into, the last first.
        folders: that were made for the files, the outer ones first.
        is_whole: whether no run was cut short.
        name: of the manifest's file.
    """

    format: str
    owner: Owner
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)
    texts: Mapping[str, Sequence[Insertion]] = field(default_factory=dict)
    folders: Sequence[str] = ()
    is_whole: bool = True
    name: str = MANIFEST

    def write(self, home: Path) -> None:
        """Write the manifest into a folder."""
        document = {
            "written_by": "negmine export --into",
            "schema_version": _VERSION,
            "format": self.format,
            "data": self.owner.to_dict(),
            "is_whole": self.is_whole,
            "files": {name: list(hashes) for name, hashes in sorted(self.files.items())},
            "texts": {name: [each.to_dict() for each in every] for name, every in sorted(self.texts.items())},
            "folders": list(self.folders),
        }
        write_file(home / self.name, json.dumps(document, indent=1).encode())

    @classmethod
    def read(cls, home: Path, name: str = MANIFEST) -> Added | None:
        """Read a manifest in a folder; None where there is none.

        Raises:
            ExportError: where it is none that negmine has written, or a newer negmine has.
        """
        path = home / name
        if not os.path.lexists(path):
            return None
        try:
            document = json.loads(read_plain(path))
            version = int(document["schema_version"])
            if version > _VERSION:
                raise ExportError(
                    f"{printable(path)} was written by a newer negmine (format {version}, and this one reads "
                    f"{_VERSION}); update negmine"
                )
            texts = {str(name): tuple(map(_insertion, every)) for name, every in document["texts"].items()}
            files = {str(name): tuple(map(str, hashes)) for name, hashes in document["files"].items()}
            folders = tuple(str(name) for name in document["folders"])
            owner, is_whole = Owner.of_dict(document["data"]), bool(document["is_whole"])
            found = cls(str(document["format"]), owner, files, texts, folders, is_whole, name)
        except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise ExportError(f"{printable(path)} is not what negmine wrote there; move it away") from error
        found._require_ours(path)
        return found

    def require_owner(self, owner: Owner, home: Path) -> None:
        """Refuse to touch what was added to another data set.

        Args:
            owner: the data set at hand.
            home: the folder with the manifest.

        Raises:
            ExportError: where it is another, or keeps its images or lists elsewhere now.
        """
        if self.owner == owner:
            return
        there = home if self.owner.root == os.curdir else "that data set"
        raise ExportError(
            f"{printable(home / self.name)} is of another data set ({self.owner}), and this is {owner}; first take out "
            f"what was added to that, with `negmine export --into {printable(there)} --remove`"
        )

    def _require_ours(self, path: Path) -> None:
        """Refuse a manifest that names what negmine does not write."""
        names, parents = [*self.files, *self.texts, *self.folders], parents_of(self.files)
        wrong = [name for name in names if not is_below(name)]
        wrong += [name for name in self.folders if name not in parents]
        wrong += [name for name in self.files if _folder_of(name) not in self.owner.folders]
        wrong += [name for name in self.texts if name not in self.owner.files]
        wrong += [name for name in self.files if not _OUR_STEM.fullmatch(stem_in(name))]
        wrong += [sha256 for hashes in self.files.values() for sha256 in hashes if not _SHA256.fullmatch(sha256)]
        for name, every in self.texts.items():
            wrong += [name] * (PurePosixPath(name).suffix.lower() not in (".txt", ".json"))
            for each in every:
                plain = not (each.lead + each.between + each.tail).strip(", \r\n")
                wrong += [name] * (not plain or not all(_is_ours(*piece, name) for piece in each.pieces.items()))
        if wrong:
            raise ExportError(
                f"{printable(path)} names something that negmine does not write ({printable(wrong[0])}); move it away"
            )


def parents_of(names: Iterable[str]) -> frozenset[str]:
    """The folders that files are in or below, relative to the root, without the root itself."""
    return frozenset(parent.as_posix() for name in names for parent in PurePosixPath(name).parents[:-1])


def _folder_of(name: str) -> str:
    """The folder that a file is in; "" for the root."""
    return name.rpartition("/")[0]


def stem_in(name: str) -> str:
    """The name of a file without folders and suffix."""
    return PurePosixPath(name).stem


def state_of(root: Path, name: str) -> str | None:
    """The hash of a file that was added, "" for a link to nothing; None where there is none.

    Raises:
        OSError: where a link leads out of the data set, or it cannot be read.
    """
    path = inside(root, name)
    if not os.path.lexists(path):
        return None
    if path.is_symlink():
        return hash_plain(path.resolve()) if path.is_file() else ""
    return hash_plain(path)


def stems_of(names: Iterable[str]) -> frozenset[str]:
    """The names of files, without folders and suffixes."""
    return frozenset(map(stem_in, names))


def _insertion(document: Mapping[str, object]) -> Insertion:
    pieces = document["pieces"]
    if not isinstance(pieces, dict):
        raise TypeError("pieces are no object")
    lead, between, tail = (str(document[key]) for key in ("lead", "between", "tail"))
    return Insertion({str(name): str(piece) for name, piece in pieces.items()}, lead, between, tail)


def _is_ours(name: str, piece: str, file: str) -> bool:
    """Whether a piece of text is a line or an entry of an image that has a name of our own form."""
    if not _OUR_STEM.fullmatch(name):
        return False
    if file.lower().endswith(".json"):
        return is_entry_of(piece, name)
    last = piece.replace("\\", "/").rpartition("/")[2]
    return len(piece.splitlines()) == 1 and name in (last, last.rpartition(".")[0])
