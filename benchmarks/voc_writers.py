"""Writers of Pascal VOC for images without objects, each as a process: supervision's, plain lxml, and negmine's.

    python benchmarks/voc_writers.py supervision BANK OUT
    python benchmarks/voc_writers.py lxml BANK OUT --xml-alone

They take the images of a bank by their files' names and write JPEGImages and Annotations; nothing is flushed to disk,
and no record is kept. With --xml-alone they write no images and are given the sizes, and print how many annotations a
second they made and wrote, and on the next line how many they made in memory: by their own clock, imports left out.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lxml import etree
from PIL import Image

Size = tuple[int, int, int]  # width, height, channels


def supervision_data_set(images: Sequence[Path], out: Path) -> None:
    """As its users write a data set; it decodes every image to learn its size."""
    supervision: Any = importlib.import_module("supervision")
    paths = [str(path) for path in images]
    empty = supervision.Detections.empty()
    data = supervision.DetectionDataset(["any"], paths, dict.fromkeys(paths, empty))
    data.as_pascal_voc(
        images_directory_path=str(out / "JPEGImages"), annotations_directory_path=str(out / "Annotations")
    )


def lxml_data_set(images: Sequence[Path], out: Path) -> None:
    """The loop that people write: size from the header, XML, copy."""
    for folder in ("JPEGImages", "Annotations"):
        (out / folder).mkdir(parents=True)
    for path in images:
        with Image.open(path) as image:
            size_whd = (*image.size, 3)
        shutil.copyfile(path, out / "JPEGImages" / path.name)
        (out / "Annotations" / f"{path.stem}.xml").write_bytes(lxml_text(path.name, size_whd))


def lxml_text(name: str, size_whd: Size) -> bytes:
    """An annotation without objects."""
    root = etree.Element("annotation")
    etree.SubElement(root, "folder").text = "out"
    etree.SubElement(root, "filename").text = name
    etree.SubElement(etree.SubElement(root, "source"), "database").text = "negmine"
    size = etree.SubElement(root, "size")
    for tag, value in zip(("width", "height", "depth"), size_whd, strict=True):
        etree.SubElement(size, tag).text = str(value)
    etree.SubElement(root, "segmented").text = "0"
    return etree.tostring(root, encoding="utf-8", pretty_print=True)


def supervision_text() -> Callable[[str, Size], bytes]:
    """The function behind its writer; it takes height first."""
    supervision: Any = importlib.import_module("supervision")
    module: Any = importlib.import_module("supervision.dataset.formats.pascal_voc")
    empty = supervision.Detections.empty()

    def text(name: str, size_whd: Size) -> bytes:
        width, height, depth = size_whd
        written: str = module.detections_to_pascal_voc(empty, ["any"], name, (height, width, depth))
        return written.encode()

    return text


def negmine_text() -> Callable[[str, Size], bytes]:
    """Negmine's."""
    from negmine.labels.voc_writer import voc_annotation

    return lambda name, size: voc_annotation(folder="out", filename=name, database="negmine", size_whd=size)


def xml_alone(text: Callable[[str, Size], bytes], images: Sequence[Path], size_wh: tuple[int, int], out: Path) -> None:
    """Make the annotations, write them, and print how many a second; then how many of the texts alone."""
    annotations = out / "Annotations"
    annotations.mkdir(parents=True)
    started = time.perf_counter()
    texts = {path.stem: text(path.name, (*size_wh, 3)) for path in images}
    made = time.perf_counter()
    for name, data in texts.items():
        (annotations / f"{name}.xml").write_bytes(data)
    print(len(texts) / (time.perf_counter() - started))
    print(len(texts) / (made - started))


def main() -> None:
    """Write with one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("writer", choices=("supervision", "lxml", "negmine"))
    parser.add_argument("bank", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--xml-alone", action="store_true")
    args = parser.parse_args()
    images = sorted(args.bank.glob("negatives/*/*.jpg"))
    if args.xml_alone:
        from tiny_bank import SIZE_WH

        texts = {"supervision": supervision_text, "lxml": lambda: lxml_text, "negmine": negmine_text}
        xml_alone(texts[args.writer](), images, SIZE_WH, args.out)
    elif args.writer == "negmine":
        parser.error("expected --xml-alone with negmine; `negmine export` writes the rest")
    else:
        {"supervision": supervision_data_set, "lxml": lxml_data_set}[args.writer](images, args.out)


if __name__ == "__main__":
    main()
