"""imgaug is imported under NumPy 2, which stays as it was; and nobody else imports it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_LEAVES_NUMPY_ALONE = """
import warnings
warnings.simplefilter("error")
import numpy as np
before = dict(vars(np))
from negmine.augmenting.imgaug_import import imgaug_augmenters
imgaug_augmenters()
changed = {name for name in before.keys() | vars(np).keys() if before.get(name) is not vars(np).get(name)}
# Submodules that something imports become attributes; that is Python's doing and harmless.
print({name for name in changed if not isinstance(vars(np).get(name), type(np))})
try:
    np.sctypes
except AttributeError as error:
    print("gone:", "sctypes" in str(error))
"""

_FAILS = """
import sys
import numpy as np
sys.modules["imgaug"] = None
from negmine.augmenting.imgaug_import import imgaug_augmenters
try:
    imgaug_augmenters()
except ImportError:
    print("sctypes" in vars(np))
"""


def python(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout


def test_numpy_is_the_same_before_and_after() -> None:
    assert python(_LEAVES_NUMPY_ALONE) == "set()\ngone: True\n"


def test_numpy_is_the_same_after_an_import_that_failed() -> None:
    assert python(_FAILS) == "False\n"


def test_without_the_name_imgaug_cannot_be_imported() -> None:
    done = subprocess.run([sys.executable, "-c", "import imgaug"], capture_output=True, text=True, check=False)
    assert "sctypes" in done.stderr  # once this fails, the module has nothing left to do


@pytest.mark.parametrize("package", ["negmine", "benchmarks", "examples"])
def test_one_module_imports_imgaug(package: str) -> None:
    files = (Path(__file__).parents[2] / package).rglob("*.py")
    users = [p.name for p in files if 'import_module("imgaug' in p.read_text() or "\nimport imgaug" in p.read_text()]
    assert users == (["imgaug_import.py"] if package == "negmine" else [])
