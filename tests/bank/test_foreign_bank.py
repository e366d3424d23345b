"""A bank that somebody made to do harm: nothing outside of it is touched, nothing in it runs, and nothing hangs."""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from banks import RUN, contents, judge, make_image
from needs import NAMED_PIPES, PROC

from negmine.augmenting.augment import augment
from negmine.augmenting.config import AugmentConfig
from negmine.bank.bank import Bank
from negmine.bank.content_files import content_name
from negmine.bank.listing import list_negatives
from negmine.bank.merging import merge_banks
from negmine.bank.pruning import prune
from negmine.bank.schema import MIGRATIONS
from negmine.bank.statistics import statistics
from negmine.bank.unlabelled_targets import marked_images
from negmine.bank.verify import verify
from negmine.bank.writer import BankWriter
from negmine.errors import BankError, NegmineError
from negmine.exporting.export import export
from negmine.files import sha256_of
from negmine.ratios.bank_summary import read_bank
from negmine.structures import GroundTruth

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound bank of two negatives and a variant."""
    truth = GroundTruth.of([(60, 60, 70, 70)], ["dog"])
    with BankWriter(tmp_path_factory.mktemp("sound") / "bank", purpose="a test") as bank:
        run = bank.begin_run(RUN)
        with bank.transaction():
            bank.store(run, make_image("a.jpg", negatives=(b"one", b"two"), truth=truth, truth_hash="t"))
            bank.add_variant(1, bank.stage(b"blurred"), (40, 40), "blur", {"sigma": 1.0})
        judge(bank.folder, 2, "accepted")
        return bank.folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    """A copy of the sound bank, to be harmed."""
    return Path(shutil.copytree(sound, tmp_path / "bank"))


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A file of the user's."""
    path = tmp_path / "thesis.txt"
    path.write_text("years of work")
    return path


