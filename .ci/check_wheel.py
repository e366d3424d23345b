"""Is a wheel whole: what it installs is what the repository has, and it runs from elsewhere. `make wheel` calls this.

    installed/bin/python .ci/check_wheel.py

The interpreter is that of an environment where the wheel is installed; the current folder is the repository.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np

HERE = Path.cwd()
INSTALLED = Path(sysconfig.get_path("purelib"))


def files(root: Path) -> set[str]:
    """The files of the package below a folder, without what Python makes of them."""
    found = (path for path in (root / "negmine").rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(root).as_posix() for path in found}


def run(folder: str, *words: str) -> str:
    """Run a command of the environment in a folder; what it prints."""
    done = subprocess.run([Path(sys.executable).with_name(words[0]), *words[1:]], cwd=folder, capture_output=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed: {done.stderr.decode()}")
    return done.stdout.decode()


def main() -> None:
    """Check it, and say what was checked."""
    if odd := sorted(files(HERE) ^ files(INSTALLED)):
        sys.exit(f"{odd[0]} is not both in the repository and in the wheel")
    with tempfile.TemporaryDirectory() as folder:
        where = run(folder, "python", "-c", "import negmine; print(negmine.__file__)").strip()
        if not Path(where).is_relative_to(INSTALLED):
            sys.exit(f"expected negmine of the wheel, found {where}")
        for words in (["--help"], ["demo", "--help"]):
            run(folder, "negmine", *words)
        image = np.full((120, 120, 3), 220, dtype=np.uint8)
        cv2.circle(image, (60, 60), 20, (20, 20, 20), -1)
        (Path(folder) / "in").mkdir()
        cv2.imwrite(f"{folder}/in/ball.png", image)
        run(folder, "python", str(HERE / "examples" / "scan_your_own_detector.py"), "in", "bank")
        exported = run(folder, "negmine", "export", "--bank", "bank", "--out", "out", "--format", "yolo", "--json")
        if '"negatives": 1' not in exported:
            sys.exit(f"expected an export of one negative, found {exported}")
    print(f"negmine {version('negmine')}: {len(files(INSTALLED))} files in the wheel; it scans and exports")


if __name__ == "__main__":
    main()
