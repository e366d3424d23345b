"""What a report says of a retraining: its rounds and curves, what it changed in which picture, and what to use."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from page_read import Page
from toy import ToyTrainer, World, copy_tree, make_world, open_toy, toy_config, write_weights

from negmine.errors import ConfigError, NegmineError
from negmine.evaluating.image_scores import ImageScores
from negmine.reporting.curves import curves_of
from negmine.reporting.report import report
from negmine.retraining.finished import read_finished
from negmine.retraining.result import RetrainResult
from negmine.retraining.retrain import retrain


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"), backgrounds=24)


def go(world: World, out: Path, trainer: ToyTrainer, **changes: object) -> RetrainResult:
    return retrain(
        world.weights, world.data, backgrounds=world.backgrounds, out=out, trainer=trainer, open_detector=open_toy,
        config=toy_config(rounds=1, negatives=100, **changes), clock=lambda: 0.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def done(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A retraining that learned three kinds of things of six, and can no longer see the faintest lamps."""
    out = tmp_path_factory.mktemp("done") / "out"
    result = go(world, out, ToyTrainer(per_round=3, blind_under=0.35), max_recall_loss=0.3)
    assert result.improved and len(result.rounds) == 2
    return out


def test_what_a_retraining_changed(done: Path, tmp_path: Path) -> None:
    result = report(None, tmp_path / "r.html", retrain=done)
    page, facts = Page(tmp_path / "r.html"), result.retraining
    assert facts is not None and facts.changes is not None and result.bank.folder == done / "bank"
    found = {what: len(rows) for what, rows in facts.changes.by_what.items()}
    start = json.loads((done / "round-0" / "metrics.json").read_text())
    after = json.loads((done / "round-1" / "metrics.json").read_text())
    images = start["held_out"]
    assert found["went away"] + found["still fires"] == round(start["fppi"] * images) > found["went away"] > 0
    assert found["still fires"] + found["newly fires"] == round(after["fppi"] * images)
    objects = facts.changes.objects
    assert found["lost"] - found["found now"] == round((start["recall"] - after["recall"]) * objects)
    assert found["lost"] > 0
    for title, what in (("Went away", "went away"), ("Still fires", "still fires"), ("Lost", "lost")):
        assert len(page.pictures(title)) == min(found[what], 12)
    assert all("→ none" in said for said in page.pictures("Lost"))
    verdict = json.loads((done / "result.json").read_text())["verdict"]
    said = page.section("retraining")
    assert verdict.replace("->", "→")[1:] in said and "Use the result with --conf 0.25, as before." in said
    assert f"{found['went away']} went away and {found['still fires']} still fire" in said
    assert f"{found['lost']} {'was' if found['lost'] == 1 else 'were'} lost" in said
    assert len(page.tree.xpath("//*[@class='charts']//svg")) == 3
    assert result.missing == () and result.pictures > 0


def _rows(page: Page) -> dict[str, str]:
    """The table of rounds: what is said of each, by its name."""
    table = "//h2[@id='retraining']/following-sibling::div[@class='scroll'][1]/table"
    return {row.xpath("string(th)"): " ".join(row.xpath("td//text()")) for row in page.tree.xpath(f"{table}/tbody/tr")}


def test_the_figures_of_the_verdict_are_in_the_table(done: Path, tmp_path: Path) -> None:
    found = json.loads((done / "result.json").read_text())
    page, report_of = Page(report(None, tmp_path / "r.html", retrain=done).out), found["report"]
    assert set(report_of["chosen_by_halves"]) == {found["best"]}
    rows = _rows(page)
    assert list(rows) == ["the start", "round 1 (result)"]
    for row, key in zip(rows.values(), ("fppi_before", "fppi_after"), strict=True):
        figure = f"{report_of[key]:.3g}"
        assert figure in found["verdict"] and figure in row.split()
    assert "Each half of the held-out images, by itself, chose this result" in page.section("retraining")


@pytest.mark.parametrize(
    ("halves", "last", "said"),
    [
        ([0, 1], ["9.87", "6.54"], "in the last two rows: each half measures what the other half chose"),
        ([0, 0], [], "by itself, chose the start; all of them together chose the result"),
        ([], [], "too few held-out images to split them"),
    ],
)
def test_where_the_verdict_is_of_other_images_than_the_table_this_is_said(
    done: Path, tmp_path: Path, halves: list[int], last: list[str], said: str
) -> None:
    out = copy_tree(done, tmp_path / "out")
    document = json.loads((out / "result.json").read_text())
    document["report"] |= {"chosen_by_halves": halves, "fppi_before": 9.87, "fppi_after": 6.54}
    (out / "result.json").write_text(json.dumps(document))
    page = Page(report(None, tmp_path / "r.html", retrain=out).out)
    assert said in page.section("retraining")
    assert [row.split()[0] for row in list(_rows(page).values())[2:]] == last


