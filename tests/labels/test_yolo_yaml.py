"""What is read of a `data.yaml`, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from label_files import TruthOf, put

from negmine.datasets.open import open_truth
from negmine.errors import TruthError

NAMES = "names: [cat]\n"
# Nine lists, each of nine times the one before: 9^9 words where somebody writes them out.
LAUGHS = "l0: &l0 [ha]\n" + "".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]\n" for i in range(1, 10))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("yaml", "reason"),
    [
        ("", "is not a data.yaml"),
        ("- a\n- b\n", "is not a data.yaml"),
        ("train: images\n", "names no classes"),
        ("names: []\n", "names no classes"),
        ("names: cat\n", "names no classes"),
        ("names: {cat: 0}\n", "numbered words, found 'cat': 0"),
        ("names: [[cat]]\n", "numbered words, found 0: a list"),
        ("names: [null]\n", "numbered words, found 0: None"),
        ("names: [cat\n", "cannot be read as YAML"),
        ("names: [cat]\nreleased: 2020-13-45\n", "cannot be read as YAML"),  # PyYAML raises ValueError
        ("names: !!python/object/apply:os.getcwd []\n", "cannot be read as YAML"),
        ("[" * 100_000, "cannot be read as YAML"),
        (f"{LAUGHS}names: [*l9]\n", "numbered words"),
        (f"{NAMES}kpt_shape: 17\n", "kpt_shape"),
        (f"{NAMES}kpt_shape: [17, three]\n", "kpt_shape"),
    ],
)
def test_what_is_no_data_yaml_is_refused(tmp_path: Path, yaml: str, reason: str) -> None:
    with pytest.raises(TruthError, match=reason) as caught:
        TruthOf(put(tmp_path / "data.yaml", yaml))
    assert len(str(caught.value)) < 500 + len(str(tmp_path))


def test_bytes_that_are_no_text_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="cannot be read as YAML"):
        TruthOf(put(tmp_path / "data.yaml", b"names: [\xff]"))
    with pytest.raises(TruthError, match="does not exist"):
        TruthOf(tmp_path / "missing.yaml")


def test_a_name_that_is_listed_twice_is_one_class(tmp_path: Path) -> None:
    assert TruthOf(put(tmp_path / "data.yaml", "names: [cat, dog, cat, 5]")).class_names == ("cat", "dog", "5")


def labelled(folder: Path, splits: str) -> int:
    """How many images a data.yaml with these splits says are labelled."""
    return TruthOf(put(folder / "data.yaml", NAMES + splits)).labels


@pytest.mark.parametrize(
    ("splits", "count"),
    [
        ("", 3),  # all beside it
        ("train: images/train\n", 2),
        ("train: images/train\nval: images/val\n", 3),
        ("train: [images/train, images/val]\nval: images/val\n", 3),  # none twice
        ("train: images\n", 3),
        ("train: ../images/train\n", 2),  # a `../` too many
        ("path: .\ntrain: images/train\n", 2),
        ("train: list.txt\n", 2),  # that of an image beside those listed too
        ("train: images/train/a.jpg\n", 2),
        ("train: missing\nval: absent\n", 0),
        ("train: missing.txt\n", 0),
    ],
)
def test_labels_of_the_splits_that_are_named_count(tmp_path: Path, splits: str, count: int) -> None:
    folder = tmp_path / "set"
    for label in ("train/a", "train/b", "val/c"):
        put(folder / "labels" / f"{label}.txt")
    for image in ("train/a", "train/b", "train/unlabelled", "val/c"):
        put(folder / "images" / f"{image}.jpg")
    put(folder / "list.txt", "./images/train/a.jpg\n\nimages/train/unlabelled.jpg\n")
    pairing = open_truth(put(folder / "data.yaml", NAMES + splits)).pairing
    assert (pairing.labels, pairing.paired) == (count, count)


def test_the_path_may_be_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "sets" / "one" / "labels" / "a.txt")
    put(tmp_path / "sets" / "one" / "images" / "a.jpg")
    monkeypatch.chdir(tmp_path)
    assert labelled(tmp_path / "configs", "path: sets/one\ntrain: images\n") == 1


def test_a_list_that_is_no_text_counts_as_none(tmp_path: Path) -> None:
    put(tmp_path / "list.txt", os.urandom(64) + b"\xff\xff")
    assert labelled(tmp_path, "train: list.txt\n") == 0
