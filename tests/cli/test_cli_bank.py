"""`negmine bank` as users meet it: what is printed, what is stored, and every way to type it wrong."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import cv2
import pytest
from banks import bank_maker, contents, copy_banks
from commands import one_line

from negmine.bank.bank import Bank
from negmine.bank.records import Negative
from negmine.bank.writer import BankWriter

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two banks."""
    folder = tmp_path_factory.mktemp("made")
    make = bank_maker(folder)
    make({"x.png": [(20, 20, 60, 60, 90)], "y.png": [(20, 20, 60, 60, 80)]}, "other")
    bank = make(4, "negmine-bank")
    with closing(sqlite3.connect(bank / "bank.db", isolation_level=None)) as connection:
        connection.execute("UPDATE detections SET class_name = '=cmd()' WHERE negative_id = 1")
    return folder


@pytest.fixture
def bank(made: Path, tmp_path: Path) -> Path:
    """Four negatives, in the folder that is the default; 000.png is the softest, and one class could be a formula."""
    copy_banks(made, tmp_path)
    return tmp_path / "negmine-bank"


@pytest.fixture
def hardest(bank: Path) -> list[Negative]:
    """Its negatives, hardest first."""
    with Bank(bank) as opened:
        return list(opened.negatives())


def states(bank: Path) -> list[str]:
    """Hardest first."""
    with Bank(bank) as opened:
        return [each.review for each in opened.negatives()]


def test_the_list_fits_a_terminal(run: Run, hardest: list[Negative], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")  # a terminal, to rich
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    done = run("bank", "list")
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["id", "score", "class", "verdict", "source"] and max(map(len, lines)) <= 80
    assert [line.split()[:2] for line in lines[2:6]] == [[n.sha256[:7], f"{n.score:.2f}"] for n in hardest]
    assert lines[-1] == "4 of 4 negatives"
    assert run("bank", "list", "--limit", "1").stdout.splitlines()[-1] == "1 of 4 negatives; --limit 0 lists all"


def test_the_list_as_json_and_csv_has_all_of_it(run: Run, hardest: list[Negative]) -> None:
    document = json.loads(run("bank", "list", "--json", "--sort", "newest").stdout)
    assert (document["schema_version"], document["found"]) == (1, 4)
    assert [each["id"] for each in document["negatives"]] == [
        each.sha256 for each in sorted(hardest, key=lambda each: -each.id)
    ]
    rows = list(csv.DictReader(io.StringIO(run("bank", "list", "--csv").stdout)))
    assert [row["id"] for row in rows] == [each.sha256 for each in hardest]
    assert rows[-1]["class"] == "'=cmd()"  # no formula to a spreadsheet
    assert [int(rows[0][side]) for side in ("x1", "y1", "x2", "y2")] == list(hardest[0].rect)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--class", "lamp"], 3),
        (["--class", "lamp", "--class", "=cmd()"], 4),
        (["--state", "rejected"], 1),
        (["--run", "1"], 4),
        (["--run", "2"], 0),
        (["--min-score", "0.215", "--max-score", "0.225"], 1),
        (["--folder", "negmine-bank-in"], 4),
        (["--folder", "negmine-ban"], 0),
        (["--cluster", "1"], 0),
        (["--place", "1"], 0),
    ],
)
def test_filters(run: Run, bank: Path, hardest: list[Negative], options: list[str], found: int) -> None:
    run("bank", "reject", hardest[0].sha256)
    assert json.loads(run("bank", "list", "--json", *options).stdout)["found"] == found
    assert json.loads(run("bank", "stats", "--json", *options).stdout)["negatives"] == found


def test_the_numbers_of_a_bank(run: Run, bank: Path, hardest: list[Negative]) -> None:
    run("bank", "target", hardest[0].sha256)
    document = json.loads(run("bank", "stats", "--json").stdout)
    assert document["classes"] == {"lamp": 3, "=cmd()": 1}
    assert document["states"] == {"unreviewed": 3, "accepted": 0, "rejected": 0, "target": 1}
    assert document["folders"] == {str(bank.parent / "negmine-bank-in"): 4} and document["images"] == 4
    assert [(each["weights"], each["negatives"]) for each in document["runs"]] == [("squares", 4)]
    assert "negmine-bank: 4 negatives of 4 images, 0 variants" in run("bank", "stats").stdout


