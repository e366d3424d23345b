"""How much is in an ONNX file, before anything opens it: its operations, once its functions are written out.

A function that calls another twice, which calls a third twice, is a line each and 2^n operations for onnxruntime, which
writes all of them out. So they are counted first, in the fields of the file, and no tensor is read for that.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from negmine.errors import WeightsError
from negmine.files import open_regular, reason_of
from negmine.paths import printable

_MOST_OPERATIONS = 50_000  # the largest detectors have ten thousand
_MOST_METADATA = 1 << 20  # bytes; of twenty thousand class names
_MOST_BYTES = 1 << 31  # of a protobuf
_MOST_FIELDS = 2_000_000
_MOST_DEPTH = 50  # of subgraphs
# The numbers of the fields in onnx.proto.
_GRAPH, _METADATA, _FUNCTION = 7, 14, 25
_NODE = 1
_NAME, _FUNCTION_NODE, _DOMAIN, _DEFAULT = 1, 7, 10, 11
_OPERATION, _ATTRIBUTE, _OF_DOMAIN = 4, 5, 7
_SUBGRAPHS = (6, 11)

_Name: TypeAlias = tuple[bytes, bytes]  # domain and name of an operation


@dataclass(slots=True)
class _Calls:
    """What a graph or function does: how many operations, and which by name."""

    names: dict[_Name, int] = field(default_factory=dict)


class _DamagedError(ValueError):
    """It is cut off, or something else."""


class _Reader:
    """Reads the fields of a protobuf, of which there may be so many."""

    def __init__(self) -> None:
        self._left = _MOST_FIELDS

    def fields(self, data: memoryview) -> Iterator[tuple[int, memoryview]]:
        """Number and content of each field that has a length; the others are passed over."""
        at, end = 0, len(data)
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise ValueError(f"it has over {_MOST_FIELDS} fields")
            tag, at = _varint(data, at)
            kind, size = tag & 7, 0
            if kind == 0:
                _, at = _varint(data, at)
            elif kind == 2:
                size, at = _varint(data, at)
                if size > end - at:
                    raise _DamagedError("it is cut off")
                yield tag >> 3, data[at : at + size]
                at += size
            elif kind in (1, 5):
                at += 8 if kind == 1 else 4
            else:
                raise _DamagedError("it is no protobuf")

    def calls(self, nodes: Iterator[tuple[int, memoryview]], number: int, calls: _Calls, depth: int = 0) -> None:
        """Count the nodes that are the fields of a number, and those in their subgraphs."""
        if depth > _MOST_DEPTH:
            raise ValueError(f"its graphs are nested over {_MOST_DEPTH} deep")
        for found, node in nodes:
            if found == number:
                self._node(node, calls, depth)

    def _node(self, node: memoryview, calls: _Calls, depth: int) -> None:
        name, domain = b"", b""
        for number, value in self.fields(node):
            if number == _OPERATION:
                name = bytes(value[:200])
            elif number == _OF_DOMAIN:
                domain = bytes(value[:200])
            elif number == _ATTRIBUTE:
                for kind, graph in self.fields(value):
                    if kind in _SUBGRAPHS:
                        self.calls(self.fields(graph), _NODE, calls, depth + 1)
        calls.names[domain, name] = calls.names.get((domain, name), 0) + 1

    def function(self, data: memoryview, functions: dict[_Name, _Calls]) -> None:
        """Count what a function does; two of a name count as one that does what both do."""
        name, domain = b"", b""
        for number, value in self.fields(data):
            if number == _NAME:
                name = bytes(value[:200])
            elif number == _DOMAIN:
                domain = bytes(value[:200])
        self.calls(self.fields(data), _FUNCTION_NODE, functions.setdefault((domain, name), _Calls()))


def require_moderate(path: Path) -> None:
    """Refuse an ONNX file that would take onnxruntime, or whoever reads its metadata, far longer than any detector.

    Raises:
        WeightsError: where it is too large, has too many operations or too much metadata, or is no ONNX file.
    """
    try:
        with open_regular(path) as file:
            size = file.seek(0, 2)
            if size > _MOST_BYTES:
                raise ValueError("it has over 2 GiB; keep its tensors in a file beside it")
            if size:
                _require_moderate(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    except OSError as error:
        raise WeightsError(f"cannot read weights {printable(path)}: {reason_of(error)}") from error
    except _DamagedError as error:
        raise WeightsError(f"{printable(path)} cannot be opened by onnxruntime: {error}") from error
    except ValueError as error:
        raise WeightsError(f"{printable(path)} is no ONNX model of a detector: {error}") from error


def _require_moderate(view: memoryview) -> None:
    reader, metadata = _Reader(), 0
    main, functions = _Calls(), dict[_Name, _Calls]()
    for number, value in reader.fields(view):
        if number == _GRAPH:
            reader.calls(reader.fields(value), _NODE, main)
        elif number == _FUNCTION:
            reader.function(value, functions)
        elif number == _METADATA:
            metadata += len(value)
    if metadata > _MOST_METADATA:
        raise ValueError(f"its metadata has over {_MOST_METADATA >> 20} MiB")
    if _written_out(main, functions, {}) > _MOST_OPERATIONS:
        raise ValueError(f"it has over {_MOST_OPERATIONS} operations")


def _written_out(calls: _Calls, functions: dict[_Name, _Calls], known: dict[_Name, int]) -> int:
    """How many operations there are once functions are written out; at most one more than may be."""
    count = 0
    for name, times in calls.names.items():
        if name in functions and name not in known:
            known[name] = _MOST_OPERATIONS + 1  # for one that calls itself
            known[name] = _written_out(functions[name], functions, known)
        count += times * known.get(name, 1)
    return min(count, _MOST_OPERATIONS + 1)


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number, and where the next field begins."""
    number = shift = 0
    while shift < 64 and at < len(data):
        byte = data[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at
    raise _DamagedError("it is cut off, or no protobuf")