def change(folder: Path, *statements: str, parameters: tuple[object, ...] = ()) -> None:
    """Run SQL in a bank's database, as anybody can."""
    with closing(sqlite3.connect(folder / "bank.db", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement, parameters)


def force(folder: Path, statement: str, value: object) -> None:
    """Run SQL in a bank's database whose tables take any type; afterwards they say again that they do not."""
    rename = "UPDATE sqlite_master SET sql = ? WHERE name = ?"
    with closing(sqlite3.connect(folder / "bank.db", isolation_level=None)) as connection:
        tables = connection.execute("SELECT sql, name FROM sqlite_master WHERE type = 'table' AND sql != ''").fetchall()
        connection.execute("PRAGMA writable_schema = ON")
        loose = [(sql.replace("STRICT, ", "").replace(") STRICT", ")"), name) for sql, name in tables]
        connection.executemany(rename, loose)
    with closing(sqlite3.connect(folder / "bank.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(statement, (value,))
        connection.execute("PRAGMA writable_schema = ON")
        connection.executemany(rename, tables)


def empty_bank(folder: Path) -> Path:
    BankWriter(folder, purpose="a test").close()
    return folder


def use(folder: Path, out: Path) -> None:
    """Read a bank in every way, and write to it; the first that is refused ends it."""
    with BankWriter(folder, purpose="a test") as writer:
        writer.class_names()
        writer.known_truth(sha256_of(b"a.jpg"))
        writer.known_items(1, ["/pictures/a.jpg"])
        writer.known_sources(1, [sha256_of(b"a.jpg")])
        writer.backgrounds()
    with Bank(folder) as bank:
        list_negatives(bank, sort="cluster")
        statistics(bank, held_back=0, waiting=0)
        marked_images(bank)
    merge_banks(empty_bank(out.parent / "into"), [folder])
    verify(folder, repair=True)
    verify(folder)
    read_bank(folder)
    export(folder, out)
    augment(folder, config=AugmentConfig(per_negative=1))


@pytest.mark.parametrize("name", ["/{precious}", "../thesis.txt", "negatives/../../thesis.txt", "bank.db", "tmp/x"])
def test_what_removals_name_elsewhere_stays(folder: Path, precious: Path, name: str) -> None:
    name = name.replace("/{precious}", str(precious))
    change(folder, "INSERT INTO removals VALUES (?)", parameters=(name,))
    before = (folder / "bank.db").read_bytes()
    with pytest.raises(BankError, match=r"expected the name of a file of the bank in column file, found another str"):
        BankWriter(folder, purpose="a test")
    assert precious.read_text() == "years of work" and (folder / "bank.db").read_bytes() == before


def test_a_negative_that_is_withdrawn_takes_no_other_file_along(folder: Path, precious: Path) -> None:
    change(folder, "UPDATE negatives SET file = ? WHERE id = 1", parameters=(str(precious),))
    before = contents(folder)
    with BankWriter(folder, purpose="a test") as writer:
        run = int(writer.scalar("SELECT id FROM runs") or 0)
        with pytest.raises(BankError, match="in column file"), writer.transaction():
            writer.store(run, make_image("a.jpg", truth_hash="t"))
    assert precious.exists() and contents(folder) == before


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON scans BEGIN INSERT OR IGNORE INTO removals VALUES ('../thesis.txt'); END",
        f"CREATE VIEW v AS {ENDLESS}",
        "CREATE TABLE t (a)",
        "CREATE INDEX x ON negatives (abs(width))",
        "CREATE INDEX x ON negatives (width) WHERE height > 3",
        "CREATE VIRTUAL TABLE t USING fts5(a)",
        "ALTER TABLE negatives ADD COLUMN twice INTEGER AS (width * 2)",
        "ALTER TABLE negatives ADD COLUMN other TEXT DEFAULT 'x'",
        "DROP INDEX crops_source",
        "DROP VIEW hardest",
        "DROP TABLE reviews",
        "ANALYZE",
    ],
)
@pytest.mark.parametrize("how", [Bank, verify, lambda folder: BankWriter(folder, purpose="a test")])
def test_a_bank_with_other_tables_is_refused_and_left_as_it_was(
    folder: Path, statement: str, how: Callable[[Path], object]
) -> None:
    change(folder, statement)
    before = (folder / "bank.db").read_bytes()
    with pytest.raises(
        BankError, match=r"bank.db is not as negmine makes it \([^\n]*\), and is left as it is"
    ) as error:
        how(folder)
    assert "\n" not in str(error.value) and "thesis" not in str(error.value)
    assert (folder / "bank.db").read_bytes() == before
    assert sorted(p.name for p in folder.iterdir()) == ["bank.db", "bank.lock", "negatives", "variants"]


@pytest.mark.parametrize("table", ["negatives", "removals", "hardest"])
def test_an_endless_view_in_the_place_of_a_table_is_refused(folder: Path, table: str) -> None:
    kind = "VIEW" if table == "hardest" else "TABLE"
    change(folder, "PRAGMA foreign_keys = OFF", f"DROP {kind} {table}", f"CREATE VIEW {table}(file) AS {ENDLESS}")
    for open_it in (Bank, verify, lambda bank: export(bank, bank.parent / "out")):
        with pytest.raises(BankError, match="not as negmine makes it"):
            open_it(folder)


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_the_tables_of_every_format_are_known_however_names_are_quoted(tmp_path: Path, version: int) -> None:
    (tmp_path / "bank").mkdir()
    with closing(sqlite3.connect(tmp_path / "bank" / "bank.db", isolation_level=None)) as connection:
        for script in MIGRATIONS[:version]:
            connection.executescript(script)
        connection.executescript(f"PRAGMA application_id = {0x6E65676D}; PRAGMA user_version = {version};")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'REFERENCES sources', 'REFERENCES \"sources\"')"
        )
    with Bank(tmp_path / "bank") as bank:
        assert bank.negative_count() == 0
    BankWriter(tmp_path / "bank", purpose="a test").close()


