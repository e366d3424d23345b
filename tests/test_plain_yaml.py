"""YAML of anybody: plain values, or one line that says why not, soon."""

from __future__ import annotations

import pytest

from negmine.plain_yaml import YamlError, load_yaml

MERGES = "\n".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 30)}]}}" for i in range(1, 9))


def test_plain_values() -> None:
    assert load_yaml("names: {0: cat, 1: dog}\nval: [a, b]\nn: 1.5") == {
        "names": {0: "cat", 1: "dog"},
        "val": ["a", "b"],
        "n": 1.5,
    }
    assert load_yaml("") is None
    assert load_yaml(b"a: &x [1]\nb: *x") == {"a": [1], "b": [1]}
    assert load_yaml("a: &x {b: 1}\nc: {<<: *x, d: 2}") == {"a": {"b": 1}, "c": {"b": 1, "d": 2}}


@pytest.mark.parametrize(
    "text",
    [
        "a: !!int x",
        "a: !!int ''",
        "a: !!float x",
        "a: !!bool maybe",
        "a: !!timestamp x",
        "a: !!binary x",
        "a: !!python/object/apply:os.system [ls]",
        "a: 2001-99-99",
        "a: 0x_",
        "a: 0x" + "f" * 5000,
        "a: " + "1" * 5000,
        "a: " + "1:" * 3000 + "1",
        "a: " + "1:" * 500_000 + "1.5",
        "a: &a {" + ", ".join(f"k{n}: {n}" for n in range(14_000)) + "}\nb: {<<: [" + ", ".join(["*a"] * 10_000) + "]}",
        "a: &a {<<: *a}",
        "? [a]\n: b",
        "[" * 100_000,
        "a: " + "[" * 5000 + "]" * 5000,
        "\n".join(" " * depth + "a:" for depth in range(1500)),
        "- a\n" * 100_000,
        "a0: &a0 {k: 1, l: 2, m: 3}\n" + MERGES,
        'a: "\\ud800"',
        b"\xff\xfe\xff",
        "\0",
        "%YAML 9.9\n--- a",
        "a\n---\nb",
    ],
)
def test_anything_else_is_one_line(text: str | bytes) -> None:
    with pytest.raises(YamlError) as raised:
        load_yaml(text)
    assert str(raised.value).isprintable() and len(str(raised.value)) < 300
