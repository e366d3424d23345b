"""Write an image folder of `negmine export --format imagefolder` as Parquet: a file for each split, images inside.

pip install datasets
negmine export --format imagefolder --out as-imagefolder
python to_parquet.py as-imagefolder as-parquet

A hundred images are held at a time. `datasets.load_dataset("as-parquet")` reads the folder, and the Hub shows it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from datasets import load_dataset
from datasets.table import embed_table_storage

_BATCH = 100  # images


def main(folder: Path, out: Path) -> None:
    """Write `SPLIT-00000-of-00001.parquet` for each split, by which `datasets` tells the splits."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".cache-") as cache:
        for name, split in load_dataset(str(folder), cache_dir=cache).items():
            with_bytes = split.with_format("arrow").map(embed_table_storage, batched=True, batch_size=_BATCH)
            part = Path(cache) / "part.parquet"
            with_bytes.with_format(None).to_parquet(part, batch_size=_BATCH)
            written = part.replace(out / f"{name}-00000-of-00001.parquet")
            print(f"{written}: {len(split)} images")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
