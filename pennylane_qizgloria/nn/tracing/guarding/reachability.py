"""All that a call can reach besides its arguments: the snapshot that a guard compares with.

The walk starts at a QNode. It follows the closures, defaults and globals of those functions of the
user's that have been seen to run, the attributes of objects, and what containers hold. Of objects
of the user's own classes only the attributes count whose names occur in the code that runs, since
nothing else reads them. What cannot be compared, such as an iterator, is refused.
"""

from __future__ import annotations

import dis
import enum
import functools
import random
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

import numpy as np
import pennylane as qml
import torch
from torch import Tensor

from ...._compat.python import CachedFunction
from .guards import Container, Guard, snapshot
from .observation import Observation, is_trusted
from .purity import (
    ALWAYS_READ,
    IMPURE_NAMES,
    PURE_CLASSES,
    PURE_MODULES,
    REFLECTION,
    REGISTRIES,
    UNREAD,
)

MAX_OBJECTS = 3000
"""A call that can reach more is not guarded; comparing them would take too long."""

MAX_NUMBERS = 2**14
"""Larger arrays are not compared."""

_ATOMS: tuple[type, ...] = (
    type(None), bool, int, float, complex, str, bytes, range, slice, type(...),
    type(NotImplemented), np.generic, np.dtype, np.ufunc, torch.dtype, torch.device, torch.Size,
    torch.layout, torch.memory_format, enum.Enum, CodeType, MethodDescriptorType, MethodWrapperType,
    WrapperDescriptorType, GetSetDescriptorType, MemberDescriptorType,
    qml.wires.Wires, qml.measurements.Shots, type(np.dot),
)  # fmt: skip
"""What never changes."""


class IncomparableError(Exception):
    """Says what a call depends on that cannot be compared."""


def guard(roots: Iterable[tuple[str, Any]], seen: Observation) -> Guard:
    """Take a snapshot of what a call depends on.

    Args:
        roots: the QNode, and what else is not the user's but holds what is, with their names.
        seen: which functions the call runs.

    Raises:
        IncomparableError: if it cannot be compared, or is too much.
    """
    walk = _Walk(seen)
    for where, root in roots:
        walk.visit(root, where)
    walk.visit_unreached()
    return walk.result()