@pytest.mark.parametrize("verdict", ["accept", "reject", "target"])
def test_a_verdict_names_what_changed_and_can_be_taken_back(
    run: Run, bank: Path, hardest: list[Negative], verdict: str
) -> None:
    state = {"accept": "accepted", "reject": "rejected", "target": "target"}[verdict]
    first, second = (each.sha256[:7] for each in hardest[:2])
    done = run("bank", verdict, first, second.upper(), first)
    assert done.returncode == 0 and done.stdout.startswith("2 negatives ")
    assert done.stdout.endswith(f": {first}, {second}\n")
    assert states(bank) == [state, state, "unreviewed", "unreviewed"]
    assert run("bank", verdict, first).stdout.startswith("1 negative already ")
    assert json.loads(run("bank", verdict, hardest[2].sha256, first, "--json").stdout) == {
        "schema_version": 1, "act": 2, "changed": [{"id": hardest[2].sha256, "state": state}], "unchanged": 1,
    }  # fmt: skip
    assert run("bank", "undo").returncode == run("bank", "undo").returncode == 0
    assert states(bank) == ["unreviewed"] * 4
    assert "no decision made with `negmine bank` to take back" in one_line(run("bank", "undo"))


def test_one_decision_of_several_is_taken_back(run: Run, bank: Path, hardest: list[Negative]) -> None:
    run("bank", "reject", hardest[0].sha256, hardest[1].sha256)
    run("bank", "accept", hardest[1].sha256)
    assert json.loads(run("bank", "undo", "--act", "1", "--json").stdout)["changed"] == [
        {"id": hardest[0].sha256, "state": "unreviewed"}
    ]
    assert states(bank)[:2] == ["unreviewed", "accepted"]
    assert "no decision 1 to take back" in one_line(run("bank", "undo", "--act", "1"))
    assert "1 negative unreviewed again" in run("bank", "undo", hardest[1].sha256[:8]).stdout
    assert states(bank)[:2] == ["unreviewed", "unreviewed"]


