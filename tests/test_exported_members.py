"""The public API: what `import negmine` offers is there, documented, and costs nothing until it is used."""

from __future__ import annotations

import subprocess
import sys

import negmine


def test_everything_offered_exists_and_has_a_docstring() -> None:
    for name in negmine.__all__:
        member = getattr(negmine, name)
        assert name == "__version__" or (member.__doc__ or "").strip(), name


def test_dir_lists_what_is_offered() -> None:
    assert dir(negmine) == sorted(negmine.__all__) == sorted([*negmine._WHERE, "__version__"])


def test_importing_it_imports_nothing_heavy() -> None:
    script = "import sys, negmine; print(sorted({'torch', 'cv2', 'numpy', 'ultralytics'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
