"""A tracker that is not set up is said in one line before a training; stand-ins answer as the packages do."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from negmine.errors import ConfigError
from negmine.tracking.ready import require_ready


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **contents: object) -> None:
    module = ModuleType(name)
    vars(module).update(contents)
    monkeypatch.setitem(sys.modules, name, module)


def fail(*_: object) -> None:
    raise ValueError("it is not configured on this machine!\nTo get started, log in")


def test_what_negmine_writes_itself_needs_nothing() -> None:
    require_ready("tensorboard")
    require_ready("mlflow")


@pytest.mark.parametrize(
    ("settings", "is_ready"),
    [({}, False), ({"comet.api_key": "k"}, True), ({"comet.start.online": False}, True)],
)
def test_comet_needs_a_key_or_no_network(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, object], is_ready: bool
) -> None:
    monkeypatch.delenv("COMET_MODE", raising=False)
    stand_in(monkeypatch, "comet_ml", get_config=settings.get)
    if is_ready:
        require_ready("comet")
        return
    with pytest.raises(ConfigError, match="--log comet cannot be used: there is no key; run `comet login`, or set"):
        require_ready("comet")


def test_wandb_needs_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "wandb", login=lambda: True)
    require_ready("wandb")
    stand_in(monkeypatch, "wandb", login=fail)
    with pytest.raises(ConfigError, match=r"--log wandb cannot be used: it is not .* machine!; run `wandb login`, or"):
        require_ready("wandb")


@pytest.mark.parametrize(
    ("is_offline", "session", "said"),
    [(None, fail, r"machine!; run `clearml-init`$"), (True, dict, r"offline mode.*unset CLEARML_OFFLINE_MODE$")],
)
def test_clearml_needs_a_server(
    monkeypatch: pytest.MonkeyPatch, is_offline: bool | None, session: object, said: str
) -> None:
    stand_in(monkeypatch, "clearml", Task=SimpleNamespace(is_offline=lambda: is_offline))
    stand_in(monkeypatch, "clearml.backend_api")
    stand_in(monkeypatch, "clearml.backend_api.session", Session=session)
    with pytest.raises(ConfigError, match=said) as error:
        require_ready("clearml")
    assert str(error.value).startswith("--log clearml cannot be used") and str(error.value).isprintable()
