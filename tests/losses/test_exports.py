"""`negmine.losses` exports what trainings call and nothing else, and knows torch and torchvision's operators alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import negmine.losses
import negmine.training


def _imports(package: ModuleType) -> Iterator[tuple[str, str]]:
    """Module and name of everything that the modules of a package import."""
    for path in Path(next(iter(package.__path__))).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                yield from ((node.module or "", alias.name) for alias in node.names)
            elif isinstance(node, ast.Import):
                yield from ((alias.name, "") for alias in node.names)


def test_what_is_exported_is_what_trainings_call() -> None:
    called = {name for module, name in _imports(negmine.training) if module.startswith("negmine.losses")}
    called = {name.removeprefix("unchecked_") for name in called}  # a public function without its checks
    assert set(negmine.losses.__all__) == called
    assert all(callable(getattr(negmine.losses, name)) for name in negmine.losses.__all__)


def test_of_torchvision_only_its_operators_are_imported() -> None:
    assert {module for module, _ in _imports(negmine.losses) if module.startswith("torchvision")} == {"torchvision.ops"}
