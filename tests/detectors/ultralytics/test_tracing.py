"""A Ctrl-C while a checkpoint is traced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from negmine.detectors.ultralytics.tracing import delayed_interrupt


def test_it_comes_at_the_end_and_only_then() -> None:
    seen = []
    with pytest.raises(KeyboardInterrupt):
        with delayed_interrupt():
            os.kill(os.getpid(), signal.SIGINT)
            seen.append("went on")
        seen.append("not reached")
    assert seen == ["went on"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_one_nothing_happens_and_errors_pass() -> None:
    with delayed_interrupt():
        pass
    with pytest.raises(ValueError, match="mine"), delayed_interrupt():
        raise ValueError("mine")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_have_no_signals() -> None:
    done = []

    def work() -> None:
        with delayed_interrupt():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]


PROGRAM = """
import os, signal, sys
from negmine.detectors.config import DetectorConfig
from negmine.detectors.ultralytics.openvino import to_openvino
from negmine.detectors.ultralytics.detector import UltralyticsDetector
module = UltralyticsDetector(DetectorConfig(sys.argv[1], device="cpu")).module
module.model[0].register_forward_pre_hook(lambda *_: os.kill(os.getpid(), signal.SIGINT))
try:
    to_openvino(module)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.slow
def test_ctrl_c_while_a_checkpoint_is_converted_ends_as_everywhere(firing_weights: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(firing_weights)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "interrupted"), done.stderr