CELLS = {
    "negatives": ("sha256", "file", "width", "height", "phash"),
    "variants": ("sha256", "file", "width", "height", "operation", "parameters"),
    "detections": ("class_name", "score", "kind"),
    "crops": ("x1", "y1", "x2", "y2"),
    "sources": ("sha256", "key", "width", "height"),
    "items": ("key", "size", "mtime_ns", "truth_hash"),
    "objects": ("class_name", "difficult", "crowd", "x1", "y1", "x2", "y2"),
    "runs": ("class_names",),
    "reviews": ("state",),
}


@pytest.mark.parametrize(("table", "column"), [(table, column) for table, names in CELLS.items() for column in names])
@pytest.mark.parametrize("value", [b"\xff\xfe", "one\ntwo", 7.5, float("inf")], ids=["bytes", "text", "real", "inf"])
@pytest.mark.slow_after(5)
def test_a_cell_of_another_kind_is_one_line(folder: Path, table: str, column: str, value: object) -> None:
    try:
        force(folder, f"UPDATE {table} SET {column} = ?", value)
    except sqlite3.IntegrityError:
        pytest.skip("the values of this column are unique")
    try:
        use(folder, folder.parent / "out")
    except NegmineError as error:
        assert "\n" not in str(error) and "\\xff" not in str(error)


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ((1e300, 0, 1e301, 10), "expected a number of pixels in column x1"),
        ((0, 0, 5, -(2.0**40)), "expected a number of pixels in column y2"),
        ((5, 5, 4, 9), "found an inverted one"),
        ((5, 5, 9, 4), "found an inverted one"),
    ],
)
@pytest.mark.parametrize("table", ["objects", "detections"])
def test_a_box_that_no_image_has_is_damage(
    folder: Path, table: str, box: tuple[float, float, float, float], said: str
) -> None:
    change(folder, f"UPDATE {table} SET x1 = ?, y1 = ?, x2 = ?, y2 = ?", parameters=box)
    other = empty_bank(folder.parent / "into")
    with pytest.raises(BankError, match=rf"bank.db is damaged [^\n]*{said}"):
        merge_banks(other, [folder])
    assert verify(other).ok


def test_text_that_is_no_utf8_is_one_line_without_it(folder: Path) -> None:
    force(folder, "UPDATE negatives SET file = CAST(? AS TEXT) WHERE id = 1", b"secret \xff\xfe")
    with pytest.raises(BankError, match="it holds text that is no UTF-8") as error:
        verify(folder)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("text", ['"mappingproxy({0: \'a\', 12: \\"it\'s\\"})"', '{"12": "it\'s", "0": "a"}'])
def test_class_names_come_back_however_a_run_wrote_them(folder: Path, text: str) -> None:
    force(folder, "UPDATE runs SET class_names = ?", text)
    with Bank(folder) as bank:
        assert bank.class_names() == ("a", "it's")


