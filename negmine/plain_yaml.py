"""Reading YAML that may come from anybody: plain values of a bounded number, size and depth; and writing it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml
from yaml.composer import Composer

from negmine.paths import printable

MAX_YAML = 1 << 20  # bytes of a file
_MAX_NODES = 60_000  # twenty thousand numbered class names are forty thousand
_MAX_NUMBER = 1 << 63
_LONGEST_NUMBER = 400  # characters
_ODD_BREAK = re.compile("[\x85\u2028\u2029]")  # line breaks of YAML 1.1 that editors do not show
_MERGE = "tag:yaml.org,2002:merge"

_Plain: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader  # seven times faster
# Composes in Python, whose recursion is bounded: that of libyaml overflows the stack.
_Base: Any = type("_Base", (Composer, _Plain), {}) if yaml.__with_libyaml__ else _Plain


class YamlError(ValueError):
    """Text is no YAML, or none of plain values."""


class _Loader(_Base):  # type: ignore[misc]
    """Loads plain values, and counts them."""

    def __init__(self, text: str | bytes) -> None:
        _Plain.__init__(self, text)
        self.anchors: dict[str, yaml.Node] = {}
        self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._count(1)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        for key, value in node.value:
            if key.tag == _MERGE:  # copies what it names, so a few lines could grow to gigabytes
                self._count_merged(value.value if isinstance(value, yaml.SequenceNode) else [value])
        super().flatten_mapping(node)

    def _count_merged(self, merged: Sequence[yaml.Node]) -> None:
        for each in merged:
            if isinstance(each, yaml.MappingNode):
                self.flatten_mapping(each)
                self._count(len(each.value))

    def _count(self, values: int) -> None:
        self._nodes += values
        if self._nodes > _MAX_NODES:
            raise YamlError(f"it has over {_MAX_NODES} values")

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        _require_short(node)
        return float(super().construct_yaml_float(node))

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        _require_short(node)
        number = int(super().construct_yaml_int(node))
        if abs(number) >= _MAX_NUMBER:
            raise YamlError("it has a number of over 64 bits")
        return number


class _UniqueLoader(_Loader):
    """Refuses a mapping that has a key twice."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        seen = set[tuple[str, str]]()
        for key, _ in node.value:
            text = (key.tag, str(key.value))
            if text in seen:
                raise YamlError(f"it has {printable(text[1])} twice, the second time in line {key.start_mark.line + 1}")
            seen.add(text)
        super().flatten_mapping(node)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)


def _require_short(node: yaml.ScalarNode) -> None:
    if len(str(node.value)) > _LONGEST_NUMBER:  # numbers to the base of 60 take time by the square of their length
        raise YamlError(f"it has a number of over {_LONGEST_NUMBER} characters")


def load_yaml(text: str | bytes, *, unique_keys: bool = False) -> object:
    """What YAML says, in plain values.

    Args:
        text: of a file.
        unique_keys: whether a key that a mapping has twice is an error; else the last one counts, as in PyYAML.

    Raises:
        YamlError: with the reason on one line, where it is no YAML, or none of plain values.
    """
    try:
        loader = (_UniqueLoader if unique_keys else _Loader)(text)
        try:
            document: object = loader.get_single_data()
        finally:
            loader.dispose()
    except YamlError:
        raise
    except yaml.YAMLError as error:
        raise YamlError(printable((str(error).splitlines() or [type(error).__name__])[0])) from error
    except RecursionError as error:
        raise YamlError("it is nested too deeply") from error
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:  # such as for `!!int x`
        raise YamlError("it has a number, date or truth value that is none") from error
    return document


def yaml_of(document: object, *, in_brackets: bool = False) -> str:
    """Plain values as YAML that says the same when it is read, keys in their order; letters stay as they are.

    Args:
        document: the values.
        in_brackets: whether the innermost lists are written as `[17, 3]`.
    """
    style = None if in_brackets else False
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, default_flow_style=style)
    if _ODD_BREAK.search(text):  # PyYAML would write them as they are and fold lines there
        return yaml.safe_dump(document, sort_keys=False, default_flow_style=style)
    return text
