"""Every loss that is declared can be made for the detectors that it names, and is refused for all others."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from typing import Any

import pytest
from families import FASTER, FCOS, RETINA, SSD

from negmine.detectors.torchvision.builders import BUILDERS
from negmine.errors import ConfigError, WeightsError
from negmine.training.config import TrainConfig
from negmine.training.losses import (
    LOSSES,
    Family,
    check_options,
    default_loss,
    family_of_builder,
    make_loss,
    option_fields,
)

PAIRS = [(name, family) for name in LOSSES for family in Family]
TAKEN = [(name, family) for name, family in PAIRS if LOSSES[name].use(family)]
REFUSED = [(name, family) for name, family in PAIRS if not LOSSES[name].use(family)]


class _Recorded:
    """A configuration that notes which of its fields are read."""

    def __init__(self, config: TrainConfig) -> None:
        self._config = config
        self.read: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.read.add(name)
        return getattr(self._config, name)


@pytest.mark.parametrize(("name", "family"), TAKEN)
def test_a_loss_is_made_for_each_family_that_it_names_of_the_options_that_it_declares(
    name: str, family: Family
) -> None:
    use = LOSSES[name].use(family)
    assert use is not None
    config = _Recorded(TrainConfig(loss=name, nms_iou=0.5))
    made = make_loss(config, family, "best.pt")  # type: ignore[arg-type]
    assert config.read == {"loss", *use.options}
    assert (made is None) == (use.factory is None)


@pytest.mark.parametrize(("name", "family"), REFUSED)
def test_a_loss_is_refused_in_one_line_for_each_family_that_it_does_not_name(name: str, family: Family) -> None:
    with pytest.raises(WeightsError) as caught:
        make_loss(TrainConfig(loss=name), family, "best.pt")
    start, fitting = str(caught.value).split("; use one of ")
    assert start == f"best.pt: the loss {name} is not for {family} detectors"
    assert fitting.split(", ") == [each for each in LOSSES if (each, family) in TAKEN]


def test_a_loss_is_not_declared_twice_for_a_family_and_every_family_has_its_default() -> None:
    for name, loss in LOSSES.items():
        families = [family for use in loss.uses for family in use.families]
        assert loss.name == name and len(families) == len(set(families)) > 0
    assert all(LOSSES[default_loss(family)].use(family) for family in Family)


def test_every_detector_of_torchvision_has_a_family() -> None:
    assert {family_of_builder(builder) for builder in BUILDERS} == set(Family) - {Family.ULTRALYTICS}
    families = [family_of_builder(builder) for builder in (FASTER, RETINA, FCOS, SSD)]
    assert families == [Family.FASTER_RCNN, Family.RETINANET, Family.FCOS, Family.SSD]


def test_every_option_is_a_setting_and_has_an_option_on_the_command_line() -> None:
    from negmine.cli.retrain import command

    assert option_fields() <= {field.name for field in fields(TrainConfig)}
    assert option_fields() <= {parameter.name for parameter in command.params}


@pytest.mark.parametrize(("name", "family"), TAKEN)
def test_an_option_is_refused_where_the_loss_has_no_use_for_it(name: str, family: Family) -> None:
    use = LOSSES[name].use(family)
    assert use is not None
    check_options({option: "--it" for option in use.options}, name, family)
    for option in option_fields() - set(use.options):
        with pytest.raises(ConfigError, match=r"^--it is for .*; leave it out$"):
            check_options({option: "--it"}, name, family)


def test_a_loss_that_is_added_to_the_registry_is_offered_and_the_help_imports_no_torch() -> None:
    program = (
        "import sys\n"
        "from negmine.training.config import TrainConfig\n"
        "from negmine.training.losses import LOSSES, Family, Loss, Use\n"
        "LOSSES['hinge'] = Loss('hinge', (Use((Family.SSD,)),))\n"
        "TrainConfig(loss='hinge')\n"
        "from negmine.cli import main\n"
        "sys.argv = ['negmine', 'retrain', '--help']\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    assert not {'torch', 'torchvision', 'ultralytics'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "random|hinge]" in done.stdout.replace("\n", "").replace(" ", "")
