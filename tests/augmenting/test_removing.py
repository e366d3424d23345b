"""Variants leave a bank as it was before they were made, and can be made again."""

from __future__ import annotations

from pathlib import Path

import pytest
from banks import MakeBank, contents
from click.testing import CliRunner

from negmine.augmenting.augment import augment
from negmine.augmenting.config import AugmentConfig
from negmine.augmenting.removing import remove_variants
from negmine.bank.bank import Bank
from negmine.bank.writer import BankWriter
from negmine.cli import cli
from negmine.errors import BankError, BankLockedError, ConfigError

CONFIG = AugmentConfig(per_negative=6, ops=("blur", "smooth"))


def test_there_may_be_none_and_there_must_be_a_bank(make_bank: MakeBank, tmp_path: Path) -> None:
    with pytest.raises(BankError, match="does not exist"):
        remove_variants(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(ConfigError, match=r"expected operations among blur, .*, paste, found 'zoom'"):
        remove_variants(make_bank(1), ops=["zoom"])
    assert remove_variants(tmp_path / "bank").removed == {}


def test_the_bank_is_what_it_was_and_makes_the_same_again(make_bank: MakeBank) -> None:
    bank = make_bank(2)
    before = contents(bank)
    augment(bank, config=CONFIG)
    made = contents(bank)
    result = remove_variants(bank)
    assert sum(result.removed.values()) == 12 and result.kept == 0
    assert contents(bank) == before and not (bank / "variants").exists()
    augment(bank, config=CONFIG)
    again = contents(bank)
    assert {name: data for name, data in again.items() if name.endswith(".jpg")} == {
        name: data for name, data in made.items() if name.endswith(".jpg")
    }
    assert again["repeats"] == made["repeats"]


def test_those_of_some_operations_alone(make_bank: MakeBank) -> None:
    bank = make_bank(2)
    augment(bank, config=CONFIG)
    with Bank(bank) as opened:
        smooth = [each.sha256 for each in opened.variants() if each.operation != "gaussian_blur"]
    result = remove_variants(bank, ops=["blur"])
    assert result.removed == {"gaussian_blur": 12 - len(smooth)} and result.kept == len(smooth) > 0
    with Bank(bank) as opened:
        assert [each.sha256 for each in opened.variants()] == smooth


def test_a_variant_of_two_operations_goes_with_either(make_bank: MakeBank) -> None:
    bank = make_bank(3)
    augment(bank, config=AugmentConfig(per_negative=8, recipe="field"))
    with Bank(bank) as opened:
        every = [each.operations for each in opened.variants()]
    compressed = sum("jpeg_compression" in each for each in every)
    assert 0 < sum(each == ("jpeg_compression",) for each in every) < compressed
    result = remove_variants(bank, ops=["jpeg"])
    assert sum(result.removed.values()) == compressed and result.kept == len(every) - compressed


def test_another_writer_is_named(make_bank: MakeBank) -> None:
    bank = make_bank(1)
    with BankWriter(bank, purpose="negmine scan"), pytest.raises(BankLockedError, match="negmine scan"):
        remove_variants(bank)


def test_the_command(make_bank: MakeBank) -> None:
    bank = make_bank(1)
    augment(bank, config=AugmentConfig(per_negative=3, ops=("blur",)))
    done = CliRunner().invoke(cli, ["augment", "--remove", "--bank", str(bank)])
    assert done.exit_code == 0 and done.output == f"3 variants taken out of {bank} (3 gaussian_blur)\n"
    wrong = CliRunner().invoke(cli, ["augment", "--remove", "--count", "3", "--bank", str(bank)])
    assert "expected --remove with --bank and --ops alone, found --count; leave it out" in str(wrong.exception)
