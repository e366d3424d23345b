"""What results look like in a notebook: everything from outside is escaped, and pictures are inside."""

from __future__ import annotations

import base64
import re
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import pytest
from banks import MakeBank
from blobs import square_detector

from negmine.bank.bank import Bank
from negmine.bank.pictures import picture
from negmine.errors import ImageError
from negmine.mining.scan import scan
from negmine.notebook import facts, gallery, table
from negmine.reporting.pictures import Pictures


def pictures(page: str) -> list[np.ndarray]:
    data = [base64.b64decode(text) for text in re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)]
    return [cv2.imdecode(np.frombuffer(each, np.uint8), cv2.IMREAD_COLOR) for each in data]


def no_image() -> np.ndarray:
    raise ImageError("it is gone")


def test_nothing_to_show() -> None:
    assert gallery([]) == ""
    assert re.fullmatch(r"<table><caption [^<>]*>Empty</caption><tbody></tbody></table>", table("Empty", (), []))


def test_names_and_captions_are_escaped() -> None:
    odd = "<script>alert(1)</script>\x1b[2J"
    page = table(odd, [odd], [[odd]]) + facts(odd, {odd: odd}) + gallery([(no_image, odd)])
    assert "<script" not in page and "\x1b" not in page
    assert page.count("&lt;script&gt;") == 7


def test_cells_are_numbers_of_three_digits_or_nothing() -> None:
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", table("", (), [[0.12345, 7, None, "x"]]))
    assert cells == ["0.123", "7", "", "x"]


def test_facts_are_the_single_values() -> None:
    page = facts(
        "Export", {"schema_version": 1, "files": {"written": 3, "by_kind": {"jpg": 2}}, "list": [1], "no": None}
    )
    assert re.findall(r"<td[^>]*>([^<]*)</td>", page) == ["files written", "3", "files by kind jpg", "2"]


def test_a_bank_shows_its_hardest_negatives(make_bank: MakeBank) -> None:
    folder = make_bank(14)
    with Bank(folder) as bank:
        page = bank._repr_html_()
        hardest = next(bank.negatives())
        own = hardest._repr_html_()
    assert len(pictures(page)) == 12 and ">14</td>" in page
    (small,) = pictures(own)
    assert max(small.shape) <= 128 and str(hardest.source) in own
    assert all(is_red(each).any() for each in pictures(page)) and is_red(small).any()


def is_red(image: np.ndarray) -> np.ndarray:
    """Where a box is drawn: the images are grey and white."""
    blue, green, red = image.astype(int).transpose(2, 0, 1)
    return (red > 150) & (red - blue > 80) & (red - green > 80)


def test_a_link_in_a_bank_is_not_followed(make_bank: MakeBank, tmp_path: Path) -> None:
    folder = make_bank(1)
    with Bank(folder) as bank:
        (negative,) = bank.negatives()
        secret = tmp_path / "secret.jpg"
        negative.path.rename(secret)
        negative.path.symlink_to(secret)
        assert pictures(bank._repr_html_()) == []


def test_another_image_in_its_place_is_not_shown(make_bank: MakeBank) -> None:
    with Bank(make_bank(2)) as bank:
        first, second = bank.negatives()
        first.path.write_bytes(second.path.read_bytes())
        assert len(pictures(bank._repr_html_())) == 1
        with pytest.raises(ImageError, match="has changed"):
            picture(bank, first)
        missing = Pictures().of_negative(bank, first, "a negative").missing
        assert missing is not None and "its file has changed" in missing


def test_a_scan_shows_counts_and_pictures(make_bank: MakeBank, tmp_path: Path) -> None:
    make_bank(3)
    result = scan(tmp_path / "bank-in", square_detector(), bank=tmp_path / "other", progress=True)
    shown = pictures(result._repr_html_())
    assert len(shown) == result.added == 3 and all(is_red(each).any() for each in shown)


def test_rows_have_names(make_bank: MakeBank) -> None:
    pandas = pytest.importorskip("pandas")
    with Bank(make_bank(3)) as bank:
        negatives = pandas.DataFrame(bank.negatives())
        rows = pandas.DataFrame(bank.query("SELECT kind, count(*) AS detections, max(score) FROM detections"))
        assert [row.kind for row in bank.query("SELECT DISTINCT kind FROM detections")] == ["background"]
    assert {"id", "score", "class_name", "source", "review", "sha256"} <= {*negatives.columns}
    assert len(negatives) == 3
    assert [*chain(rows.columns)][:2] == ["kind", "detections"]