def test_a_list_is_judged_through_a_pipe(run: Run, bank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = run("bank", "list", "--csv", "--max-score", "0.215").stdout
    monkeypatch.setattr("sys.stdin", io.StringIO(listed))
    assert run("bank", "reject", "-").returncode == 0
    assert states(bank) == ["unreviewed", "unreviewed", "rejected", "rejected"]
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run("bank", "reject", "-").returncode == 2


def test_a_plain_list_in_a_pipe_is_what_reject_reads(
    run: Run, bank: Path, hardest: list[Negative], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = run("bank", "list", "--limit", "2")
    assert [line.split("\t") for line in listed.stdout.splitlines()] == [
        [each.sha256[:7], f"{each.score:.2f}", "lamp", "unreviewed", str(each.source)] for each in hardest[:2]
    ]
    assert listed.stderr == "2 of 4 negatives; --limit 0 lists all\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(listed.stdout))
    assert run("bank", "reject", "-").stdout.startswith("2 negatives rejected: ")
    assert states(bank) == ["rejected", "rejected", "unreviewed", "unreviewed"]


@pytest.mark.parametrize("wrong", ["─────── ─────", "4 of 4 negatives", '{"schema_version": 1}', "no negative"])
def test_what_is_no_list_on_stdin_stores_nothing(
    run: Run, bank: Path, hardest: list[Negative], monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"id  score\n{hardest[0].sha256}  0.23\n{wrong}\n"))
    assert "expected an ID at the start of line 3 of stdin" in one_line(run("bank", "reject", "-"))
    assert states(bank) == ["unreviewed"] * 4


def test_what_is_held_back_is_listed_drawn_and_counted_alone(run: Run, bank: Path) -> None:
    with BankWriter(bank, purpose="a test") as writer:
        list(writer.query("INSERT INTO likenesses VALUES (1, 0.99, 1, 1), (2, 0.5, 2, 2), (3, 0.98, 3, 3)"))
        numbers = {each.sha256[:7]: each.id for each in writer.negatives()}
    listed = [line.split("\t") for line in run("bank", "list", "--held-back").stdout.splitlines()]
    assert [(numbers[row[0]], row[3]) for row in listed] == [(3, "held back"), (1, "held back")]
    assert json.loads(run("bank", "stats", "--held-back", "--json").stdout)["negatives"] == 2
    assert run("bank", "sheet", "--held-back", "--out", "sheet.png").stdout == "2 of 2 negatives drawn on sheet.png\n"
    assert "expected --held-back or --state" in one_line(run("bank", "list", "--held-back", "--state", "accepted"))
    run("bank", "accept", listed[0][0])
    assert len(run("bank", "list", "--held-back").stdout.splitlines()) == 1


def test_a_sheet_shows_verdicts_without_colours_too(run: Run, hardest: list[Negative], tmp_path: Path) -> None:
    run("bank", "sheet", "--out", "sheet.png")
    plain = cv2.imread(str(tmp_path / "sheet.png"), cv2.IMREAD_GRAYSCALE)
    for verdict, each in zip(("accept", "reject", "target"), hardest, strict=False):
        run("bank", verdict, each.sha256)
    run("bank", "sheet", "--out", "sheet.png")
    marked = cv2.imread(str(tmp_path / "sheet.png"), cv2.IMREAD_GRAYSCALE)
    assert plain is not None and marked is not None
    height, width = (side // 2 for side in marked.shape)
    corners = [(marked[y : y + 30, x : x + 30] > 150).tobytes() for y in (0, height) for x in (0, width)]
    assert len({*corners}) == 4  # a tick, a cross, a ring, and nothing
    assert (plain[height:, width:] == marked[height:, width:]).all()  # nobody judged the last


def test_an_id_that_is_none_stores_nothing(run: Run, bank: Path, hardest: list[Negative]) -> None:
    known = hardest[0].sha256
    with closing(sqlite3.connect(bank / "bank.db", isolation_level=None)) as connection:
        twin = known[:10] + ("0" if known[10] != "0" else "1") * 54
        connection.execute("UPDATE negatives SET sha256 = ? WHERE id = ?", (twin, hardest[1].id))
    before = contents(bank)
    for wrong, message in (
        ("abc", "expected 4 or more hex digits"),
        ("g" * 8, "expected 4 or more hex digits"),
        ("0" * 12, "has no negative 000000000000"),
        (known[:8], "is the beginning of several negatives"),
    ):
        assert message in one_line(run("bank", "reject", hardest[2].sha256, wrong))
        assert message in one_line(run("bank", "show", wrong))
    assert contents(bank) == before


def test_a_verdict_is_stored_beside_a_scan(run: Run, bank: Path, hardest: list[Negative]) -> None:
    with BankWriter(bank, purpose="negmine scan"):
        assert run("bank", "reject", hardest[0].sha256).returncode == 0
        assert states(bank)[0] == "rejected" and run("bank", "undo").returncode == 0
        for command in (["vacuum"], ["merge", "other"]):
            assert "negmine-bank is in use by process" in one_line(run("bank", *command))


def test_all_that_is_known_of_a_negative(run: Run, bank: Path, hardest: list[Negative]) -> None:
    negative = hardest[0]
    run("bank", "reject", negative.sha256)
    done = run("bank", "show", negative.sha256[:7])
    assert done.returncode == 0
    said = {line[:16].strip(): line[17:] for line in done.stdout.splitlines()}
    assert (said["id"], said["verdict"], said["source"]) == (negative.sha256, "rejected", str(negative.source))
    assert said["false positive"] == "0.23 lamp at 60, 40 to 80, 60, run 1"
    assert said["decision"] == "1: unreviewed to rejected, by bank" and said["run 1"].startswith("squares (")
    document = json.loads(run("bank", "show", negative.sha256, "--json").stdout)
    assert document["file_is_there"] and document["source_state"] == "there" and document["acts"][0]["act"] == 1
    negative.source.write_bytes(b"another")
    negative.path.unlink()
    said = {line[:16].strip(): line[17:] for line in run("bank", "show", negative.sha256).stdout.splitlines()}
    assert said["source"].endswith(" (changed)") and said["file"].endswith(" (gone)")


def test_a_picture_is_drawn_where_the_terminal_can(
    run: Run, bank: Path, hardest: list[Negative], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run("bank", "show", hardest[0].sha256, "--picture")
    assert done.returncode == 0 and "no picture: it needs a terminal" in done.stderr
    for name, value in {"FORCE_COLOR": "1", "COLORTERM": "truecolor", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    drawn = run("bank", "show", hardest[0].sha256, "--picture").stdout
    rows = [line for line in drawn.splitlines() if "\u2580" in line]
    assert 10 <= len(rows) <= 40 and all(row.count("\u2580") <= 100 for row in rows)
    colours = re.findall(r"[34]8;2;(\d+);(\d+);(\d+)", drawn)
    assert any(int(red) > 180 and int(green) < 70 and int(blue) < 70 for red, green, blue in colours)  # a box


def test_a_sheet_is_the_same_again_and_replaces_an_image_alone(run: Run, bank: Path, tmp_path: Path) -> None:
    done = run("bank", "sheet", "--out", "sheet.png", "--hardest", "3")
    assert done.stdout == "3 of 4 negatives drawn on sheet.png\n"
    data = (tmp_path / "sheet.png").read_bytes()
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None and (sheet == (0, 0, 255)).all(axis=2).sum() > 100  # the boxes
    assert run("bank", "sheet", "--out", "sheet.png", "--hardest", "3").returncode == 0
    assert (tmp_path / "sheet.png").read_bytes() == data
    (tmp_path / "notes.png").write_text("mine")
    assert "exists and is not an image" in one_line(run("bank", "sheet", "--out", "notes.png"))
    assert "to end in .jpg or .png" in one_line(run("bank", "sheet", "--out", "notes.txt"))
    assert "no such negative to draw" in one_line(run("bank", "sheet", "--out", "a.png", "--class", "dog"))
    assert (tmp_path / "notes.png").read_text() == "mine" and not (tmp_path / "a.png").exists()


def test_a_negative_without_its_file_leaves_a_grey_place_on_a_sheet(run: Run, hardest: list[Negative]) -> None:
    hardest[0].path.unlink()
    done = run("bank", "sheet", "--out", "sheet.jpg")
    assert done.returncode == 0 and f"skipped {hardest[0].path.name}: its file is gone" in done.stderr


def test_pruning_names_first(run: Run, bank: Path, hardest: list[Negative]) -> None:
    run("bank", "reject", hardest[0].sha256)
    hardest[0].path.unlink()
    said = run("bank", "prune").stdout
    assert f"negative {hardest[0].sha256[:10]} (rejected): its file is gone" in said
    assert "1 negative or variant would be removed; --yes removes them" in said and "1 of them judged; " in said
    assert len(states(bank)) == 4
    assert json.loads(run("bank", "prune", "--yes", "--files-only", "--json").stdout)["removed"] is True
    assert len(states(bank)) == 3 and run("verify").returncode == 0
    assert "0 negatives and variants to remove" in run("bank", "prune").stdout


def test_a_check_names_the_first_problems_of_each_kind_and_counts_the_others(run: Run, bank: Path) -> None:
    for number in range(102):
        (bank / "negatives" / f"junk{number}.txt").touch()
    done, document = run("verify"), json.loads(run("verify", "--json").stdout)
    lines = done.stdout.splitlines()
    assert done.returncode == 1 and sum(line.startswith("foreign: negatives/junk") for line in lines) == 100
    assert "foreign: 2 more; --json names all" in lines and "102 problems" in lines[-1]
    assert len(document["problems"]) == 102


def test_merging_says_what_was_taken(run: Run, bank: Path) -> None:
    with Bank(bank.parent / "other") as opened:
        next(opened.negatives()).path.write_bytes(b"damaged")
    done = run("bank", "merge", "other", "--conflicts", "own")
    assert "other: 1 negative and 0 variants added, 0 already here, 0 verdicts changed" in done.stdout
    assert "1 file left out: missing, damaged, or not as stated" in done.stdout and "skipped negatives/" in done.stderr
    assert len(states(bank)) == 5
    document = json.loads(run("bank", "merge", "other", "--json").stdout)
    assert [each["added"] for each in document["merged"]] == [0] and document["negatives"] == 5


def test_banks_are_merged_into_one_that_was_not_there(run: Run, bank: Path) -> None:
    done = run("bank", "merge", "negmine-bank", "other", "--bank", "both")
    assert done.returncode == 0 and done.stdout.endswith(" in both, a new bank\n")
    assert json.loads(run("bank", "merge", "other", "--bank", "both", "--json").stdout)["new"] is False


def test_a_vacuum_says_what_it_gave_back(run: Run, bank: Path) -> None:
    assert run("bank", "vacuum").stdout.startswith("negmine-bank: bank.db is 0.")
    document = json.loads(run("bank", "vacuum", "--json").stdout)
    assert document["before"] >= document["after"] > 0


COMMANDS = [
    ["list"], ["stats"], ["show", "abcdef"], ["sheet", "--out", "a.png"], ["accept", "abcdef"], ["reject", "abcdef"],
    ["target", "abcdef"], ["undo"], ["merge", "other"], ["prune", "--yes"], ["vacuum"],
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_what_is_no_bank_is_one_line(run: Run, command: list[str], tmp_path: Path) -> None:
    assert "does not exist" in one_line(run("bank", *command))
    BankWriter(tmp_path / "other", purpose="a test").close()
    (tmp_path / "negmine-bank").mkdir()
    (tmp_path / "negmine-bank" / "bank.db").write_bytes(b"no database, but some text that is as long as a header " * 9)
    assert "damaged or not an SQLite file" in one_line(run("bank", *command))
    (tmp_path / "negmine-bank" / "bank.db").unlink()
    with closing(sqlite3.connect(tmp_path / "negmine-bank" / "bank.db")) as connection:
        connection.executescript(f"CREATE TABLE t (a); PRAGMA application_id = {0x6E65676D}; PRAGMA user_version = 99;")
    assert "a newer negmine wrote it" in one_line(run("bank", *command))
    assert not (tmp_path / "a.png").exists()


def test_a_usage_error_is_status_2(run: Run, bank: Path) -> None:
    for arguments in (
        ["list", "--json", "--csv"], ["reject"], ["merge"], ["undo", "abcd", "--act", "1"], ["list", "--sort", "size"],
        ["show", "abcdef", "--picture", "--json"], ["list", "--state", "odd"],
    ):  # fmt: skip
        assert run("bank", *arguments).returncode == 2
