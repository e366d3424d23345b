"""Sources: what a user types becomes the same list of images on every machine, or one line that says why not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from needs import NAMED_PIPES, NOT_ROOT

from negmine.errors import SourceError
from negmine.sources.expand import expand_sources


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def names(folder: Path, *sources: str | Path, split: str | None = None) -> list[str]:
    return [ref.path.relative_to(folder).as_posix() for ref in expand_sources(sources, split=split)]


def test_nothing_typed_is_nothing_found() -> None:
    assert expand_sources([]) == []


def test_a_folder_is_searched_to_the_bottom_in_the_order_of_bytes(tmp_path: Path) -> None:
    touch(tmp_path, "b.jpg", "a/2.PNG", "a/10.jpeg", "Z.webp", "a/notes.txt", ".hidden/x.jpg", ".thumb.jpg", "a.tiff")
    assert names(tmp_path, tmp_path) == ["Z.webp", "a.tiff", "a/10.jpeg", "a/2.PNG", "b.jpg"]


def test_a_file_named_explicitly_may_have_any_name(tmp_path: Path) -> None:
    touch(tmp_path, "picture", "scan.dat")
    assert names(tmp_path, tmp_path / "scan.dat", tmp_path / "picture") == ["scan.dat", "picture"]


def test_what_is_reached_twice_is_listed_once_where_it_came_first(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg")
    assert names(tmp_path, tmp_path / "b.jpg", tmp_path, str(tmp_path / "*.jpg")) == ["b.jpg", "a.jpg"]


def test_globs(tmp_path: Path) -> None:
    touch(tmp_path, "a1.jpg", "b1.jpg", "deep/er/a2.png", "a3.txt")
    assert names(tmp_path, f"{tmp_path}/a*") == ["a1.jpg"]
    assert names(tmp_path, f"{tmp_path}/**/a*") == ["a1.jpg", "deep/er/a2.png"]


def test_litter_is_no_source_unless_it_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "set/a.jpg", "set/@eaDir/a.jpg/SYNO.jpg", "set/__MACOSX/b.jpg", "set/._a.jpg")
    assert names(tmp_path, tmp_path) == ["set/a.jpg"]
    assert names(tmp_path, f"{tmp_path}/**/*.jpg") == ["set/a.jpg"]
    assert names(tmp_path, f"{tmp_path}/set/__MACOSX/*.jpg", tmp_path / "set" / "__MACOSX") == ["set/__MACOSX/b.jpg"]


def test_a_name_that_looks_like_a_glob_is_itself_first(tmp_path: Path) -> None:
    touch(tmp_path, "[1].jpg", "1.jpg")
    assert names(tmp_path, f"{tmp_path}/[1].jpg") == ["[1].jpg"]


def test_links_that_go_in_circles_end(tmp_path: Path) -> None:
    touch(tmp_path, "a/x.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "elsewhere").symlink_to(tmp_path / "a")
    assert "a/x.jpg" in names(tmp_path, tmp_path)


@pytest.mark.parametrize("name", ["a b.jpg", "a\nb.jpg", "\u00fc.jpg", os.fsdecode(b"\xff.jpg"), " lead.jpg"])
def test_names_of_any_bytes(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name)
    assert [ref.path.name for ref in expand_sources([tmp_path])] == [name]


def test_relative_sources_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "in/a.jpg")
    monkeypatch.chdir(tmp_path)
    assert expand_sources(["in", "./in/../in/a.jpg"])[0].path == tmp_path / "in" / "a.jpg"
    assert len(expand_sources(["in", "./in/../in/a.jpg"])) == 1


def test_lists_name_images_from_their_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "set/a.jpg", "set/b c.jpg", "here.jpg")
    (tmp_path / "set" / "list.txt").write_bytes(f"\ufeff./a.jpg\r\n\nb c.jpg\n{tmp_path}/here.jpg\ngone.jpg\n".encode())
    expected = ["set/a.jpg", "set/b c.jpg", "here.jpg", "set/gone.jpg"]  # a missing one is left to be skipped
    assert names(tmp_path, tmp_path / "set" / "list.txt") == expected
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set" / "list.txt").write_text("here.jpg\n")
    assert names(tmp_path, "set/list.txt") == ["here.jpg"]


@pytest.fixture
def data_yaml(tmp_path: Path) -> Path:
    touch(tmp_path, "data/images/train/a.jpg", "data/images/val/b.jpg", "data/more/c.jpg")
    path = tmp_path / "data" / "data.yaml"
    path.write_text("path: .\ntrain: [images/train, more]\nval: images/val\nnames: {0: cat}\n")
    return path


def test_a_data_yaml_gives_the_split_asked_for_or_all(tmp_path: Path, data_yaml: Path) -> None:
    assert names(tmp_path, data_yaml, split="val") == ["data/images/val/b.jpg"]
    train = ["data/images/train/a.jpg", "data/more/c.jpg"]
    assert names(tmp_path, data_yaml, split="train") == train
    assert names(tmp_path, data_yaml) == [*train, "data/images/val/b.jpg"]


def test_a_split_that_is_not_there_names_those_that_are(data_yaml: Path) -> None:
    with pytest.raises(SourceError, match="no split 'test', only train, val"):
        expand_sources([data_yaml], split="test")


def test_a_data_yaml_that_names_a_missing_folder(data_yaml: Path) -> None:
    data_yaml.write_text("train: gone\n")
    with pytest.raises(SourceError, match="gone, which does not exist"):
        expand_sources([data_yaml])


@pytest.mark.parametrize("text", ["", "- a\n- b", "train: {a: b}", "names: [cat]", "\tbad", "train: [1, 2]"])
def test_a_yaml_that_is_no_data_yaml(tmp_path: Path, text: str) -> None:
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(SourceError, match=r"data\.yaml"):
        expand_sources([tmp_path / "data.yaml"])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "does not exist"),
        ("nowhere/*.jpg", "matches nothing"),
        ("*.txt", "matches 1 paths and no image"),
        ("empty", "it is empty"),
        ("texts", r"looked for \.avif .*other things, such as a\.md"),
        ("list.txt", "empty list"),
        ("film.mp4", "the file is empty"),
        ("dangling.jpg", "broken link"),
    ],
)
def test_what_cannot_be_a_source_says_why(tmp_path: Path, source: str, message: str) -> None:
    touch(tmp_path, "list.txt", "texts/a.md", "film.mp4")
    (tmp_path / "empty").mkdir()
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "gone.jpg")
    with pytest.raises(SourceError, match=message):
        expand_sources([str(tmp_path / source)])


def test_a_file_reached_through_a_link_is_listed_once(tmp_path: Path) -> None:
    touch(tmp_path, "b/x.jpg", "b/y.jpg", "elsewhere/z.jpg")
    (tmp_path / "a").symlink_to(tmp_path / "b")  # comes first by name, and yet a file goes by its own folder
    (tmp_path / "b" / "away").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "y2.jpg").symlink_to(tmp_path / "b" / "y.jpg")
    (tmp_path / "b" / "self").symlink_to(tmp_path / "b" / "self")
    assert names(tmp_path, tmp_path / "b") == ["b/away/z.jpg", "b/x.jpg", "b/y.jpg"]
    assert names(tmp_path, tmp_path) == ["b/x.jpg", "b/y.jpg", "elsewhere/z.jpg"]
    assert names(tmp_path, tmp_path / "y2.jpg", tmp_path / "b") == ["y2.jpg", "b/away/z.jpg", "b/x.jpg"]


def test_a_glob_through_links_in_a_circle_lists_a_file_once(tmp_path: Path) -> None:
    touch(tmp_path, "a/x.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    assert names(tmp_path, f"{tmp_path}/**/*.jpg") == ["a/x.jpg"]


def test_a_link_to_nothing_is_left_to_be_skipped_and_counted(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert names(tmp_path, tmp_path) == ["gone.jpg"]


@NAMED_PIPES
def test_pipes_are_never_read(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")  # reading it would wait for ever
    assert names(tmp_path, tmp_path) == ["a.jpg"]
    with pytest.raises(SourceError, match="neither a file nor a folder"):
        expand_sources([tmp_path / "pipe.jpg"])


def test_folders_that_are_not_there_are_looked_for_once_for_all_lines_of_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of two million lines of another machine took minutes."""
    asked, exists = list[object](), os.path.exists
    monkeypatch.setattr(os.path, "exists", lambda path: asked.append(path) or exists(path))
    (tmp_path / "l.txt").write_text("".join(f"set/images/{number}.jpg\n" for number in range(1000)))
    assert len(expand_sources([tmp_path / "l.txt"])) == 1000
    assert len(asked) < 20


