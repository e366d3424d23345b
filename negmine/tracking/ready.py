"""Whether Weights & Biases, ClearML and Comet can take what a training reports, asked before hours of work.

Ultralytics connects them when a training starts. Where one is not set up it logs nothing without a word, or fails then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from negmine.errors import ConfigError
from negmine.paths import printable
from negmine.tracking.config import Tracker


def require_ready(tracker: Tracker) -> None:
    """See that a tracker is set up; one that negmine writes to itself always is.

    Raises:
        ConfigError: saying what is missing.
    """
    check = _CHECKS.get(tracker)
    if check is None:
        return
    try:
        check()
    except ConfigError:
        raise
    except Exception as error:  # each has errors of its own, which have no root
        reason = printable((str(error).splitlines() or [type(error).__name__])[0]).rstrip(".")[:300]
        raise ConfigError(f"--log {tracker} cannot be used: {reason}; {_SET_UP[tracker]}") from error


def _wandb() -> None:
    import wandb

    wandb.login()  # asks for a key at a terminal, and is content where WANDB_MODE is offline


def _clearml() -> None:
    from clearml import Task
    from clearml.backend_api.session import Session

    if Task.is_offline():
        raise ConfigError(
            "--log clearml cannot be used in ClearML's offline mode, which cannot keep the weights that Ultralytics "
            "hands it at the end of a training; unset CLEARML_OFFLINE_MODE"
        )
    Session()


def _comet() -> None:
    import comet_ml

    is_offline = comet_ml.get_config("comet.start.online") is False or os.environ.get("COMET_MODE") == "offline"
    if not is_offline and comet_ml.get_config("comet.api_key") is None:
        raise ConfigError(f"--log comet cannot be used: there is no key; {_SET_UP['comet']}")


_CHECKS: Mapping[Tracker, Callable[[], object]] = {"wandb": _wandb, "clearml": _clearml, "comet": _comet}
_SET_UP: Mapping[Tracker, str] = {
    "wandb": "run `wandb login`, or set WANDB_MODE=offline",
    "clearml": "run `clearml-init`",
    "comet": "run `comet login`, or set COMET_START_ONLINE=0 to log to a file",
}
