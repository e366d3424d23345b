"""Only Pascal VOC can say that an image is empty; any other XML is told by its root and the children of that."""

from __future__ import annotations

import pytest
from label_files import voc_object, voc_xml
from lxml import etree

from negmine.labels.voc_kinds import OtherKind, other_kind, split_image_name

OBJECT = voc_object("cat", (1, 1, 9, 9))
FAIR1M = (
    "<annotation><source><filename>7.tif</filename></source><size><width>9</width></size><objects><object><type/>"
    "<possibleresult><name>cat</name></possibleresult><points><point>1,1</point></points></object></objects></annotation>"
)
NO_VOC = "<annotation> without <filename>, <size> and <object>"
LOOSE = "<annotation> with text between its elements"
IN_SOURCE = "<annotation> with objects in <source>"
LABELME = (
    "<annotation><filename>a.jpg</filename><imagesize><nrows>9</nrows></imagesize><object><name>cat</name>"
    "<polygon><pt><x>1</x><y>1</y></pt></polygon></object></annotation>"
)


def kind_of(xml: str | bytes) -> OtherKind | None:
    """The kind of a document."""
    return other_kind(etree.fromstring(xml))


@pytest.mark.parametrize(
    "xml",
    [
        "<annotation><segmented>0</segmented></annotation>",
        "<annotation>\n\t<filename>1 2 3 4.jpg</filename>\n <path>/1/2/3 4 5 6 7.jpg</path>\n</annotation>",
        "<annotation verified='yes'><folder/><filename>a.jpg</filename></annotation>",
        voc_xml(OBJECT, OBJECT, filename="a.jpg", size_wh=(20, 20)),
        f"<annotation><filename>a.jpg</filename><!-- checked -->{OBJECT}</annotation>",
        # what tools add
        "<annotation><filename/><path/><source><database>x</database><annotation>x</annotation></source>"
        "<owner><flickrid/><name>n</name></owner><size/><segmented>0</segmented><segment><a/></segment></annotation>",
        "<annotation><filename/><weather>rain</weather><camera model='x' fps='30' zoom='2'>7</camera></annotation>",
        "<annotation><folder/><filename/><database/><annotation/><image/><size/></annotation>",  # labelme's converter
        "<annotation><filename/><date>2020-01-02 10:11:12</date><gps>1.5, 2.5, 3</gps><v>1.2.3.4</v></annotation>",
        # an object with more than its box
        f"<annotation>{voc_object('cat', (1, 1, 9, 9), '<polygon><pt><x>1</x></pt></polygon>')}</annotation>",
    ],
)
def test_pascal_voc(xml: str | bytes) -> None:
    assert kind_of(xml) is None


