"""What the options of a training mean: those that a loss takes, and the framework's own arguments of `--set`."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from negmine.errors import ConfigError
from negmine.training.losses import check_options, option_fields


def check_loss_options(ctx: click.Context, weights: str, loss: str | None) -> None:
    """Refuse an option of a loss that the user typed and the training would ignore.

    Raises:
        ConfigError: naming it.
    """
    given = {
        parameter.name: parameter.opts[0]
        for parameter in ctx.command.params
        if parameter.name in option_fields() and ctx.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    }
    if not given or not Path(weights).is_file():  # missing weights are reported later
        return
    from negmine.training.open import family_of

    check_options(given, loss, family_of(weights))


def settings_of(pairs: tuple[str, ...]) -> dict[str, object]:
    """What `--set` says: `KEY=VALUE` pairs, the values read as YAML.

    Raises:
        ConfigError: for one that is no such pair.
    """
    from negmine.plain_yaml import YamlError, load_yaml

    found: dict[str, object] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"expected --set KEY=VALUE, such as lr0=0.001, found {pair!r}")
        try:
            value = load_yaml(text)
        except YamlError as error:
            raise ConfigError(
                f"expected --set {name}=VALUE with a number, true, false or a word, found {text!r}"
            ) from error
        found[name.strip()] = float(value) if isinstance(value, str) and _is_number(value) else value
    return found


def _is_number(text: str) -> bool:
    """Whether the text is a number that YAML 1.1 reads as a string, such as 1e-3."""
    try:
        float(text)
    except ValueError:
        return False
    return True