@pytest.mark.parametrize("kind", ["negatives", "variants", "tmp"])
def test_a_link_in_the_place_of_a_folder_leads_nowhere(folder: Path, tmp_path: Path, kind: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    if (folder / kind).exists():
        shutil.move(folder / kind, elsewhere)
    else:
        elsewhere.mkdir()
        (elsewhere / f"{'0' * 64}-0.part").write_bytes(b"somebody's")
    (folder / kind).symlink_to(elsewhere)
    before = sorted(elsewhere.rglob("*"))
    assert ("foreign", kind) in [(each.kind, each.what) for each in verify(folder).problems]
    with pytest.raises(BankError, match="expected a folder, found a link or a file; put the folder itself there"):
        verify(folder, repair=True)
    assert sorted(elsewhere.rglob("*")) == before


def test_a_link_one_folder_down_leads_nowhere(folder: Path, tmp_path: Path) -> None:
    inner = (folder / content_name("negatives", sha256_of(b"one"))).parent
    shutil.move(inner, tmp_path / "elsewhere")
    inner.symlink_to(tmp_path / "elsewhere")
    with BankWriter(folder, purpose="a test") as writer:
        run = int(writer.scalar("SELECT id FROM runs") or 0)
        with pytest.raises(BankError, match="found a link or a file"), writer.transaction():
            writer.store(run, make_image("a.jpg", truth_hash="t"))  # nothing fires there any more
    assert list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("name", ["bank.db", "bank.db-wal", "bank.db-shm", "bank.db-journal", "bank.lock"])
@pytest.mark.parametrize("repair", [False, True])
def test_a_link_in_the_place_of_a_file_is_not_followed(folder: Path, precious: Path, name: str, repair: bool) -> None:
    if name == "bank.db":
        shutil.move(folder / name, precious)
    before = precious.read_bytes()
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(precious)
    with pytest.raises(BankError, match=rf"{name}.*expected a plain file, found a link|found a link.*{name}"):
        verify(folder, repair=repair)
    assert precious.read_bytes() == before


@pytest.mark.parametrize("repair", [False, True])
def test_a_link_as_the_note_of_the_holder_is_not_followed(folder: Path, precious: Path, repair: bool) -> None:
    (folder / "bank.holder").symlink_to(precious)
    verify(folder, repair=repair)
    assert precious.read_text() == "years of work"


def test_a_lock_that_holds_something_is_not_emptied(folder: Path, precious: Path) -> None:
    (folder / "bank.lock").unlink(missing_ok=True)
    os.link(precious, folder / "bank.lock")
    with pytest.raises(BankError, match="expected it to be empty"):
        verify(folder)
    assert precious.read_text() == "years of work"


@NAMED_PIPES
@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["bank.holder", "bank.lock", "bank.db", "bank.db-wal", "negatives", "tmp", "{one}"])
def test_a_pipe_keeps_nobody_waiting(folder: Path, name: str, tmp_path: Path) -> None:
    path = folder / name.replace("{one}", content_name("negatives", sha256_of(b"one")))
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    os.mkfifo(path)
    for work in (verify, lambda bank: verify(bank, repair=True), lambda bank: use(bank, tmp_path / "out")):
        try:
            work(folder)
        except NegmineError as error:
            assert "\n" not in str(error)


def test_an_error_that_quotes_bytes_is_one_line(folder: Path) -> None:
    change(
        folder,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET name = CAST(x'ff' AS TEXT), sql = 'x' WHERE name = 'sources'",
    )
    for repair in (False, True):
        with pytest.raises(BankError, match="it holds text that is no UTF-8"):
            verify(folder, repair=repair)


_TOO_LARGE = 3 << 30  # bytes of a file of a bank


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(_TOO_LARGE)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(_pipe, marks=NAMED_PIPES),
        lambda path: path.symlink_to("/dev/zero"),
        pytest.param(lambda path: path.symlink_to("/proc/self/pagemap"), marks=PROC),  # goes on for 256 GB
        _sparse,
    ],
)
@pytest.mark.parametrize("command", ["augment", "export", "verify", "prune", "merge"])
def test_a_negative_without_an_end_costs_nothing(
    folder: Path, tmp_path: Path, harm: Callable[[Path], None], command: str
) -> None:
    path = folder / content_name("negatives", sha256_of(b"one"))
    path.unlink()
    harm(path)
    if command == "augment":
        skipped = augment(folder, config=AugmentConfig(per_negative=2)).skipped
        assert path in [each.path for each in skipped]
    elif command == "export":
        with pytest.raises(NegmineError, match=r"is damaged|is gone|expected of such a file"):
            export(folder, tmp_path / "out")
        assert sum(each.stat().st_size for each in (tmp_path / "out").rglob("*.jpg*")) < 1000
    elif command == "verify":
        assert path.relative_to(folder).as_posix() in " ".join(each.what for each in verify(folder).problems)
    elif command == "prune":
        assert [each.ground for each in prune(folder).prunable if each.sha256 == path.stem] == ["file-damaged"]
    else:
        (merged,) = merge_banks(empty_bank(tmp_path / "into"), [folder]).merged
        assert path.relative_to(folder).as_posix() in merged.unusable