@pytest.mark.parametrize(
    ("xml", "name", "images"),
    [
        (FAIR1M, "FAIR1M (<objects>)", (("7.tif",),)),
        (LABELME, "LabelMe (<polygon>)", (("a.jpg",),)),
        ("<annotation><imagesize><nrows>9</nrows></imagesize></annotation>", "LabelMe (<imagesize>)", ()),
        (LABELME.replace("imagesize", "size"), "LabelMe (<polygon>)", (("a.jpg",),)),
        (f"<annotation><filename/><objects>{OBJECT}</objects></annotation>", "<annotation> with <objects>", ()),
        ("<annotation><filename/><objects/></annotation>", "<annotation> with <objects>", ()),
        (f"<annotation><filename/>{OBJECT}<Object/></annotation>", "<annotation> with <Object>", ()),
        (f"<annotation><image>{OBJECT}</image></annotation>", "<annotation> with <image>", ()),
        ("<annotation><filename/><frame><car x='1'/></frame></annotation>", "<annotation> with <frame>", ()),
        ("<annotation><filename/><car x='1' y='1' w='2' h='2'/></annotation>", "<annotation> with <car>", ()),
        ("<annotation><filename/><polygon>1,1 2,2</polygon></annotation>", "<annotation> with <polygon>", ()),
        ("<annotation><weather>rain</weather></annotation>", NO_VOC, ()),
        ("<annotation/>", NO_VOC, ()),
        ("<annotation verified='yes'> </annotation>", NO_VOC, ()),
        ("<annotation>kangaroo 1 2 3 4</annotation>", LOOSE, ()),
        ("<annotation>cat<filename>a.jpg</filename></annotation>", LOOSE, (("a.jpg",),)),
        ("<annotation><filename>a.jpg</filename>cat 1 2 3 4</annotation>", LOOSE, (("a.jpg",),)),
        ("<annotation><filename/><label>cat</label></annotation>", "<annotation> with <label>", ()),
        ("<annotation><filename/><labels>cat,5,5,20,20</labels></annotation>", "<annotation> with <labels>", ()),
        ("<annotation><filename/><cat>5 5 20 20</cat></annotation>", "<annotation> with <cat>", ()),
        ("<annotation><filename/><cat>box:[5,5.5,20,-20]</cat></annotation>", "<annotation> with <cat>", ()),
        ("<annotation><filename/><cat x='5' y='-5.5' r='3'/></annotation>", "<annotation> with <cat>", ()),
        ("<annotation><filename/><xmin>5</xmin><ymin>5</ymin></annotation>", "<annotation> with <xmin>", ()),
        *(
            (
                f"<annotation><filename/><{tag}>{inside}</{tag}></annotation>",
                f"<annotation> with objects in <{tag}>",
                (),
            )
            for tag in ("source", "owner", "size", "segment")
            for inside in (
                OBJECT,
                "<cat><x>5</x></cat>",
                "<cat>5 5 20 20</cat>",
                "<cat x='1' y='1' r='2'/>",
                "<label>cat</label>",
                "<name/>5 5 20 20",
                "cat 5 5 20 20",
            )
        ),
        ("<annotation><source><annotation>1 2 3 4</annotation></source></annotation>", IN_SOURCE, ()),
        ("<Annotation/>", "<Annotation> in other letters than VOC's <annotation>", ()),
        ("<annotation xmlns='urn:x'/>", "<annotation> in an XML namespace", ()),
        (
            "<annotations><version>1.1</version><image name='cam1/a.jpg'><box label='cat'/></image></annotations>",
            "CVAT (<annotations>)",
            (("cam1", "a.jpg"),),
        ),
        (f"<annotations><annotation>{OBJECT}</annotation></annotations>", "<annotations>", ()),
        ("<dataset><images><image file='a.jpg'><box/></image></images></dataset>", "dlib (<dataset>)", (("a.jpg",),)),
        ("<HRSC_Image><HRSC_Objects/></HRSC_Image>", "HRSC2016 (<HRSC_Image>)", ()),
        ("<View><RectangleLabels/></View>", "Label Studio's settings (<View>)", ()),
    ],
)
def test_labels_of_other_formats_are_named(xml: str, name: str, images: tuple[tuple[str, ...], ...]) -> None:
    assert kind_of(xml) == OtherKind(name, True, images)


@pytest.mark.parametrize("root", ["project", "PAMDataset", "dataset"])
def test_of_any_other_file_the_root_is_named(root: str) -> None:
    assert kind_of(f"<{root}><a/></{root}>") == OtherKind(f"<{root}>", False)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (None, ()),
        ("  ", ()),
        (" a.jpg\n", ("a.jpg",)),
        ("cam1/0001.jpg", ("cam1", "0001.jpg")),
        ("cam1\\0001.jpg", ("cam1", "0001.jpg")),
        ("C:\\data\\cam1\\0001.jpg", ("data", "cam1", "0001.jpg")),
        ("/data/cam1/0001.jpg", ("data", "cam1", "0001.jpg")),
        ("./cam1//0001.jpg", ("cam1", "0001.jpg")),
    ],
)
def test_the_name_of_an_image_is_split_at_slashes_of_both_kinds(text: str | None, parts: tuple[str, ...]) -> None:
    assert split_image_name(text) == parts