def test_the_numbers_of_a_retraining(done: Path, tmp_path: Path) -> None:
    document = json.loads(json.dumps(report(None, tmp_path / "r.html", retrain=done).to_dict()))["retraining"]
    start, after = (json.loads((done / f"round-{number}" / "metrics.json").read_text()) for number in (0, 1))
    assert (document["improved"], document["best"], document["conf"]) == (True, 1, 0.25)
    assert [each["fppi"] for each in document["rounds"]] == [start["fppi"], after["fppi"]]
    curve = document["curves"]["before"]["fppi_at_score"]
    _, value, low, high = min(curve, key=lambda row: abs(row[0] - 0.25))
    assert value == pytest.approx(start["fppi"], abs=0.1) and low <= value <= high
    assert document["changes"]["lost"][0]["class"] == "lamp"


def test_the_same_retraining_gives_the_same_bytes(done: Path, tmp_path: Path) -> None:
    first, second = (report(None, tmp_path / name, retrain=done) for name in ("a.html", "b.html"))
    assert first.out.read_bytes() == second.out.read_bytes()


def test_images_that_are_gone_or_changed_are_said_and_the_rest_is_there(
    world: World, done: Path, tmp_path: Path
) -> None:
    out, moved = copy_tree(done, tmp_path / "out"), tmp_path / "moved"
    shutil.copytree(world.backgrounds, moved)
    for number in (0, 1):
        path = out / f"round-{number}" / "detections.json"
        path.write_text(path.read_text().replace(str(world.backgrounds), str(moved)))
    shown = [Path(each.path) for each in _changes(out, tmp_path)["went away"]]
    shown[0].write_bytes(shown[1].read_bytes())
    shown[1].unlink()
    result = report(None, tmp_path / "r.html", retrain=out)
    reasons = dict(result.missing)
    assert reasons["the image is gone"] >= 1
    assert reasons["the image cannot be shown: it has changed since it was measured on"] >= 1
    assert "the image is gone" in Page(result.out).text


def _changes(out: Path, tmp_path: Path) -> dict[str, list[object]]:
    facts = report(None, tmp_path / "first.html", retrain=out).retraining
    assert facts is not None and facts.changes is not None
    return {what: list(rows) for what, rows in facts.changes.by_what.items()}


def test_a_retraining_of_an_older_negmine_has_curves_and_no_pictures_of_changes(done: Path, tmp_path: Path) -> None:
    out = copy_tree(done, tmp_path / "out")
    (out / "round-1" / "detections.json").unlink()
    result = report(None, tmp_path / "r.html", retrain=out)
    assert result.retraining is not None and result.retraining.changes is None
    said = Page(result.out).section("retraining")
    assert "measured by an older negmine" in said and "Recall by score" in said


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("round-0/scores.json", lambda text: text.replace('"true": [', '"true": [0.9, 0.9, 0.9, ', 1)),
        ("round-0/scores.json", lambda text: text.replace('"objects": 1', '"objects": 4611686018427387904', 2)),
        ("round-0/detections.json", lambda text: _many_false_positives(text)),
        ("result.json", lambda text: text.replace('"conf": 0.25', '"conf": 1e308')),
        ("result.json", lambda text: text.replace('"recall": ', '"recall": 7', 1)),
    ],
)
def test_a_folder_that_somebody_else_made_is_refused_with_a_line(
    done: Path, tmp_path: Path, name: str, change: Callable[[str], str]
) -> None:
    out = copy_tree(done, tmp_path / "out")
    before = (out / name).read_text()
    (out / name).write_text(change(before))
    assert (out / name).read_text() != before
    with pytest.raises(NegmineError, match=r"is damaged: expected what a retraining writes there") as caught:
        report(None, tmp_path / "r.html", retrain=out)
    assert "\n" not in str(caught.value)


def _many_false_positives(text: str) -> str:
    """Thousands in an image, all of which would be compared with all."""
    document = json.loads(text)
    document["images"][0]["false_positives"] = [["lamp", 1, 1, 9, 9, 0.9]] * 50_000
    return json.dumps(document)


def test_an_interval_of_somebody_else_has_no_end(done: Path, tmp_path: Path) -> None:
    out = copy_tree(done, tmp_path / "out")
    document = json.loads((out / "result.json").read_text())
    document["rounds"][0]["intervals"] = {"recall": [10**400, -(10**400)], "fppi": [[], "<b>"], "fppi_at_recall": 7}
    (out / "result.json").write_text(json.dumps(document))
    report(None, tmp_path / "r.html", retrain=out)
    assert "no end to no end" in Page(tmp_path / "r.html").text


