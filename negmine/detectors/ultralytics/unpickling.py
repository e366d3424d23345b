"""Reading a pickle without running it: a machine that knows the opcodes, and makes nothing but records.

Python's own unpickler calls what a pickle names. Here a pickle is a list of steps on a stack of values: a name becomes
a `Name`, a call becomes a `Record`, and the few calls that stand for plain values or tensors become these.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Any

from negmine.detectors.ultralytics.records import Name, Record, Storage, Tensor, UnreadableError, described

_MOST_STEPS = 2_000_000  # of a pickle; that of a large network with its optimizer has a tenth
_MOST_LETTERS = 200  # of a name, which is copied wherever it occurs
_MOST_BITS = 64  # of a number; hashes and sizes have no more
_MOST_SIDES = 8  # of a tensor
_LISTS = frozenset({"builtins.set", "builtins.frozenset", "__builtin__.set", "builtins.list", "collections.deque"})
_TUPLES = frozenset({"torch.Size", "builtins.tuple", "__builtin__.tuple"})
_DICTS = frozenset({"collections.OrderedDict", "collections.defaultdict", "collections.Counter", "builtins.dict"})
_PARAMETERS = frozenset({"torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"})
_TENSORS = frozenset({"torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2"})
_TYPED_TENSOR = "torch._utils._rebuild_tensor_v3"
_DTYPES = {
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64", "Int": "int32",
    "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool",
}  # fmt: skip
_MARK = object()


class Machine:
    """Runs the opcodes of one pickle. Every step takes time and memory for what is in the file, and no more.

    Args:
        most_steps: that it may have.
    """

    def __init__(self, most_steps: int = _MOST_STEPS) -> None:
        self._most_steps = most_steps
        self.names: set[str] = set()  # everything that the pickle names
        self._stack: list[Any] = []
        self._memo: dict[int, object] = {}

    def run(self, pickled: bytes) -> object:
        """What a pickle holds.

        Raises:
            UnreadableError: for a broken one, several, or an opcode that torch.save does not write.
        """
        end = -1
        try:
            for number, (opcode, argument, position) in enumerate(pickletools.genops(pickled)):
                end = position or 0
                if number >= self._most_steps:
                    raise UnreadableError(f"its pickle has over {self._most_steps} steps")
                step = _STEPS.get(opcode.name)
                if step is None:
                    self._unknown(opcode.name)
                else:
                    step(self, argument)
        except UnreadableError:
            raise
        except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise UnreadableError(f"its pickle is broken at byte {max(end, 0)}: {type(error).__name__}") from error
        if end + 1 != len(pickled):
            raise UnreadableError(f"its pickle ends at byte {end + 1} of {len(pickled)}")
        return self._stack.pop()

    def _unknown(self, name: str) -> None:
        by_number = " (it names what it would run by number)" if name.startswith("EXT") else ""
        raise UnreadableError(f"its pickle has the opcode {name}{by_number}, which torch.save does not write")

    def _nothing(self, _: object) -> None:
        """Of a protocol, a frame, or the end."""

    def _push(self, value: object) -> None:
        self._stack.append(value)

    def _push_number(self, value: Any) -> None:
        self._stack.append(_number(value))

    def _get(self, index: int) -> None:
        self._stack.append(self._memo[index])

    def _put(self, index: int) -> None:
        self._memo[_number(index)] = self._stack[-1]  # any number of long ones may have the same hash

    def _memoize(self, _: object) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise UnreadableError("its pickle takes a value that is not there")
        return value

    def _pop_to_mark(self) -> list[Any]:
        values: list[Any] = []
        while (value := self._stack.pop()) is not _MARK:
            values.append(value)
        return values[::-1]

    def _discard(self, _: object) -> None:
        self._stack.pop()

    def _discard_to_mark(self, _: object) -> None:
        self._pop_to_mark()

    def _duplicate(self, _: object) -> None:
        self._stack.append(self._stack[-1])

    def _mark(self, _: object) -> None:
        self._stack.append(_MARK)

    def _empty_list(self, _: object) -> None:
        self._stack.append([])

    def _empty_tuple(self, _: object) -> None:
        self._stack.append(())

    def _empty_dict(self, _: object) -> None:
        self._stack.append({})

    def _append(self, _: object) -> None:
        self._extend([self._pop()])

    def _appends(self, _: object) -> None:
        self._extend(self._pop_to_mark())

    def _extend(self, values: list[Any]) -> None:
        target = self._stack[-1]
        (target.items if isinstance(target, Record) else _checked(target, list)).extend(values)

    def _make_list(self, _: object) -> None:
        self._stack.append(self._pop_to_mark())

    def _make_tuple(self, _: object) -> None:
        self._stack.append(tuple(self._pop_to_mark()))

    def _tuple_of(self, count: int) -> None:
        self._stack.append(tuple([self._pop() for _ in range(count)][::-1]))

    def _make_dict(self, _: object) -> None:
        values = self._pop_to_mark()
        self._stack.append({})
        self._set(values)

    def _set_item(self, _: object) -> None:
        value, key = self._pop(), self._pop()
        self._set([key, value])

    def _set_items(self, _: object) -> None:
        self._set(self._pop_to_mark())

    def _set(self, values: list[Any]) -> None:
        target = self._stack[-1]
        pairs = [(_hashable(key), value) for key, value in zip(values[::2], values[1::2], strict=True)]
        if isinstance(target, Record):
            target.items.extend(pairs)
        else:
            _checked(target, dict).update(pairs)

    def _name(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._named(module, name)

    def _stack_name(self, _: object) -> None:
        name, module = self._pop(), self._pop()
        self._named(_checked(module, str), _checked(name, str))

    def _named(self, module: str, name: str) -> None:
        if len(module) + len(name) > _MOST_LETTERS:
            raise UnreadableError(f"it names something in {len(module) + len(name)} letters")
        self.names.add(f"{module} {name}")
        self._stack.append(Name(f"{module}.{name}"))

    def _reduce(self, _: object) -> None:
        arguments, function = self._pop(), self._pop()
        self._stack.append(_made(function, _checked(arguments, tuple)))

    def _reduce_with_names(self, _: object) -> None:
        self._pop()  # the named arguments
        self._reduce(None)

    def _instance(self, argument: str) -> None:
        arguments = self._pop_to_mark()
        self._name(argument)
        self._stack.append(_made(self._stack.pop(), tuple(arguments)))

    def _object(self, _: object) -> None:
        function, *arguments = self._pop_to_mark()
        self._stack.append(_made(function, tuple(arguments)))

    def _build(self, _: object) -> None:
        state = self._pop()
        target = self._stack[-1]
        if isinstance(target, Record):
            target.state = state
        elif not isinstance(target, dict):  # the attributes of an OrderedDict, which a state_dict has
            raise UnreadableError(f"its pickle gives attributes to {described(target)}")

    def _persistent(self, _: object) -> None:
        self._stack.append(_storage(self._pop()))


_STEPS: dict[str, Callable[[Machine, Any], None]] = {
    **dict.fromkeys("PROTO FRAME STOP".split(), Machine._nothing),
    **dict.fromkeys(
        "STRING BINSTRING SHORT_BINSTRING UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8".split(), Machine._push
    ),
    **dict.fromkeys("BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 FLOAT BINFLOAT".split(), Machine._push),
    **dict.fromkeys("INT BININT BININT1 BININT2 LONG LONG1 LONG4".split(), Machine._push_number),
    **dict.fromkeys("GET BINGET LONG_BINGET".split(), Machine._get),
    **dict.fromkeys("PUT BINPUT LONG_BINPUT".split(), Machine._put),
    "MEMOIZE": Machine._memoize,
    "NONE": lambda machine, _: machine._push(None),
    "NEWTRUE": lambda machine, _: machine._push(True),
    "NEWFALSE": lambda machine, _: machine._push(False),
    "MARK": Machine._mark,
    "POP": Machine._discard,
    "POP_MARK": Machine._discard_to_mark,
    "DUP": Machine._duplicate,
    "EMPTY_LIST": Machine._empty_list,
    "EMPTY_SET": Machine._empty_list,
    "APPEND": Machine._append,
    "APPENDS": Machine._appends,
    "ADDITEMS": Machine._appends,
    "LIST": Machine._make_list,
    "FROZENSET": Machine._make_list,
    "EMPTY_TUPLE": Machine._empty_tuple,
    "TUPLE": Machine._make_tuple,
    "TUPLE1": lambda machine, _: machine._tuple_of(1),
    "TUPLE2": lambda machine, _: machine._tuple_of(2),
    "TUPLE3": lambda machine, _: machine._tuple_of(3),
    "EMPTY_DICT": Machine._empty_dict,
    "DICT": Machine._make_dict,
    "SETITEM": Machine._set_item,
    "SETITEMS": Machine._set_items,
    "GLOBAL": Machine._name,
    "STACK_GLOBAL": Machine._stack_name,
    "REDUCE": Machine._reduce,
    "NEWOBJ": Machine._reduce,
    "NEWOBJ_EX": Machine._reduce_with_names,
    "INST": Machine._instance,
    "OBJ": Machine._object,
    "BUILD": Machine._build,
    "BINPERSID": Machine._persistent,
}


def _made(function: object, arguments: tuple[object, ...]) -> object:
    """What a call stands for."""
    name = _checked(function, Name).name
    if name in _DICTS:
        return arguments[0] if arguments and isinstance(arguments[0], dict) else {}
    if name in _LISTS:
        return _checked(arguments[0], list) if arguments else []
    if name in _TUPLES:
        return _checked(arguments[0], tuple) if arguments else ()
    if name in _PARAMETERS:
        return _checked(arguments[0], Tensor)
    if name in _TENSORS:
        storage = _checked(arguments[0], Storage)
        return _tensor(storage, arguments, storage.dtype)
    if name == _TYPED_TENSOR:
        return _tensor(_checked(arguments[0], Storage), arguments, _checked(arguments[6], Name).name[6:])
    return Record(name, arguments)


def _tensor(storage: Storage, arguments: tuple[object, ...], dtype: str | None) -> Tensor:
    if dtype is None or dtype not in _DTYPES.values():
        raise UnreadableError("it holds a tensor of numbers that no network of Ultralytics has")
    offset, shape, strides = _size(arguments[1]), _sizes(arguments[2]), _sizes(arguments[3])
    if len(shape) != len(strides):
        raise UnreadableError("it holds a tensor whose shape is broken")
    return Tensor(storage, offset, shape, strides, dtype)


def _storage(value: object) -> Storage:
    """What torch.save says of the elements of tensors: `("storage", type, key, place, elements)`."""
    kind, storage_type, key, _, elements = _checked(value, tuple)
    name = _checked(storage_type, Name).name
    dtype = _DTYPES.get(name.removeprefix("torch.").removesuffix("Storage"))
    if kind != "storage" or (dtype is None and name != "torch.storage.UntypedStorage"):
        raise UnreadableError(f"it holds elements of the kind {name[:80]}")
    return Storage(_checked(key, str), dtype, _size(elements))


def _size(value: object) -> int:
    if type(value) is not int or value < 0:
        raise UnreadableError("it holds a tensor whose shape is broken")
    return value


def _sizes(value: object) -> tuple[int, ...]:
    sizes = _checked(value, tuple)
    if len(sizes) > _MOST_SIDES:
        raise UnreadableError("it holds a tensor whose shape is broken")
    return tuple(_size(each) for each in sizes)


def _checked(value: object, kind: type[Any]) -> Any:
    if not isinstance(value, kind):
        raise UnreadableError(f"its pickle has {described(value)} in place of a {kind.__name__}")
    return value


def _number(value: Any) -> int:
    if value.bit_length() > _MOST_BITS:
        raise UnreadableError(f"it holds a number of {value.bit_length()} bits")
    return int(value) if type(value) is not bool else value


def _hashable(key: object) -> object:
    """A key that is cheap to hash; tuples in tuples take for ever."""
    if isinstance(key, (type(None), bool, int, float, str, bytes, Record, Name)):
        return key
    raise UnreadableError(f"its pickle has {described(key)} as a key")
