"""Places: findings and vectors put in by hand."""

from __future__ import annotations

import numpy as np
from findings import finding
from hypothesis import given
from hypothesis import strategies as st

from negmine.bank.embeddings import Box, HardestFinding
from negmine.boxes import box_iou
from negmine.comparing.places import of_fixed_cameras, places


def numbers(*findings: HardestFinding, vectors: list[list[float]] | None = None) -> list[int]:
    """With equal vectors unless others are given."""
    given = np.array(vectors if vectors is not None else [[1.0, 0.0]] * len(findings), dtype=np.float32)
    return places(findings, given.reshape(-1, 2), iou=0.7, likeness=0.96).tolist()


def test_no_findings_have_no_places() -> None:
    assert numbers() == []


def test_one_box_in_many_frames_is_one_place() -> None:
    assert numbers(*(finding((10, 10, 50, 50 + shift), number=shift) for shift in range(5))) == [1] * 5


def test_other_folders_sizes_classes_and_boxes_are_other_places() -> None:
    others = (
        finding(source="/street/1.jpg"),
        finding(size_wh=(640, 360)),
        finding(name="dog"),
        finding((30, 10, 70, 50)),
    )
    assert numbers(finding(), *others) == [1, 2, 3, 4, 5]


def test_boxes_of_one_place_must_look_alike() -> None:
    """Unrelated photographs of one size may have equal boxes."""
    assert numbers(finding(), finding(), finding(), vectors=[[1, 0], [0, 1], [0.99, 0.14]]) == [1, 2, 1]
    assert numbers(finding(), finding(), vectors=[[0, 0], [0, 0]]) == [1, 2]


def test_the_leader_that_overlaps_most_takes_a_box() -> None:
    """1 and 2 share 28 / 40 rows less a bit, so neither leads the other; the third is nearer to the second."""
    one, two, three = (finding((10, y, 50, y + 40), number=y) for y in (10, 18, 15))
    assert numbers(one, two, three) == [1, 2, 2]


def fixed(*numbers: int, images: int | None = None) -> list[int]:
    """Renumbered; every negative is of an image of its own, unless there are fewer images."""
    found = [finding(source=f"/yard/{index % (images or len(numbers))}.jpg") for index in range(len(numbers))]
    return of_fixed_cameras(found, np.array(numbers, dtype=np.int64)).tolist()


def test_two_photographs_of_one_scene_are_no_fixed_camera() -> None:
    assert fixed() == []
    assert fixed(1, 2, 1) == [1, 2, 3]
    assert fixed(1, 2, 1, 1) == [1, 2, 1, 1]
    assert fixed(1, 1, 1, images=2) == [1, 2, 3]


def test_of_many_images_three_are_few_and_ten_are_enough() -> None:
    alone = range(100, 160)
    assert fixed(*[1] * 4, *alone)[:4] == [1] * 4
    assert fixed(*[1] * 3, *alone)[:4] == [1, 2, 3, 4]
    assert fixed(*[1] * 10, *range(100, 400))[:11] == [*[1] * 10, 2]
    assert fixed(*[1] * 9, *range(100, 400))[:9] == [*range(1, 10)]


CORNERS, SIDES = st.floats(0, 300), st.floats(0.4, 200)


@given(
    st.lists(st.tuples(CORNERS, CORNERS, SIDES, SIDES), min_size=2, max_size=8),
    st.floats(-0.2, 0.2),
    st.floats(0.8, 1.25),
)
def test_the_grid_overlooks_no_box_that_overlaps_enough(
    corners: list[tuple[float, float, float, float]], shift: float, scale: float
) -> None:
    boxes: list[Box] = [(x, y, x + width, y + height) for x, y, width, height in corners]
    boxes += [
        (x + shift * w, y, x + shift * w + w * scale, y + h) for x, y, w, h in corners
    ]  # near the others, on either side of the threshold
    found = numbers(*(finding(box, number=index) for index, box in enumerate(boxes)))
    overlaps = box_iou(np.array(boxes), np.array(boxes))
    leaders = [found.index(number) for number in range(1, max(found) + 1)]
    assert leaders == sorted(leaders)
    for index, number in enumerate(found):
        before = [leader for leader in leaders if leader < index and overlaps[leader, index] >= 0.7]
        if index in leaders:
            assert not before
        else:
            assert overlaps[leaders[number - 1], index] == max(overlaps[leader, index] for leader in before)