class _Walk:
    """Visits all that can be reached, each object once."""

    def __init__(self, seen: Observation) -> None:
        self.functions = seen.functions
        names: set[str] = set()
        for code in seen.functions:
            names.update(code.co_names)
        self.names = names
        self.reflects = not names.isdisjoint(REFLECTION)
        self.reached: set[CodeType] = set()
        self.visited: dict[int, Any] = {}
        self.containers: list[Container] = []
        self.absent: list[tuple[Callable, str]] = []
        self.arrays: list[np.ndarray] = []
        self.tensors: list[Tensor] = []
        self.generators: list[Any] = []

    def result(self) -> Guard:
        """What was found."""
        return snapshot(self.containers, self.absent, self.arrays, self.tensors, self.generators)

    def visit(self, value: Any, where: str) -> None:
        """Take in a value and what it holds."""
        if isinstance(value, _ATOMS) or id(value) in self.visited:
            return
        self.visited[id(value)] = value
        if len(self.visited) > MAX_OBJECTS:
            raise IncomparableError(f"it can reach more than {MAX_OBJECTS} objects, by {where}")
        for kinds, take in _KINDS:
            if isinstance(value, kinds):
                take(self, value, where)
                return
        self._object(value, where)

    def visit_unreached(self) -> None:
        """The functions that ran but were not found as values anywhere."""
        nested = {
            constant
            for code in self.functions
            for constant in code.co_consts
            if isinstance(constant, CodeType)
        }
        for code, own_globals in self.functions.items():
            if code not in self.reached:
                if code.co_freevars and code not in nested:
                    raise IncomparableError(f"the closure of {code.co_name} is out of sight")
                self._code(code, own_globals)

    # --- containers -------------------------------------------------------------------------------

    def _watch(
        self, read: Callable[[], Sequence[Any]], where: str, names: Sequence[str] = ()
    ) -> list[Any]:
        held = list(read())
        self.containers.append((read, held, where, names))
        return held

    def _watch_names(self, mapping: Mapping[str, Any], names: Iterable[str], where: str) -> None:
        wanted = frozenset(names)
        present = sorted(wanted & mapping.keys())
        if absent := wanted - mapping.keys():
            self.absent.append((functools.partial(mapping.keys().isdisjoint, absent), where))
        if not present:
            return
        # A name twice, so that a tuple is got for a single one, too.
        read = functools.partial(itemgetter(*present, present[0]), mapping)
        for name, value in zip(present, self._watch(read, where, present), strict=False):
            self.visit(value, f"{where}{name}")

    def _sequence(self, value: Any, where: str) -> None:
        for number, held in enumerate(self._watch(lambda: value, where)):
            self.visit(held, f"{where}[{number}]")

    def _set(self, value: Any, where: str) -> None:
        for held in self._watch(lambda: list(value), where):
            self.visit(held, where)

    def _tuple(self, value: Any, where: str) -> None:
        for number, held in enumerate(value):
            self.visit(held, f"{where}[{number}]")

    def _dict(self, value: dict, where: str) -> None:
        self._watch(lambda: [*value, *value.values()], where)
        for key, held in list(value.items()):
            self.visit(key, where)
            self.visit(held, f"{where}[{key!r}]")

    def _array(self, value: np.ndarray, where: str) -> None:
        if value.dtype.hasobject:
            raise IncomparableError(f"{where} is an array of objects")
        if value.size > MAX_NUMBERS:
            raise IncomparableError(f"{where} is an array of more than {MAX_NUMBERS} numbers")
        self.arrays.append(value)

    def _tensor(self, value: Tensor, where: str) -> None:
        if not value.requires_grad and value.numel() > MAX_NUMBERS:
            raise IncomparableError(f"{where} is a tensor of more than {MAX_NUMBERS} numbers")
        self.tensors.append(value)

    def _generator(self, value: Any, where: str) -> None:
        self.generators.append(value)

    # --- functions --------------------------------------------------------------------------------

    def _function(self, value: FunctionType, where: str) -> None:
        # By its globals: __module__ is that of the wrapped function where functools.wraps was used.
        if is_trusted(value.__globals__.get("__name__")):
            self._closure_of_library(value)
            return
        if value.__code__ not in self.functions:
            return
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            for held in self._watch(functools.partial(_cell, cell), name):
                self.visit(held, name)
        defaults = lambda: [  # noqa: E731
            value.__code__, *(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()
        ]  # fmt: skip
        for held in self._watch(defaults, f"the defaults of {value.__name__}"):
            self.visit(held, f"a default of {value.__name__}")
        self._code(value.__code__, value.__globals__)

    def _closure_of_library(self, value: FunctionType) -> None:
        """What a library's function has been given; what it notes there itself does not count."""
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            for held in _cell(cell):
                for inner in list(held.values()) if type(held) is dict else [held]:
                    self.visit(inner, name)

    def _code(self, code: CodeType, own_globals: dict[str, Any]) -> None:
        """The globals that a function and those nested in it read."""
        self.reached.add(code)
        read: set[str] = set()
        for instruction in dis.get_instructions(code):
            name = instruction.argval
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                read.add(name)
            elif instruction.opname == "IMPORT_NAME":
                self.visit(sys.modules.get(name), name)
        self._refuse_impure({*code.co_names} - own_globals.keys())
        self._watch_names(own_globals, read, "")
        for constant in code.co_consts:
            if isinstance(constant, CodeType) and constant not in self.reached:
                self._code(constant, own_globals)

    def _refuse_impure(self, names: set[str]) -> None:
        for name in sorted(names & IMPURE_NAMES.keys()):
            raise IncomparableError(f"it {IMPURE_NAMES[name]} ({name})")

    def _method(self, value: MethodType, where: str) -> None:
        self.visit(value.__func__, where)
        self.visit(value.__self__, where)

    def _partial(self, value: functools.partial, where: str) -> None:
        self._tuple((value.func, value.args), where)
        self._dict(value.keywords, where)

    def _builtin(self, value: BuiltinFunctionType, where: str) -> None:
        owner = value.__self__
        if owner is not None and not isinstance(owner, ModuleType):
            self.visit(owner, where)
        elif not _is_pure(value.__module__):
            raise IncomparableError(f"it uses {value.__module__}.{value.__name__}")

    def _wrapped(self, value: Any, where: str) -> None:
        self.visit(value.__wrapped__, where)

    def _property(self, value: property, where: str) -> None:
        self.visit(value.fget, where)

    # --- modules, classes and other objects -------------------------------------------------------

    def _module(self, value: ModuleType, where: str) -> None:
        name = value.__name__
        if name.partition(".")[0] in sys.stdlib_module_names and not _is_pure(name):
            raise IncomparableError(f"it uses the module {name}")
        if not is_trusted(name):
            self._watch_names(vars(value), self.names & vars(value).keys(), f"{name}.")

    def _class(self, value: type, where: str) -> None:
        if value.__module__.partition(".")[0] in sys.stdlib_module_names:
            if value not in PURE_CLASSES and not _is_pure(value.__module__):
                raise IncomparableError(f"it uses {value.__module__}.{value.__name__}")
        elif not is_trusted(value.__module__):
            for own in value.__mro__:
                if not is_trusted(own.__module__):
                    self._watch_names(vars(own), self._read_of(vars(own)), f"{own.__name__}.")

    def _read_of(self, attributes: Mapping[str, Any]) -> set[str]:
        """Which attributes of an object of the user's the code may read."""
        special = {name for name in attributes if name.startswith("__") and name.endswith("__")}
        given_to_all = {"__dict__", "__weakref__", "__doc__", "__module__", "__annotations__"}
        methods = {name for name in special - given_to_all if callable(attributes[name])}
        if self.reflects:
            return {*attributes} - special | methods
        return ((self.names | ALWAYS_READ) & attributes.keys()) | methods

    def _iterator(self, value: Any, where: str) -> None:
        raise IncomparableError(f"{where} is an iterator, whose state cannot be compared")

    def _object(self, value: Any, where: str) -> None:
        kind = type(value)
        if hasattr(kind, "__next__"):
            self._iterator(value, where)
        slots = [
            name
            for own in kind.__mro__
            for name in _names(vars(own).get("__slots__", ()))
            if name not in ("__dict__", "__weakref__")
        ]
        attributes = getattr(value, "__dict__", None)
        if attributes is None and not slots:
            if callable(value) and is_trusted(getattr(value, "__module__", None)):
                return  # a compiled function of a library
            raise IncomparableError(f"{where} is a {kind.__name__}, which cannot be compared")
        if slots:
            missing = object()
            read = lambda: [getattr(value, name, missing) for name in slots]  # noqa: E731
            for name, held in zip(slots, self._watch(read, where), strict=True):
                if held is not missing:
                    self.visit(held, f"{where}.{name}")
        if attributes is not None:
            self._attributes(value, attributes, where)
        self.visit(kind, where)

    def _attributes(self, value: Any, attributes: dict[str, Any], where: str) -> None:
        own = [kind for kind in type(value).__mro__ if not is_trusted(kind.__module__)]
        foreign = {kind for kind in type(value).__mro__ if is_trusted(kind.__module__)}
        if own and foreign <= {object, torch.nn.Module}:
            names = self._read_of(attributes)
            registries = names & REGISTRIES
            for name in registries:
                held = attributes[name]
                self._watch_names(held, self._read_of(held), f"{where}.")
            # Names that are not there now may be there at a later call.
            self._watch_names(attributes, (names | self.names) - REGISTRIES, f"{where}.")
            return
        unread = next((UNREAD[k.__name__] for k in foreign if k.__name__ in UNREAD), set())
        names = {name for name in attributes if not name.startswith("__")}
        self._watch_names(attributes, names - unread, f"{where}.")


_KINDS: tuple[tuple[Any, Callable], ...] = (
    (Tensor, _Walk._tensor),
    (np.ndarray, _Walk._array),
    (
        (np.random.Generator, np.random.RandomState, random.Random, torch.Generator),
        _Walk._generator,
    ),
    (MethodType, _Walk._method),
    (functools.partial, _Walk._partial),
    (FunctionType, _Walk._function),
    ((staticmethod, classmethod, CachedFunction), _Walk._wrapped),
    (property, _Walk._property),
    (BuiltinFunctionType, _Walk._builtin),
    (ModuleType, _Walk._module),
    (type, _Walk._class),
    ((list, deque), _Walk._sequence),
    ((tuple, frozenset), _Walk._tuple),
    (set, _Walk._set),
    (dict, _Walk._dict),
)
"""How each kind of object is taken in; others by their attributes."""


def _is_pure(module: str | None) -> bool:
    """Whether a module's compiled functions give the same for the same arguments."""
    top = (module or "builtins").partition(".")[0].removeprefix("_")
    return top in PURE_MODULES or top not in sys.stdlib_module_names


def _cell(cell: CellType) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:  # it has no content yet
        return []


def _names(slots: str | Iterable[str]) -> list[str]:
    return [slots] if isinstance(slots, str) else list(slots)
