"""What is held out, and that it depends on nothing but the images and the seed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from negmine.grouping import GroupBy
from negmine.held_out import HeldOut, HoldoutSplit, hold_out_named, hold_out_share, hold_out_split, image_groups
from negmine.images.near_duplicates import near_groups
from negmine.sources.expand import expand_sources

BASE = 0xFFFF_FFFF_0000_0000


@dataclass(frozen=True)
class Hashed:
    sha256: str
    phash: int
    path: Path = Path("x")


Images = list[Hashed]


def made(numbers: list[int]) -> Images:
    """Images, some of them near-duplicates: one in four differs from the one before in two bits."""
    found = []
    for number in numbers:
        spread = int.from_bytes(hashlib.sha256(str(number // 4).encode()).digest()[:8], "big") | BASE
        content = hashlib.sha256(f"image {number}".encode()).hexdigest()
        found.append(Hashed(content, spread ^ (3 if number % 4 == 1 else 0)))
    return found


def contents(images: Sequence[Hashed]) -> set[str]:
    return {image.sha256 for image in images}


def groups_of(images: Images) -> list[list[str]]:
    return near_groups({image.sha256: image.phash for image in images})


some_images = st.lists(st.integers(0, 200), unique=True).map(made)
shares, seeds = st.floats(0.05, 0.95), st.integers(0, 50)


def split(images: Images, share: float = 0.2, seed: int = 0) -> HoldoutSplit[Hashed]:
    return hold_out_share(images, share=share, seed=seed)


def test_nothing_is_on_neither_side() -> None:
    empty: HoldoutSplit[Hashed] = HoldoutSplit((), ())
    assert split([]) == hold_out_named([], []) == hold_out_split([], []) == empty
    assert empty.release([BASE]) == (empty, ())
    assert HeldOut.of([]) == HeldOut() and not HeldOut().holds(["ab"]) and HeldOut().near([BASE]) == set()


@settings(deadline=None)
@given(some_images, shares, seeds)
def test_every_image_is_on_one_side_in_its_order(images: Images, share: float, seed: int) -> None:
    found = split(images, share, seed)
    assert sorted((*found.held_out, *found.rest), key=images.index) == images
    for side in (found.rest, found.held_out):
        assert list(side) == sorted(side, key=images.index)


@settings(deadline=None)
@given(some_images, shares, seeds)
def test_near_duplicates_are_on_the_same_side(images: Images, share: float, seed: int) -> None:
    held_out = contents(split(images, share, seed).held_out)
    for group in groups_of(images):
        assert len({sha256 in held_out for sha256 in group}) == 1


@settings(deadline=None)
@given(some_images, shares, seeds, st.randoms(use_true_random=False))
def test_the_order_of_the_images_changes_nothing(images: Images, share: float, seed: int, random: object) -> None:
    shuffled = list(images)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert contents(split(shuffled, share, seed).held_out) == contents(split(images, share, seed).held_out)


@settings(deadline=None)
@given(some_images, some_images, shares, seeds)
def test_new_images_move_no_other_unless_they_join_its_group(
    images: Images, more: Images, share: float, seed: int
) -> None:
    both = list(dict.fromkeys([*images, *more]))
    joined = {sha256 for group in groups_of(both) if not set(group) <= contents(images) for sha256 in group}
    before, after = (contents(split(each, share, seed).held_out) for each in (images, both))
    for sha256 in contents(images) - joined:
        assert (sha256 in before) == (sha256 in after)


def test_about_the_share_is_held_out_and_another_seed_holds_out_others() -> None:
    many = [Hashed(hashlib.sha256(str(n).encode()).hexdigest(), 0) for n in range(2000)]
    first, second = (contents(split(many, seed=seed).held_out) for seed in (0, 1))
    assert 340 < len(first) < 460
    assert 40 < len(first & second) < 130  # a fifth of a fifth


@settings(deadline=None)
@given(some_images, st.sets(st.integers(0, 200)))
def test_what_is_named_is_held_out_and_its_near_duplicates_are_on_neither_side(
    images: Images, numbers: set[int]
) -> None:
    named = contents(made(sorted(numbers)))
    found = hold_out_named(images, named)
    assert contents(found.held_out) == contents(images) & named
    near = {sha256 for group in groups_of(images) if named & set(group) for sha256 in group}
    assert contents(found.rest) == contents(images) - near


def test_a_split_is_held_out_as_it_is_and_its_copies_are_not_in_the_rest() -> None:
    first, near, other = Hashed("a", BASE), Hashed("b", BASE ^ 1), Hashed("c", ~BASE & 0xFFFF_FFFF_FFFF_FFFF)
    found = hold_out_split([first, near, Hashed("c", 0, Path("copy"))], [other])
    assert (found.rest, found.held_out) == ((first, near), (other,))


def test_what_was_learned_is_released_with_its_near_duplicates() -> None:
    hashes = [BASE, BASE ^ 0b11, BASE ^ 0b11111, 0xFFFF_0000_FFFF_0000]  # the third is near the second alone
    images = [Hashed(str(number), phash) for number, phash in enumerate(hashes)]
    found, released = HoldoutSplit((Hashed("rest", BASE),), tuple(images)).release([BASE])
    assert (released, found.held_out) == (tuple(images[:3]), (images[3],))
    assert contents(found.rest) == {"rest"}
    assert found.release([BASE]) == (found, ())


def test_it_is_asked_by_bytes_and_by_looks_and_united() -> None:
    first = HeldOut.of([Hashed("a", BASE, Path("b.png")), Hashed("c", 0xFFFF_0000_FFFF_0000, Path("a.png"))])
    assert first.paths == (Path("a.png"), Path("b.png"))
    assert first.holds(["x", "a"]) and not first.holds(["x"])
    assert first.near([BASE ^ 0b1111, BASE ^ 0b11111]) == {BASE ^ 0b1111}
    both = first | HeldOut.of([Hashed("d", BASE, Path("c.png"))])
    assert both == HeldOut(frozenset("acd"), first.hashes, (Path("a.png"), Path("b.png"), Path("c.png")))


def test_its_list_is_a_source_for_every_command(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("b c.png", "\u00fc.png", "a.png")]
    for path in paths:
        path.touch()
    held_out = HeldOut.of([Hashed(str(path), 0, path) for path in paths])
    held_out.write(tmp_path / "held-out.txt")
    assert [ref.path for ref in expand_sources([tmp_path / "held-out.txt"])] == list(held_out.paths)


def clips(count: int, each: int = 5) -> Images:
    """Frames of clips, none like another, in a folder for each clip."""
    return [
        Hashed(hashlib.sha256(f"{clip} {frame}".encode()).hexdigest(), 0, Path(f"clip{clip}/{frame}.png"))
        for clip in range(count)
        for frame in range(each)
    ]


def folders(images: Sequence[Hashed]) -> set[Path]:
    return {image.path.parent for image in images}


@settings(deadline=None)
@given(st.integers(2, 12), shares, seeds)
def test_frames_of_a_clip_are_on_one_side_and_either_side_has_some(count: int, share: float, seed: int) -> None:
    found = hold_out_share(clips(count), share=share, seed=seed, by=GroupBy("folder"))
    assert found.rest and found.held_out and not folders(found.rest) & folders(found.held_out)


@settings(deadline=None)
@given(st.integers(2, 12), shares, seeds)
def test_frames_of_a_video_are_on_one_side_without_being_asked(count: int, share: float, seed: int) -> None:
    frames = [
        Hashed(hashlib.sha256(f"{video} {second}".encode()).hexdigest(), video << 32 | second << 8, Path(path))
        for video in range(count)
        for second in range(5)
        for path in [f"{video}.mp4/t={second}.000,frame={second}"]
    ]
    found = hold_out_share(frames, share=share, seed=seed)
    assert found.rest and found.held_out and not folders(found.rest) & folders(found.held_out)


def test_near_duplicates_link_clips() -> None:
    images = [
        Hashed("a", BASE, Path("1/a.png")),
        Hashed("b", BASE ^ 1, Path("2/b.png")),
        Hashed("c", 0, Path("2/c.png")),
    ]
    assert image_groups(images) == [["a", "b"], ["c"]]
    assert image_groups(images, GroupBy("folder")) == [["a", "b", "c"]]
    assert image_groups(images, GroupBy(r"/([ac])\.")) == [["a", "b"], ["c"]]
    assert image_groups(images, together=[("c", "b"), ("a",)]) == [["a", "b", "c"]]


def test_what_belongs_to_labelled_images_goes_where_they_are() -> None:
    images, by = clips(6), GroupBy("folder")
    held = hold_out_share(images, share=0.01, seed=0, by=by, keys=["clip2"])
    assert Path("clip2") in folders(held.held_out)
    named = hold_out_named(images, [images[0].sha256], by=by, keys=["clip2"])
    assert named.held_out == (images[0],) and folders(named.rest) == {Path(f"clip{n}") for n in (1, 3, 4, 5)}
    kept, released = HoldoutSplit((), tuple(images)).release([], ["clip1"], by=by)
    assert folders(released) == {Path("clip1")} and folders(kept.held_out) == folders(images) - {Path("clip1")}
    split_of = hold_out_split(images[:10], images[7:10], by=by)
    assert split_of.rest == tuple(images[:5])
