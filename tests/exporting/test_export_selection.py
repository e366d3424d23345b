"""Which negatives are exported: never more than asked for, the hardest, and the same ones whatever their order is."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from banks import MakeBank, judge
from hypothesis import given
from hypothesis import strategies as st

from negmine.bank.bank import Bank
from negmine.bank.records import Negative, Variant
from negmine.bank.writer import BankWriter
from negmine.boxes import Rect
from negmine.comparing.compare import compare
from negmine.errors import ConfigError, ExportError
from negmine.exporting.config import ExportConfig, SelectionConfig
from negmine.exporting.export import export
from negmine.exporting.selection import hardest_first, keep_to, select, take_turns
from negmine.files import sha256_of


def negative(
    number: int, score: float, source: int = 0, class_name: str = "cat", review: str = "unreviewed"
) -> Negative:
    return Negative(
        number, Path(f"/bank/{number}.jpg"), sha256_of(b"%d" % number), (64, 64), score, class_name,
        Path(f"/in/{source}.png"), sha256_of(b"source %d" % source), Rect(0, 0, 64, 64), "unreviewed",
    )  # fmt: skip


@st.composite
def banks(draw: st.DrawFn) -> list[Negative]:
    rows = draw(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.sampled_from("ab")), max_size=20))
    return [negative(i, score / 5, source, name) for i, (score, source, name) in enumerate(rows)]


configs = st.builds(
    SelectionConfig,
    classes=st.sampled_from([(), ("a",), ("a", "b")]),
    max_per_source=st.none() | st.integers(1, 4),
    hardest=st.integers(1, 25),
    count=st.none() | st.integers(1, 25),
    diverse=st.booleans(),
    seed=st.integers(0, 3),
)


def by_cluster(negatives: Sequence[Negative]) -> dict[int, int]:
    return {each.id: each.id % 3 for each in negatives}


def test_nothing_is_chosen_from_nothing() -> None:
    assert select([], SelectionConfig(hardest=3), {}) == []


@given(banks(), configs, st.randoms(use_true_random=False))
def test_it_keeps_to_every_limit_in_any_order(
    bank: list[Negative], config: SelectionConfig, shuffle: random.Random
) -> None:
    chosen = select(bank, config, by_cluster(bank))
    meant = [each for each in bank if not config.classes or each.class_name in config.classes]
    sources = Counter(each.source_sha256 for each in meant)
    most = sum(min(number, config.max_per_source or number) for number in sources.values())
    assert len(chosen) == min(config.hardest or 0, config.count or len(bank), most)
    assert len({each.id for each in chosen}) == len(chosen) and {each.id for each in chosen} <= {n.id for n in meant}
    assert max(Counter(each.source_sha256 for each in chosen).values(), default=0) <= (config.max_per_source or 20)
    mixed = list(bank)
    shuffle.shuffle(mixed)
    assert select(mixed, config, by_cluster(bank)) == chosen


@given(banks(), st.integers(1, 25))
def test_the_hardest_are_kept(bank: list[Negative], number: int) -> None:
    chosen = select(bank, SelectionConfig(hardest=number), {})
    assert chosen == sorted(bank, key=hardest_first)[:number]
    left = [each.score for each in bank if each not in chosen]
    assert min((each.score for each in chosen), default=1) >= max(left, default=0)


@given(banks(), st.integers(1, 25))
def test_diverse_takes_another_of_a_cluster_only_when_all_have_had_their_turn(
    bank: list[Negative], number: int
) -> None:
    numbers = by_cluster(bank)
    chosen = select(bank, SelectionConfig(hardest=number, diverse=True), numbers)
    taken, there = (Counter(numbers[each.id] for each in some) for some in (chosen, bank))
    assert all(taken[one] >= min(taken[other] - 1, there[one]) for one in there for other in there)
    for cluster in there:
        of = sorted((each for each in bank if numbers[each.id] == cluster), key=hardest_first)
        assert {each.id for each in chosen if numbers[each.id] == cluster} == {n.id for n in of[: taken[cluster]]}


def test_another_seed_draws_others() -> None:
    bank = [negative(i, 0.5) for i in range(30)]
    drawn = [[each.id for each in select(bank, SelectionConfig(count=5, seed=seed), {})] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_room_goes_to_negatives_first_and_then_to_variants_in_turn() -> None:
    bank = [negative(i, 1 - i / 10) for i in range(3)]
    made = [Variant(i, i // 4, Path("/v.jpg"), sha256_of(b"v%d" % i), (64, 64), "blur", {}) for i in range(12)]
    assert [each.id for each in keep_to(2, bank, made)[0]] == [0, 1] and keep_to(2, bank, made)[1] == []
    kept, variants = keep_to(8, bank, made)
    assert len(kept) == 3 and [each.id for each in variants] == [0, 1, 4, 5, 8]
    assert keep_to(0, bank, made) == ([], [])


def test_turns_keep_the_order_within_each() -> None:
    assert take_turns([1, 3, 5, 2, 7, 4], lambda number: number % 2) == [1, 2, 3, 4, 5, 7]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hardest": 0}, "--hardest to be 1 or more"),
        ({"count": -1}, "--count to be 1 or more"),
        ({"max_per_source": 0}, "--max-per-source to be 1 or more"),
        ({"diverse": True}, "say how many"),
        ({"ratio": "1"}, "expected a ratio"),
        ({"positives": (Path("d"),)}, "--ratio"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SelectionConfig(**settings)  # type: ignore[arg-type]


def exported(bank: Path, out: Path, **settings: object) -> list[str]:
    """The names of the sources of what is exported, hardest last as `make_bank` draws them."""
    export(bank, out, config=ExportConfig(selection=SelectionConfig(**settings)))  # type: ignore[arg-type]
    return sorted(path.name.split("-")[0] for path in (out / "JPEGImages").iterdir())


def test_an_export_of_a_few(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(4)
    assert exported(bank, tmp_path / "two", hardest=2) == ["002", "003"]
    assert len(exported(bank, tmp_path / "drawn", count=3)) == 3
    with Bank(bank) as opened:
        judge(bank, next(n.id for n in opened.negatives() if n.source.stem == "001"), "accepted")
    assert exported(bank, tmp_path / "accepted", accepted_only=True) == ["001"]
    assert exported(bank, tmp_path / "two", hardest=1) == ["003"]  # the earlier export is brought up to date
    result = export(bank, tmp_path / "two", config=ExportConfig(selection=SelectionConfig(hardest=1)))
    assert (result.negatives, result.passed_over, result.splits["train"].negatives) == (1, 3, 1)


def test_what_nothing_is_left_of_is_named(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(2)
    with pytest.raises(ExportError, match="none of 2 negatives that may be exported is left by --only accepted"):
        exported(bank, tmp_path / "out", accepted_only=True)
    with pytest.raises(ConfigError, match=r"detectors of the bank know \(lamp, sign\), found 'dog'"):
        exported(bank, tmp_path / "out", classes=("dog",))
    assert not (tmp_path / "out").exists()


def test_diverse_goes_by_the_clusters_of_the_review(make_bank: MakeBank, tmp_path: Path) -> None:
    alike, other = [(60, 40, 80, 60, 90)], [(20, 20, 90, 90, 40)]
    bank = make_bank({"a.png": alike, "b.png": alike, "c.png": other})
    compare(bank)
    with BankWriter(bank, purpose="a test") as writer, writer.transaction():
        numbers = {each.source.stem: each.id for each in writer.negatives()}
        for stem, cluster in (("a", 1), ("b", 1), ("c", 2)):
            writer._connection.execute(
                "UPDATE likenesses SET cluster = ? WHERE negative_id = ?", (cluster, numbers[stem])
            )
    assert exported(bank, tmp_path / "hard", hardest=2) == ["a", "b"]
    assert exported(bank, tmp_path / "diverse", hardest=2, diverse=True) in (["a", "c"], ["b", "c"])
