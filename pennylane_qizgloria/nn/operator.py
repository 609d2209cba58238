"""Modules inside programs that ``torch.compile`` makes: one operator of torch's for all of them.

A compiler that looks into a module would meet PennyLane, and break the graph there. So a compiled
program calls an operator, which calls the module. The module is known to it by a key, which is a
constant of the program; copies of a module have keys of their own. A gradient is another operator,
which runs the module once more and differentiates it. Gradients of compiled programs cannot be
differentiated again.

Operators run modules in a thread of its own. Inside of an operator torch records nothing, and where
``aot_autograd`` calls it, forgets to conjugate what is conjugated lazily: ``m + m.mH`` is then the
sum of a matrix and its transpose.
"""

from __future__ import annotations

from itertools import count
from typing import Protocol, runtime_checkable
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from .tracing.exporting import in_a_thread


@runtime_checkable
class CompiledModule(Protocol):
    """A module as the operator sees it."""

    def apart(self, tensors: list[Tensor]) -> Tensor:
        """The results for inputs and weights."""

    def like(self, tensors: list[Tensor]) -> Tensor:
        """An empty tensor like the results, for tensors that may have no numbers."""


_MODULES: WeakValueDictionary[str, CompiledModule] = WeakValueDictionary()

_NUMBERS = count()


def key_of(module: CompiledModule) -> str:
    """A new key of a module."""
    key = f"{type(module).__name__} {next(_NUMBERS)}"
    _MODULES[key] = module
    return key


def is_compiled() -> bool:
    """Whether ``torch.compile`` looks at what happens now."""
    return torch.compiler.is_compiling() and not torch.compiler.is_exporting()


@torch.library.custom_op(
    "qizgloria::module", mutates_args=(), schema="(str key, Tensor[] tensors) -> Tensor"
)
def run_module(key: str, tensors: list[Tensor]) -> Tensor:
    """The results of a module.

    Args:
        key: of the module.
        tensors: inputs and weights.
    """

    def found() -> Tensor:
        with torch.no_grad():
            # An operator's result shares no memory with its arguments.
            return _MODULES[key].apart(tensors).clone()

    return in_a_thread(found)


@run_module.register_fake
def _(key: str, tensors: list[Tensor]) -> Tensor:
    return _MODULES[key].like(tensors)


@torch.library.custom_op(
    "qizgloria::module_gradients",
    mutates_args=(),
    schema="(str key, Tensor[] tensors, Tensor cotangent, bool[] needed) -> Tensor[]",
)
def module_gradients(
    key: str, tensors: list[Tensor], cotangent: Tensor, needed: list[bool]
) -> list[Tensor]:
    """The gradients of a module's results.

    Args:
        key: of the module.
        tensors: inputs and weights.
        cotangent: of the results.
        needed: for which of the tensors.
    """

    def found() -> list[Tensor]:
        pairs = zip(tensors, needed, strict=True)
        leaves = [tensor.detach().requires_grad_(own) for tensor, own in pairs]
        wanted = [leaf for leaf in leaves if leaf.requires_grad]
        result = _MODULES[key].apart(leaves)
        gradients = torch.autograd.grad(
            result, wanted, cotangent, allow_unused=True, materialize_grads=True
        )
        return [x.clone(memory_format=torch.contiguous_format) for x in gradients]

    return in_a_thread(found)


@module_gradients.register_fake
def _(key: str, tensors: list[Tensor], cotangent: Tensor, needed: list[bool]) -> list[Tensor]:
    return [x.new_empty(x.shape) for x, own in zip(tensors, needed, strict=True) if own]


def _setup_context(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    ctx.key, tensors = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx, cotangent):  # type: ignore[no-untyped-def]
    tensors = list(ctx.saved_tensors)
    pairs = zip(tensors, ctx.needs_input_grad[1], strict=True)
    needed = [own and x.is_floating_point() for x, own in pairs]
    found = iter(module_gradients(ctx.key, tensors, cotangent, needed))
    return None, [next(found) if own else None for own in needed]


run_module.register_autograd(_backward, setup_context=_setup_context)


def example_of(
    module: CompiledModule, inputs: Tensor, weights: list[Tensor], size: int | None
) -> tuple[tuple[int, ...], torch.dtype]:
    """The shape and the dtype of a module's results, found where no compiler looks.

    Args:
        module: the module.
        inputs: inputs, which may have no numbers.
        weights: weights, which have some.
        size: of the inputs' first axis; None for that which they have.
    """
    shape = [size or int(inputs.shape[0]), *map(int, inputs.shape[1:])]
    dtype = inputs.dtype

    def found() -> tuple[tuple[int, ...], torch.dtype]:
        # Numbers that are angles and probabilities, and amplitudes of norm 1.
        numbers = torch.full(shape, shape[-1] ** -0.5).to(dtype)
        with torch.no_grad():
            result = module.apart([numbers, *(weight.detach() for weight in weights)])
        return tuple(result.shape), result.dtype

    return in_a_thread(found)
