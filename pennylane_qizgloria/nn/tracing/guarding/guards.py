"""Whether what a call depends on besides its arguments is still what it was.

A guard is a snapshot of all that a call can reach (see `reachability`): closures, globals,
attributes, entries of containers, elements of arrays, tensors. Containers are compared by the
identity of what they hold, numbers and strings also by their value, arrays and tensors by their
content.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import is_
from types import MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor

Container = tuple[Callable[[], Sequence[Any]], list[Any], str, Sequence[str]]
"""A function that gives what a container holds; what that was; the names of both."""


@dataclass(frozen=True, eq=False)
class Guard:
    """Everything that a call depends on, as it was.

    Args:
        containers: what is compared by identity.
        absent: functions that say whether names still do not occur, and where that is.
        arrays: arrays, and their shapes, dtypes and contents.
        constants: tensors that are not differentiated, and copies of them.
        trainable: tensors that are, and their shapes, dtypes and torch devices.
        generators: generators of random numbers, and their states.
    """

    containers: tuple[Container, ...]
    absent: tuple[tuple[Callable[[], bool], str], ...]
    arrays: tuple[tuple[np.ndarray, tuple], ...]
    constants: tuple[tuple[Tensor, tuple], ...]
    trainable: tuple[tuple[Tensor, tuple], ...]
    generators: tuple[tuple[Any, Any], ...]

    def holds(self) -> bool:
        """Whether nothing has changed that a later call would see."""
        return self.change() is None

    def change(self) -> str | None:
        """Where something has changed, for people to read; None if nothing has."""
        for read, held, where, names in self.containers:
            try:
                now = read()
            except KeyError as gone:
                return f"{where}{gone.args[0]}"
            if (len(now) != len(held) or not all(map(is_, now, held))) and not _renewed(now, held):
                differ = (
                    name for name, a, b in zip(names, now, held, strict=False) if not _same(a, b)
                )
                return f"{where}{next(differ, '')}"
        for are_absent, where in self.absent:
            if not are_absent():
                return where
        if (
            all(_content(array) == seen for array, seen in self.arrays)
            and all(_meta(tensor) == seen for tensor, seen in self.trainable)
            and all(_content_of(tensor) == seen for tensor, seen in self.constants)
        ):
            return None
        return "the content of an array or a tensor"

    @property
    def drew(self) -> bool:
        """Whether a generator of random numbers in reach has been used since."""
        return any(_generator_state(own) != seen for own, seen in self.generators)

    @property
    def tensors(self) -> set[int]:
        """The ids of all tensors that are watched."""
        return {id(tensor) for tensor, _ in (*self.constants, *self.trainable)}


def snapshot(
    containers: Sequence[Container],
    absent: Sequence[tuple[Callable[[], bool], str]],
    arrays: Sequence[np.ndarray],
    tensors: Sequence[Tensor],
    generators: Sequence[Any],
) -> Guard:
    """A guard of what is found now."""
    return Guard(
        tuple(containers),
        tuple(absent),
        tuple((array, _content(array)) for array in arrays),
        tuple((x, _content_of(x)) for x in tensors if not x.requires_grad),
        tuple((x, _meta(x)) for x in tensors if x.requires_grad),
        tuple((own, _generator_state(own)) for own in generators),
    )


def _renewed(now: Sequence[Any], held: list[Any]) -> bool:
    """Whether only other objects of the same values have come in; these are then expected."""
    pairs = zip(now, held, strict=False)
    if len(now) != len(held) or not all(a is b or _same(a, b) for a, b in pairs):
        return False
    held[:] = now
    return True


def _same(a: Any, b: Any) -> bool:
    kind = type(a)
    if kind is not type(b):
        return False
    if kind in (tuple, frozenset):
        return len(a) == len(b) and all(x is y or _same(x, y) for x, y in zip(a, b, strict=True))
    if kind is MethodType:  # made anew at each look
        return a.__func__ is b.__func__ and a.__self__ is b.__self__
    plain = isinstance(a, (int, float, complex, str, bytes, np.generic))
    return plain and repr(a) == repr(b)


def _content(array: np.ndarray) -> tuple:
    return array.shape, array.dtype, array.tobytes()


def _meta(tensor: Tensor) -> tuple:
    return tensor.shape, tensor.dtype, tensor.device, tensor.requires_grad


def _content_of(tensor: Tensor) -> tuple:
    """What can be seen of a tensor: writing by way of ``data`` or NumPy leaves no other trace."""
    if tensor.requires_grad:
        return _meta(tensor)
    plain = tensor.detach()
    if plain.device.type != "cpu" or plain.dtype in (torch.bfloat16,):
        plain = plain.to("cpu", torch.float64)
    return *_meta(tensor), plain.resolve_conj().resolve_neg().numpy().tobytes()


def _generator_state(generator: Any) -> Any:
    if isinstance(generator, torch.Generator):
        return bytes(generator.get_state().numpy())
    if isinstance(generator, random.Random):
        return generator.getstate()
    if isinstance(generator, np.random.RandomState):
        return repr(generator.get_state(legacy=False))
    return repr(generator.bit_generator.state)
