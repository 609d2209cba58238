"""Tensor functions as operations that autograd can differentiate, to any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import autograd
import numpy as np
import torch
from autograd.builtins import tuple as tuple_of

from ...engines.tensor_functions import Cotangents, TensorFunction
from ...pauli.run.autocast import without_autocast


def call(function: TensorFunction, arguments: Sequence[Any]) -> Any:
    """The results of a tensor function, a sequence of arrays.

    Args:
        function: the function.
        arguments: arrays, or what autograd has for them while it differentiates.
    """
    return _call(tuple_of(tuple(arguments)), function)


@autograd.extend.primitive
def _call(arguments: Any, function: TensorFunction) -> tuple[np.ndarray, ...]:
    # Autograd calls this outside of the device, too.
    with torch.no_grad(), without_autocast():
        found = function(*(torch.as_tensor(np.array(x)) for x in arguments))
    return tuple(y.detach().resolve_conj().cpu().numpy() for y in found)


def _transposed(results: Any, arguments: Any, function: TensorFunction) -> Callable[[Any], Any]:
    every = tuple(range(len(arguments)))

    def images(cotangents: Any) -> Any:
        return call(Cotangents(function, every), (*arguments, *cotangents))

    return images


autograd.extend.defvjp(_call, _transposed, argnums=[0])
