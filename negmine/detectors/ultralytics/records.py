"""What an unread pickle is made of: plain values, tensors that are still in the file, and records of everything else.

A record says what a pickle asks for, and nobody does it: no class is looked up, made or called.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_DEEPEST, _MOST = 12, 200_000  # of plain values: deeper or more is no description of a network
_PLAIN = (type(None), bool, int, float, str)


class UnreadableError(Exception):
    """A value is not what it is in a checkpoint; the reader of the file says where, and what to do."""


@dataclass(slots=True, eq=False)
class Record:
    """An object of a class, or the result of a call, that was not made.

    Attributes:
        name: of the class or function, with its module: `torch.nn.modules.conv.Conv2d`.
        arguments: of the call.
        state: the attributes.
        items: what it contains, where it is a container of its own kind.
    """

    name: str
    arguments: tuple[object, ...] = ()
    state: object = None
    items: list[object] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """The name without its module."""
        return self.name.rpartition(".")[2]

    @property
    def attributes(self) -> dict[object, object]:
        """The attributes by name; {} where there are none."""
        return self.state if isinstance(self.state, dict) else {}


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """A class or function that a pickle names, with its module."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """The elements of tensors in the file.

    Attributes:
        key: its name there.
        dtype: of the elements, by torch's name, such as `float16`; None for bytes.
        elements: how many.
    """

    key: str
    dtype: str | None
    elements: int


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A tensor in the file.

    Attributes:
        storage: of its elements.
        offset: of the first, in elements.
        shape: of the tensor.
        strides: from one element to the next along each side, in elements.
        dtype: by torch's name.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str


def plain(value: object, what: str) -> object:
    """A copy of a value that is made of numbers, texts, lists, tuples and dictionaries only.

    Args:
        value: to copy.
        what: it is, for a message.

    Raises:
        UnreadableError: for anything else in it, or far too much.
    """
    left = [_MOST]

    def copied(value: object, depth: int) -> object:
        left[0] -= 1
        if depth > _DEEPEST or left[0] < 0:
            raise UnreadableError(f"its {what} is nested too deep, or too long")
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, list):
            return [copied(each, depth + 1) for each in value]
        if isinstance(value, tuple):
            return tuple(copied(each, depth + 1) for each in value)
        if isinstance(value, dict):
            return {_key(key, what): copied(each, depth + 1) for key, each in value.items()}
        raise UnreadableError(f"its {what} holds {described(value)}, and may hold numbers, texts and lists")

    return copied(value, 0)


def described(value: object) -> str:
    """A value in a message: what it is, not what is in it."""
    if isinstance(value, (Record, Name)):
        return value.name[:80]
    return "a tensor" if isinstance(value, Tensor) else f"a {type(value).__name__}"


def _key(key: object, what: str) -> object:
    if isinstance(key, _PLAIN):
        return key
    raise UnreadableError(f"its {what} has {described(key)} as a key, and may have numbers and texts")