def test_names_of_somebody_else_are_text(done: Path, tmp_path: Path) -> None:
    """In the page: class names, paths, verdicts, advice, outcomes."""
    out = copy_tree(done, tmp_path / "out")
    evil = "\"'><script>x</script><svg onload=x>{{ 1234 * 5678 }}"
    for number in (0, 1):
        path = out / f"round-{number}" / "detections.json"
        path.write_text(path.read_text().replace('"lamp"', json.dumps(evil)))
    document = json.loads((out / "result.json").read_text())
    document |= {"verdict": evil, "advice": [evil], "notes": [evil], "start": evil, "weights": evil, "stopped": evil}
    document["comparisons"][1]["outcome"] = evil
    (out / "result.json").write_text(json.dumps(document))
    page = Page(report(None, tmp_path / "r.html", retrain=out).out)
    assert not page.tree.xpath("//script | //@onload") and evil in page.text and "7006652" not in page.text


@pytest.mark.slow
def test_where_nothing_helped_the_last_round_is_shown(world: World, tmp_path: Path) -> None:
    done = go(world, tmp_path / "out", ToyTrainer(learns=False))
    assert not done.improved
    result = report(None, tmp_path / "r.html", retrain=done.out)
    said = Page(result.out).section("retraining")
    assert "Keep the start weights: no round is better." in said and "which is not the result" in said
    assert result.retraining is not None and result.retraining.finished.shown == 1


def test_where_there_was_nothing_to_train_on(world: World, small_bank: Path, tmp_path: Path) -> None:
    silent = World(world.data, world.backgrounds, write_weights(tmp_path / "silent.json", []))
    done = go(silent, tmp_path / "out", ToyTrainer())
    assert len(done.rounds) == 1
    result = report(small_bank, tmp_path / "r.html", retrain=done.out)
    assert "Keep the start weights: no round is better." in Page(result.out).section("retraining")
    assert result.retraining is not None and result.retraining.after is None


def test_an_unfinished_retraining_and_none_at_all(done: Path, tmp_path: Path) -> None:
    out = copy_tree(done, tmp_path / "out")
    (out / "result.json").unlink()
    with pytest.raises(ConfigError, match=r"is not finished: it has no result\.json; run the same `negmine retrain`"):
        report(None, tmp_path / "r.html", retrain=out)
    for nothing in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ConfigError, match=r"expected the folder of a retraining, found no retrain\.json"):
            report(None, tmp_path / "r.html", retrain=nothing)
    assert not (tmp_path / "r.html").exists()


_WRONG = [None, [], {}, "x", -1, 1e400, True]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("result.json", "verdict"), ("result.json", "best"), ("result.json", "rounds"),
        ("result.json", "comparisons"), ("result.json", "report"), ("result.json", "conf"),
        ("round-1/detections.json", "images"), ("round-1/scores.json", "images"), ("retrain.json", "settings"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_one_line_or_makes_no_difference(done: Path, tmp_path: Path, name: str, key: str) -> None:
    out = copy_tree(done, tmp_path / "out")
    refused = 0
    for value in _WRONG:
        document = json.loads((done / name).read_text())
        document[key] = value
        (out / name).write_text(json.dumps(document))
        try:
            read_finished(out)
        except ConfigError as error:
            refused += 1
            assert str(error).isprintable() and "is damaged" in str(error)
    assert refused >= (5 if key != "conf" else 4)


def test_a_link_out_of_a_retraining_is_not_read(done: Path, tmp_path: Path) -> None:
    out = copy_tree(done, tmp_path / "out")
    (out / "round-1" / "detections.json").unlink()
    (out / "round-1" / "detections.json").symlink_to(done / "round-1" / "detections.json")
    with pytest.raises(ConfigError, match="it is a link, not a file; put back what was there"):
        read_finished(out)


def test_names_out_of_a_retraining_are_text(done: Path, tmp_path: Path) -> None:
    out = copy_tree(done, tmp_path / "out")
    document = json.loads((out / "result.json").read_text())
    document |= {"advice": ["<script>alert(1)</script>"], "start": "<b>x</b>", "stopped": "</style>\x1b[2J"}
    document["rounds"][1]["intervals"] = {"fppi": "<i>", "recall": ["<i>", None], "fppi_at_recall": [0.1]}
    (out / "result.json").write_text(json.dumps(document))
    path = out / "round-1" / "detections.json"
    path.write_text(path.read_text().replace('"lamp"', '"<u>lamp</u>"'))
    page = Page(report(None, tmp_path / "r.html", retrain=out).out)
    assert "<script>alert(1)</script>" in page.text and "</style>\\x1b[2J" in page.text
    assert not page.tree.xpath("//u | //i[not(ancestor::ul or ancestor::td or ancestor::div)] | //b[.='x']")


def test_curves_of_detectors_that_find_nothing() -> None:
    row = {"sha256": "a", "path": "a", "group": "a", "objects": 1, "counted": True, "true": [], "false": []}
    (found,) = curves_of([ImageScores.from_dict({"images": [row]})], conf=0.25, seed=0)
    assert found.fppi_at_recall == () and found.recall_at_score[0].value == 0
    assert found.fppi_at_score[0].at == 0.25 and found.fppi_at_score[0].high == 3  # of one image without any
