"""Readers of what negmine itself writes, with damaged folders to read."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
from fuzz_seeds import Read, images_in, saved
from mutating import ODD_VALUES, changed_bytes, changed_tree


def _bank_in(folder: Path) -> Path:
    """A bank of a few negatives."""
    from negmine.detectors.function import FunctionDetector
    from negmine.mining.scan import scan
    from negmine.structures import Detections

    images_in(folder)
    (folder / "images/b.png").write_bytes(saved("PNG", "L"))
    found = Detections(np.array([[2.0, 2, 50, 50]]), np.array([0.8]), np.array([0]))
    scan(
        folder / "images", FunctionDetector(lambda image: found, {0: "cat"}, name="fuzz", key="1"), bank=folder / "bank"
    )
    return folder / "bank"


def bank(folder: Path) -> Read:
    """Cells, tables and pages of the database, and the files beside it."""
    from negmine.bank.bank import Bank
    from negmine.bank.verify import verify

    seed = _bank_in(folder)
    opened = sqlite3.connect(seed / "bank.db")
    opened.execute("pragma wal_checkpoint(truncate)")
    tables = [
        name
        for (name,) in opened.execute("select name from sqlite_master where type = 'table' and name not like 'sqlite%'")
    ]
    columns = {table: [row[1] for row in opened.execute(f"pragma table_info({table})")] for table in tables}
    opened.close()

    def read(rng: random.Random) -> None:
        bank = folder / "changed"
        shutil.rmtree(bank, ignore_errors=True)
        shutil.copytree(seed, bank)
        if rng.random() < 0.3:
            data = (bank / "bank.db").read_bytes()
            (bank / "bank.db").write_bytes(changed_bytes(rng, data))
        else:
            _change_rows(rng, bank / "bank.db", columns)
        if rng.random() < 0.3:
            path = rng.choice(sorted(each for each in bank.rglob("*") if each.is_file() and each.name != "bank.db"))
            path.write_bytes(changed_bytes(rng, path.read_bytes()))
        verify(bank)
        with Bank(bank) as opened:
            list(opened.negatives())

    return read


def _change_rows(rng: random.Random, database: Path, columns: Mapping[str, Sequence[str]]) -> None:
    """Cells, rows and what the schema holds."""
    connection = sqlite3.connect(database)
    try:
        connection.execute("pragma foreign_keys=off")
        for _ in range(rng.randint(1, 4)):
            table = rng.choice(list(columns))
            statement = rng.choice(
                (
                    f'update "{table}" set "{rng.choice(columns[table])}" = ?1',
                    f'update "{table}" set "{rng.choice(columns[table])}" = ?1 where rowid = 1',
                    f'delete from "{table}" where rowid = 1 or ?1 is 0.123',
                    f'create trigger t{rng.random()} after insert on "{table}" begin delete from "{table}"; end',
                    f'create view "v{rng.random()}" as '
                    "with recursive c(x) as (select 1 union all select x from c) select x from c",
                    f'alter table "{table}" rename to "other{rng.random()}"',
                    "pragma user_version = 99",
                )
            )
            value = rng.choice(ODD_VALUES)
            if isinstance(value, (list, dict)) or (isinstance(value, int) and abs(value) >= 2**63):
                value = b"\xff" * 9
            try:
                connection.execute(statement, (value,) if "?1" in statement else ())
            except (sqlite3.Error, ValueError):
                continue
        connection.commit()
    finally:
        connection.close()


def manifest(folder: Path) -> Read:
    """The list of files that an export keeps."""
    from negmine.exporting.config import ExportConfig
    from negmine.exporting.export import export

    bank, out = _bank_in(folder), folder / "out"
    export(bank, out, config=ExportConfig(format="yolo"))
    manifest = next(out.glob("negmine-*.json"))
    text = manifest.read_text()

    def read(rng: random.Random) -> None:
        changed = json.dumps(changed_tree(rng, json.loads(text), 0.1)).encode()
        manifest.write_bytes(changed_bytes(rng, changed) if rng.random() < 0.2 else changed)
        try:
            export(bank, out, config=ExportConfig(format="yolo"))
        finally:
            manifest.write_text(text)

    return read


def retrain(folder: Path) -> Read:
    """All that a finished retraining wrote down, read by a resume and by a report."""
    from negmine.reporting.retrained import retraining_content, retraining_facts
    from negmine.retraining.finished import read_finished
    from negmine.retraining.retrain import retrain as run

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    toy = import_module("toy")
    world, seed, changed = toy.make_world(folder / "world", backgrounds=8), folder / "run", folder / "changed"

    def resume(out: Path) -> None:
        config = toy.toy_config(rounds=1, ratio="1:1", workers=1)
        run(world.weights, world.data, backgrounds=world.backgrounds, out=out, config=config, resume=True,
            trainer=toy.ToyTrainer(), open_detector=toy.open_toy)  # fmt: skip

    resume(seed)
    written = sorted(
        path.relative_to(seed)
        for path in (*seed.glob("*.*"), *seed.glob("round-*/*.*"))
        if path.suffix in (".json", ".jsonl", ".txt", ".yaml")
    )

    def read(rng: random.Random) -> None:
        shutil.rmtree(changed, ignore_errors=True)
        shutil.copytree(seed, changed, symlinks=True)
        for name in rng.sample(written, rng.choice((1, 1, 2))):
            data = (changed / name).read_bytes()
            if name.suffix == ".json" and rng.random() < 0.7:
                data = json.dumps(changed_tree(rng, json.loads(data), 0.02)).encode()
            else:
                data = changed_bytes(rng, data)
            (changed / name).write_bytes(data)
        if rng.random() < 0.5:
            resume(changed)
        else:
            retraining_content(retraining_facts(read_finished(changed)), [])

    return read
