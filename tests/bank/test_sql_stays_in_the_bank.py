"""The bank owns all SQL: nothing else in the package runs a query of its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import negmine

PACKAGE = Path(negmine.__file__).parent
STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|PRAGMA)\s", re.ASCII)


def sql_in(source: str) -> Iterator[int]:
    """The lines with a statement of SQL, or that use the bank's door for notebooks."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and STATEMENT.match(node.value):
            yield node.lineno
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and called.attr in ("query", "scalar"):
            yield node.lineno


def test_sql_is_seen_in_all_its_forms() -> None:
    lines = ["bank.query(text)", "Bank(x).scalar(text)", "ask('SELECT 1 FROM t')", "q = '''\nselect'''\n'Select one'"]
    assert [list(sql_in(line)) for line in lines] == [[1], [1], [1], []]
    assert list(sql_in((PACKAGE / "bank" / "bank.py").read_text(encoding="utf-8")))


def test_only_the_bank_holds_sql() -> None:
    found = {
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in PACKAGE.rglob("*.py")
        if path.parent != PACKAGE / "bank"
        for line in sql_in(path.read_text(encoding="utf-8"))
    }
    assert found == set()