@PROC
@pytest.mark.timeout(20)
@pytest.mark.parametrize("source", ["/proc/self/pagemap", "/dev/zero", "{sparse}"])
def test_an_image_without_an_end_is_not_read_to_be_pruned(folder: Path, tmp_path: Path, source: str) -> None:
    _sparse(tmp_path / "sparse.jpg")
    source = source.format(sparse=tmp_path / "sparse.jpg")
    change(folder, "DELETE FROM items")
    change(folder, "UPDATE sources SET key = ?", parameters=(source.encode(),))
    assert {each.ground for each in prune(folder).prunable} <= {"file-damaged", "source-changed", "source-gone"}


def test_a_journal_that_names_a_file_to_be_deleted_is_refused(folder: Path, precious: Path) -> None:
    """SQLite plays such a journal back as soon as it opens the database, and then deletes the file that it names."""
    change(folder, "PRAGMA journal_mode = DELETE")
    database = (folder / "bank.db").read_bytes()
    name = str(precious).encode()
    magic = bytes.fromhex("d9d505f920a163d7")
    header = struct.pack(">8s5I", magic, 0, 1, len(database) // 4096, 512, 4096)
    super_journal = struct.pack(">I", 0x40000000 // 4096 + 1) + name + struct.pack(">II", len(name), sum(name)) + magic
    (folder / "bank.db-journal").write_bytes(header.ljust(512, b"\0") + super_journal)
    for repair in (False, True):
        with pytest.raises(BankError, match="is no journal of a bank: it names another file"):
            verify(folder, repair=repair)
    assert precious.exists()
    with closing(sqlite3.connect(folder / "bank.db")) as connection:  # so would SQLite itself
        connection.execute("SELECT count(*) FROM negatives").fetchone()
    assert not precious.exists()


def test_a_question_to_pages_that_lead_round_and_round_ends(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("negmine.bank.connection._STEPS", 1000)
    monkeypatch.setattr("negmine.bank.connection._MOST_STEPS", (100_000, 0))
    with Bank(folder) as bank, pytest.raises(BankError, match="takes far longer than its size explains"):
        list(bank.query(ENDLESS))
    with Bank(folder) as bank:
        for _ in range(200):  # each by itself is short
            assert bank.scalar(
                "SELECT sum(value) FROM json_each('[' || replace(hex(zeroblob(500)), '00', '1,') || '1]')"
            )


def test_a_database_of_holes_is_not_read(folder: Path) -> None:
    os.truncate(folder / "bank.db", 1 << 42)
    for work in (verify, lambda bank: verify(bank, repair=True), Bank):
        with pytest.raises(BankError, match="it is nearly all holes"):
            work(folder)


@pytest.mark.parametrize(("table", "column"), [("detections", "class_name"), ("runs", "class_names")])
def test_a_cell_of_many_megabytes_is_not_read(folder: Path, table: str, column: str) -> None:
    force(folder, f"UPDATE {table} SET {column} = replace(hex(zeroblob(?)), '0', 'a')", 5 << 19)
    with Bank(folder) as bank, pytest.raises(BankError, match="string or blob too big"):
        list_negatives(bank, sort="cluster"), bank.class_names()


@pytest.mark.slow
def test_folders_in_folders_without_an_end_are_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder / "negatives")
    for _ in range(1100):
        Path("d").mkdir()
        os.chdir("d")
    Path("file").touch()
    try:
        (problem,) = verify(folder).problems
        assert problem.kind == "foreign"
    finally:  # so deep a tree would end the removal of old folders by pytest with an error
        Path("file").unlink()
        for _ in range(1100):
            os.chdir("..")
            Path("d").rmdir()
        monkeypatch.undo()
