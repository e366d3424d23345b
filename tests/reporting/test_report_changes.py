"""What went away, what still or newly fires, and which objects were lost: by hand."""

from __future__ import annotations

import pytest

from negmine.evaluating.seen import Seen, SeenImage
from negmine.reporting.changes import What, changes_between

BOX = (10.0, 10.0, 50.0, 50.0)
NEAR = (10.0, 10.0, 50.0, 48.0)  # IoU 0.95 with it
FAR = (40.0, 40.0, 80.0, 80.0)  # IoU 0.03


def false(box: tuple[float, float, float, float], score: float, name: str = "cat") -> Seen:
    return Seen(name, box, score)


def image(*found: Seen, objects: tuple[float | None, ...] = (), counted: bool = True, sha256: str = "a") -> SeenImage:
    return SeenImage(sha256, "/in/a.png", counted, tuple(Seen("cat", BOX, score) for score in objects), found)


def compared(before: SeenImage, after: SeenImage) -> dict[What, list[tuple[float | None, float | None]]]:
    """What changed, with the scores before and after; those of the start count from 0.3, others from 0.5."""
    found = changes_between([before], [after], conf_before=0.3, conf_after=0.5)
    return {what: [(each.before, each.after) for each in rows] for what, rows in found.by_what.items() if rows}


def test_nothing_and_nothing() -> None:
    found = changes_between([], [], conf_before=0.3, conf_after=0.5)
    assert (found.images, found.objects) == (0, 0) and not any(found.by_what.values())
    assert compared(image(), image()) == {}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([false(BOX, 0.9)], [], {"went away": [(0.9, None)]}),
        ([false(BOX, 0.9)], [false(NEAR, 0.4)], {"went away": [(0.9, 0.4)]}),
        ([false(BOX, 0.9)], [false(NEAR, 0.5)], {"still fires": [(0.9, 0.5)]}),
        ([false(BOX, 0.2)], [false(NEAR, 0.6)], {"newly fires": [(0.2, 0.6)]}),
        ([], [false(BOX, 0.6)], {"newly fires": [(None, 0.6)]}),
        ([false(BOX, 0.2)], [false(NEAR, 0.4)], {}),
        ([false(BOX, 0.9)], [false(FAR, 0.6)], {"went away": [(0.9, None)], "newly fires": [(None, 0.6)]}),
        ([false(BOX, 0.9, "dog")], [false(BOX, 0.6)], {"went away": [(0.9, None)], "newly fires": [(None, 0.6)]}),
        (
            [false(BOX, 0.9), false(NEAR, 0.8)],  # one to one, the best overlap first
            [false(NEAR, 0.7)],
            {"still fires": [(0.8, 0.7)], "went away": [(0.9, None)]},
        ),
    ],
)
def test_false_positives(before: list[Seen], after: list[Seen], expected: dict[What, object]) -> None:
    assert compared(image(*before), image(*after)) == expected


def test_on_images_with_targets_nothing_that_fires_is_compared() -> None:
    assert compared(image(false(BOX, 0.9), counted=False), image(counted=False)) == {}


def test_objects() -> None:
    before = image(objects=(0.9, 0.2, 0.3, None), counted=False)
    after = image(objects=(0.6, 0.5, 0.4, 0.1), counted=False)
    assert compared(before, after) == {
        "found now": [(0.2, 0.5)],
        "lost": [(0.3, 0.4)],
        "missed by both": [(None, 0.1)],
    }


def test_images_that_only_one_was_measured_on_are_left_out_and_the_surest_come_first() -> None:
    before = [image(false(BOX, score), sha256=sha256) for sha256, score in (("a", 0.4), ("b", 0.9), ("c", 0.7))]
    after = [image(sha256="c"), image(sha256="a"), image(false(BOX, 0.9), sha256="d")]
    found = changes_between(before, after, conf_before=0.3, conf_after=0.5)
    assert found.images == 2
    assert [each.before for each in found.by_what["went away"]] == [0.7, 0.4] and not found.by_what["newly fires"]
