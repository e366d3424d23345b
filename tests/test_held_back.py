"""Negatives that are likely targets without a label: held back everywhere until somebody accepts them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from banks import MakeBank
from blobs import voc_xml
from click.testing import CliRunner

import negmine
from negmine.bank.bank import Bank
from negmine.bank.browsing import browse
from negmine.bank.embeddings import Embeddings, Likeness
from negmine.bank.verdicts import Verdicts
from negmine.cli.bank.stats import command as stats
from negmine.errors import ExportError
from negmine.ratios.bank_summary import read_bank
from negmine.reporting.content import left_out_content
from negmine.reporting.facts import facts_of
from negmine.trainable import LIKELY_UNLABELLED, held_back, is_held_back, is_refused, trainable


def compared(bank: Path, *unlabelled: float | None) -> None:
    """Say of each negative, hardest first, how likely it is unlabelled."""
    with Embeddings(bank) as opened:
        opened.keep_likenesses(
            Likeness(each.id, each.sha256, value, 1, 1)
            for each, value in zip(opened.hardest(), unlabelled, strict=True)
        )


def usable(bank: Path) -> list[int]:
    with Bank(bank) as opened:
        return [each.id for each in trainable(opened)[0]]


def test_a_bank_that_was_never_compared_holds_nothing_back(make_bank: MakeBank) -> None:
    bank = make_bank(3)
    assert len(usable(bank)) == 3
    with Bank(bank) as opened:
        assert {each.unlabelled for each in opened.negatives()} == {None}


def test_what_is_very_likely_is_held_back_until_it_is_accepted(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(4)
    everything = usable(bank)
    compared(bank, 0.99, LIKELY_UNLABELLED, 0.97, None)
    assert usable(bank) == everything[2:]
    with Bank(bank) as opened:
        assert [is_held_back(each) for each in opened.negatives()] == [True, True, False, False]
        assert browse(opened, held_back()) == [each.id for each in opened.negatives() if is_held_back(each)]
    assert negmine.export(bank, tmp_path / "out").left_out == 2
    assert [each.id for each in read_bank(bank).negatives] == everything[2:] and read_bank(bank).doubted == {}
    with Verdicts(bank) as verdicts:
        verdicts.decide(everything[:1], "accepted", origin="a test")
    assert usable(bank) == [everything[0], *everything[2:]]
    assert negmine.export(bank, tmp_path / "out").left_out == 1
    with Verdicts(bank) as verdicts:
        verdicts.decide(everything[:2], "rejected", origin="a test")
    with Bank(bank) as opened:
        assert [(is_refused(each), is_held_back(each)) for each in opened.negatives()][:2] == [(True, False)] * 2


def test_the_report_and_the_statistics_say_what_is_held_back_and_waits(make_bank: MakeBank) -> None:
    bank = make_bank(4)
    compared(bank, 0.99, 0.99, 0.97, None)
    with Verdicts(bank) as verdicts:
        verdicts.decide([1], "target", origin="bank")
    with Bank(bank) as opened:
        facts = facts_of(opened)
    said = [(count, text) for text, count, _ in left_out_content(facts)]
    assert [count for count, text in said if "held back as likely targets or flickers" in text] == [2]
    assert [count for count, text in said if "not reviewed yet" in text] == [1]
    assert [count for count, text in said if "wait for the label" in text] == [1]
    lines = CliRunner().invoke(stats, ["--bank", str(bank)]).stdout.splitlines()
    assert "2 negatives held back as likely targets without a label, or flickers (--held-back)" in lines
    assert "1 image not trained on until all targets marked there are labelled" in lines


def test_a_bank_of_nothing_else_is_not_exported(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(1)
    compared(bank, 1.0)
    with pytest.raises(ExportError, match="1 negative in it, rejected, marked as a target, or held back"):
        negmine.export(bank, tmp_path / "out")


def test_a_ratio_and_variants_know_the_targets_that_the_data_labels_as_an_export_does(
    make_bank: MakeBank, tmp_path: Path
) -> None:
    """Of two negatives of one image, one shows a target; the data labels it, so that the other may be trained on."""
    bank = make_bank({"a.png": [(20, 20, 50, 50, 90), (150, 60, 180, 90, 80)]})
    with Verdicts(bank) as verdicts:
        verdicts.decide([next(verdicts.negatives()).id], "target", origin="a test")
    data = tmp_path / "set"
    (data / "images").mkdir(parents=True)
    shutil.copy(tmp_path / "bank-in" / "a.png", data / "images")
    voc_xml(data / "annotations" / "a.xml", "a.png", [("lamp", 21, 21, 50, 50)])
    assert usable(bank) == []
    mix = negmine.ratio(data, bank=bank).mix
    made = negmine.augment(bank, config=negmine.AugmentConfig(ratio="1:2", positives=(data,)))
    assert (mix.banked, mix.variants, made.negatives, sum(made.made.values())) == (1, 0, 1, 1)
    out = negmine.export(bank, tmp_path / "out", merge=data)
    assert out.negatives == mix.banked
