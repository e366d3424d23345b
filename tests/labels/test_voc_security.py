"""XML that attacks: refused for its image, without loading or expanding anything, and the rest is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from label_files import TruthOf, put, voc_object, voc_xml

from negmine.errors import LabelError

SECRET = "the content of a private file"
LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
ATTACKS = {
    "billion laughs": f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]><annotation><filename>&l9;</filename></annotation>',
    "laughs in an attribute": f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]><annotation verified="&l9;"/>',
    "quadratic": f'<!DOCTYPE a [<!ENTITY a "{"a" * 100_000}">]><annotation>{"&a;" * 10_000}</annotation>',
    "file entity": '<!DOCTYPE a [<!ENTITY x SYSTEM "SECRET_FILE">]><annotation><folder>&x;</folder></annotation>',
    "file entity as a name": (
        '<!DOCTYPE a [<!ENTITY x SYSTEM "SECRET_FILE">]><annotation><object><name>&x;</name></object></annotation>'
    ),
    "external DTD": '<!DOCTYPE annotation SYSTEM "http://127.0.0.1:9/evil.dtd"><annotation/>',
    "external DTD of a file": '<!DOCTYPE annotation SYSTEM "SECRET_FILE"><annotation/>',
    "parameter entity": '<!DOCTYPE a [<!ENTITY % x SYSTEM "SECRET_FILE"> %x;]><annotation/>',
    "unused entity": '<!DOCTYPE a [<!ENTITY x "harmless">]><annotation/>',
    "bare document type": "<!DOCTYPE annotation><annotation/>",
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("attack", ATTACKS)
def test_xml_that_attacks_is_refused(tmp_path: Path, attack: str) -> None:
    secret = put(tmp_path / "secret.txt", SECRET)
    put(tmp_path / "good.xml", voc_xml(voc_object("cat", (1, 1, 2, 2))))
    put(tmp_path / "bad.xml", ATTACKS[attack].replace("SECRET_FILE", secret.as_uri()))
    image = put(tmp_path / "bad.jpg")
    truth = TruthOf(tmp_path)
    with pytest.raises(LabelError, match=r"bad\.xml: (it declares a document type|no readable XML)") as caught:
        truth.read(image, (10, 10))
    assert SECRET not in str(caught.value)
    assert truth.class_names == ("cat",)  # nothing of the attack got into the classes


def test_a_processing_instruction_loads_nothing(tmp_path: Path) -> None:
    put(tmp_path / "a.xml", b'<?xml-stylesheet href="http://127.0.0.1:9/x.xsl"?>' + voc_xml())
    found = TruthOf(tmp_path).read(put(tmp_path / "a.jpg"), (10, 10))
    assert found is not None
    assert len(found) == 0


def test_nesting_without_end_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "good.xml", voc_xml())
    put(tmp_path / "bad.xml", b"<annotation>" + b"<a>" * 100_000)
    with pytest.raises(LabelError, match=r"bad\.xml: no readable XML"):
        TruthOf(tmp_path).read(put(tmp_path / "bad.jpg"), (10, 10))