def test_a_list_of_darknet_names_images_from_above_its_folder(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.jpg", "b.jpg")
    (tmp_path / "train.txt").write_text("data/train/a.jpg\ndata/train/gone.jpg\nelsewhere/b.jpg\n")
    assert names(tmp_path, tmp_path / "train.txt") == ["train/a.jpg", "data/train/gone.jpg", "elsewhere/b.jpg"]


def test_blanks_around_a_path_in_a_list_belong_to_it_only_where_there_is_such_a_file(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", " b.jpg")
    (tmp_path / "list.txt").write_text("a.jpg \n b.jpg\n")
    assert names(tmp_path, tmp_path / "list.txt") == ["a.jpg", " b.jpg"]


def test_a_list_holds_names_of_any_bytes(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"\xff.jpg\n" + "\u2028.jpg\n".encode() + b"x" * 5000)
    assert names(tmp_path, tmp_path / "list.txt") == [os.fsdecode(b"\xff.jpg"), "\u2028.jpg", "x" * 5000]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "source is empty"),
        ("a\0b", r"a\\x00b does not exist"),
        ("x" * 5000, "does not exist"),
        ("u16.txt", "NUL"),
    ],
)
def test_odd_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "a.jpg")  # the empty text must not mean the working folder
    Path("u16.txt").write_text("a.jpg\n", encoding="utf-16")
    with pytest.raises(SourceError, match=message):
        expand_sources([source])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: data.yaml", "not a folder, list or image"),  # itself
        ("train: 2026-99-99", "cannot be read as YAML"),
        ("train: " + "[" * 5000, "cannot be read as YAML"),
        ("path: [1]\ntrain: x", "expected path to be text, found a list"),
        ("train: !!python/object/apply:os.getcwd []", "cannot be read as YAML"),
        ("a: &a [x, x]\n" + "".join(f"{n}: &{n} [*{p}, *{p}]\n" for p, n in zip("abcdefg", "bcdefgh", strict=True))
         + "train: *h", "type list"),
    ],
)  # fmt: skip
def test_hostile_yaml(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(SourceError, match=message) as caught:
        expand_sources([tmp_path / "data.yaml"])
    assert len(str(caught.value)) < 500


def test_ultralytics_takes_validation_for_val(tmp_path: Path, data_yaml: Path) -> None:
    data_yaml.write_text("train: images/train\nvalidation: images/val\n")
    assert names(tmp_path, data_yaml, split="val") == ["data/images/val/b.jpg"]


def test_one_dot_dot_too_many_is_forgiven(tmp_path: Path, data_yaml: Path) -> None:
    data_yaml.write_text("train: ../images/train\n")
    assert names(tmp_path, data_yaml) == ["data/images/train/a.jpg"]


@NOT_ROOT
def test_a_folder_that_may_not_be_searched(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "closed/b.jpg")
    (tmp_path / "closed").chmod(0)
    try:
        with pytest.raises(SourceError, match="closed cannot be searched: Permission denied"):
            expand_sources([tmp_path])
    finally:
        (tmp_path / "closed").chmod(0o700)


@pytest.mark.parametrize(
    "text",
    [
        "path: /srv/u/kangaroo\ntrain: images/train",
        "path: /srv/u/data\ntrain: images/train",
        "path: C:\\u\\kangaroo\ntrain: images\\train",
        "path: /srv/u/images\ntrain: train",
        "train: /srv/u/kangaroo/images/train",
        "train: C:\\u\\images\\train",
        "path: /srv/u/kangaroo\ntrain: /srv/u/kangaroo/images/train/a.jpg",
    ],
)
def test_paths_of_another_machine_are_found_below_the_data_yaml(tmp_path: Path, data_yaml: Path, text: str) -> None:
    data_yaml.write_text(text)
    assert names(tmp_path, data_yaml) == ["data/images/train/a.jpg"]


def test_the_longest_part_of_a_path_of_another_machine_counts(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.jpg", "images/train/b.jpg", "kept/train/c.jpg")
    (tmp_path / "data.yaml").write_text("train: /srv/u/images/train\n")
    assert names(tmp_path, tmp_path / "data.yaml") == ["images/train/b.jpg"]


def test_a_path_of_another_machine_that_is_nowhere_is_named_as_written(tmp_path: Path, data_yaml: Path) -> None:
    data_yaml.write_text("path: /srv/u/kangaroo\ntrain: pictures\n")
    with pytest.raises(SourceError, match="names /srv/u/kangaroo/pictures, which does not exist"):
        names(tmp_path, data_yaml)


@pytest.mark.parametrize(
    "line",
    ["images/train/a.jpg", "./images/train/a.jpg", "/srv/u/data/images/train/a.jpg", "C:\\u\\images\\train\\a.jpg"],
)
@pytest.mark.parametrize("root", ["", "path: /srv/u/data\n", "path: .\n"])
def test_a_list_names_images_from_the_root_of_its_data_set(
    tmp_path: Path, data_yaml: Path, line: str, root: str
) -> None:
    touch(tmp_path, "data/splits/train.txt")
    (data_yaml.parent / "splits" / "train.txt").write_text(f"{line}\n/srv/u/gone.jpg\n")
    data_yaml.write_text(f"{root}train: splits/train.txt\n")
    found = [Path(image.path) for image in expand_sources([data_yaml])]
    assert found == [data_yaml.parent / "images" / "train" / "a.jpg", Path("/srv/u/gone.jpg")]


def test_a_glob_ends_where_links_lead_round_in_every_folder(tmp_path: Path) -> None:
    for name in "abcdefgh":
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.jpg").touch()
        for other in "abcdefgh":
            (tmp_path / name / f"to-{other}").symlink_to(tmp_path / other)
    assert len(expand_sources([f"{tmp_path}/**/*.jpg"])) == 8
    assert len(expand_sources([f"{tmp_path}/**/**/a/**/*.jpg"])) == 8


@pytest.mark.parametrize(
    "line", ["/", "//", ".", "a" * 300, "a" * 300 + "/b", "x" * 5000, "\x1b[2J", "~", "a\x7f\u2028"]
)
def test_any_line_of_a_list_is_an_image_that_may_be_missing(tmp_path: Path, line: str) -> None:
    (tmp_path / "list.txt").write_text(f"{line}\na.jpg\n")
    items = expand_sources([tmp_path / "list.txt"])
    assert items
    for item in items:
        with pytest.raises(OSError):
            item.read()


@pytest.mark.parametrize("seconds", [-(1 << 33), -(1 << 40), 1 << 34, 1 << 40])
def test_a_file_of_any_date_has_a_stamp_that_a_database_takes(tmp_path: Path, seconds: int) -> None:
    (tmp_path / "a.jpg").touch()
    try:
        os.utime(tmp_path / "a.jpg", (0, seconds))
    except (OSError, OverflowError):
        pytest.skip("this file system has no such dates")
    (item,) = expand_sources([tmp_path])
    assert -(1 << 63) <= item.stamp().mtime_ns < 1 << 63


def test_a_download_that_a_data_yaml_asks_for_is_not_made(tmp_path: Path, data_yaml: Path) -> None:
    """Ultralytics runs that text as Python, as a command or as an address, where images are missing."""
    marker, text = tmp_path / "ran", data_yaml.read_text()
    for asked in (f"open({str(marker)!r}, 'w')", f"bash touch {marker}", f"file://{marker}.zip"):
        data_yaml.write_text(f"{text}download: {asked!r}\n")
        assert names(tmp_path, data_yaml, split="val") == ["data/images/val/b.jpg"]
        data_yaml.write_text(f"names: [cat]\ntrain: gone\nval: gone\ndownload: {asked!r}\n")
        with pytest.raises(SourceError, match=r"gone, which does not exist; .*`download` is never fetched or run"):
            names(tmp_path, data_yaml)
    assert not marker.exists()
