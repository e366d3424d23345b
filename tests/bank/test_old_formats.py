"""Banks that older versions wrote: they are read as they are, and the next writer brings them up to date."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from banks import contents
from blobs import draw, square_detector, voc_xml

from negmine.bank.bank import Bank
from negmine.bank.schema import APPLICATION_ID, MIGRATIONS
from negmine.bank.verdicts import Verdicts
from negmine.bank.verify import verify
from negmine.bank.writer import BankWriter
from negmine.mining.scan import scan
from negmine.trainable import trainable

_OLD_NAMES = {"items": "files"}


@pytest.fixture(params=[1, 2, 3, 4, 5])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A bank of a labelled scan in an older format: its tables are made by the migrations of that time."""
    for i in range(4):
        draw(tmp_path / "set" / "images" / f"{i}.png", [(60, 40, 80, 60, 50 + i), (130, 20, 150, 40, 60)], seed=i)
        voc_xml(tmp_path / "set" / "annotations" / f"{i}.xml", f"{i}.png", [("lamp", 61, 41, 80, 60)])
    bank = tmp_path / "bank"
    scan(tmp_path / "set" / "images", square_detector(), bank=bank, truth=tmp_path / "set")
    (bank / "bank.db").rename(tmp_path / "new.db")
    with closing(sqlite3.connect(bank / "bank.db", isolation_level=None)) as connection:
        for script in MIGRATIONS[: request.param]:
            connection.executescript(script)
        connection.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {request.param}")
        there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        connection.execute("ATTACH ? AS new", (str(tmp_path / "new.db"),))
        connection.execute("PRAGMA foreign_keys = OFF")
        for (name,) in connection.execute("SELECT name FROM new.sqlite_master WHERE type = 'table'").fetchall():
            if (old_name := name if name in there else _OLD_NAMES.get(name, name)) in there:
                older = len(connection.execute(f"PRAGMA main.table_info({old_name})").fetchall())
                columns = [row[1] for row in connection.execute(f"PRAGMA new.table_info({name})")][:older]
                connection.execute(f"INSERT INTO main.{old_name} SELECT {', '.join(columns)} FROM new.{name}")
    return bank


def test_an_old_bank_is_read_and_not_changed(old: Path) -> None:
    before = (old / "bank.db").read_bytes()
    with Bank(old) as bank:
        negatives = list(bank.negatives())
        assert [negative.source.name for negative in negatives] == [f"{i}.png" for i in range(4)]
        assert [bank.cuts()[negative.id][0].path for negative in negatives] == [n.source for n in negatives]
        assert [len(each) for each in trainable(bank)] == [4, 0]
        assert bank.scalar("SELECT count(*) FROM items WHERE key = CAST(path AS BLOB)") == 4
    assert verify(old).ok
    assert (old / "bank.db").read_bytes() == before


def test_a_reader_that_is_open_while_a_writer_changes_the_format_sees_what_is_new(old: Path) -> None:
    with closing(sqlite3.connect(old / "bank.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")  # as writers of all times have it
    with Bank(old) as reader:
        assert reader.scalar("SELECT count(key) FROM sources") == 4
        half_read = reader.query("SELECT key FROM sources")
        next(half_read)
        with Verdicts(old) as verdicts:
            (number, *_) = sorted(each.id for each in verdicts.negatives())
            verdicts.decide([number], "rejected", origin="review")
        assert len(list(half_read)) == 3
        assert reader.scalar("SELECT count(*) FROM acts") == 1
        assert [each.id for each in reader.negatives() if each.review == "rejected"] == [number]
        assert [len(each) for each in trainable(reader)] == [3, 0]


def test_the_next_writer_brings_it_up_to_date_and_nothing_is_scanned_again(old: Path, tmp_path: Path) -> None:
    with BankWriter(old, purpose="a test") as writer:
        assert writer.scalar("PRAGMA user_version") == len(MIGRATIONS)
        assert writer.tried(1) == set()
    assert verify(old).ok
    before = contents(old)
    result = scan(tmp_path / "set" / "images", square_detector(), bank=old, truth=tmp_path / "set")
    assert (result.scanned, result.unchanged, result.total) == (0, 4, 4)
    assert contents(old) == before
