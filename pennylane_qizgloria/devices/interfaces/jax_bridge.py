"""Tensor functions as operations that JAX can transform.

One primitive of JAX calls a function of `functions`, at once or, inside ``jit``, through a
callback. Its derivative calls the function's derivative, so that ``grad``, ``jacobian``,
``jacfwd``, ``hessian``, ``vmap`` and ``jit`` may be nested in any way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from ...engines.tensor_functions import Circuits, Spec, Tangents, TensorFunction, WithGradient
from ...pauli.run.autocast import without_autocast

torch_call_p = Primitive("torch_call")
"""Takes arrays to arrays. ``function`` is what it calls; ``linear`` is of how many arguments, the
last ones, the function is known to be linear."""

torch_call_p.multiple_results = True


def call(function: TensorFunction, arguments: Sequence[Any]) -> list[Any]:
    """The results of a tensor function as JAX's arrays.

    Args:
        function: the function.
        arguments: arrays or tracers of JAX.
    """
    return torch_call_p.bind(*arguments, function=function, linear=0)


# --- running --------------------------------------------------------------------------------------


@torch_call_p.def_impl
def _run(*arguments: Any, function: TensorFunction, linear: int) -> list[Any]:
    found = _evaluate(function, [np.asarray(x) for x in arguments])
    specs = function.specs([_spec(x) for x in arguments])
    return [jnp.asarray(y, _jax_dtype(dtype)) for y, (_, dtype) in zip(found, specs, strict=True)]


def _evaluate(function: TensorFunction, arguments: Sequence[np.ndarray]) -> list[np.ndarray]:
    with torch.no_grad(), without_autocast():
        # Copies, because JAX's memory is read-only.
        found = function(*(torch.from_numpy(_known(x).copy()) for x in arguments))
    return [y.detach().resolve_conj().cpu().numpy() for y in found]


def _known(array: np.ndarray) -> np.ndarray:
    """An array of a dtype that torch's numpy knows; bfloat16 is none."""
    return array if array.dtype.kind in "biufc" else array.astype(np.float32)


@torch_call_p.def_abstract_eval
def _abstract(*arguments: Any, function: TensorFunction, linear: int) -> list[Any]:
    return [
        jax.core.ShapedArray(shape, _jax_dtype(dtype))
        for shape, dtype in function.specs(
            [(x.shape, getattr(torch, x.dtype.name)) for x in arguments]
        )
    ]


def _spec(x: Any) -> Spec:
    # Python's numbers have neither shape nor dtype.
    return tuple(np.shape(x)), getattr(torch, np.dtype(jnp.result_type(x)).name)


def _jax_dtype(dtype: torch.dtype) -> Any:
    """JAX's dtype for torch's: single precision unless it has been told to take double."""
    return jax.dtypes.canonicalize_dtype(str(dtype).removeprefix("torch."))


def _in_jit(*arguments: Any, function: TensorFunction, linear: int) -> list[Any]:
    avals = _abstract(*arguments, function=function, linear=linear)
    specs = [jax.ShapeDtypeStruct(aval.shape, aval.dtype) for aval in avals]

    def on_host(*arrays: Any) -> list[np.ndarray]:
        found = _evaluate(function, [np.asarray(x) for x in arrays])
        return [y.astype(spec.dtype) for y, spec in zip(found, specs, strict=True)]

    # JAX 0.7.1 aborts the process where a product of matrices precedes a callback in one
    # computation. A branch that the compiler cannot decide is a computation of its own.
    always = jax.lax.optimization_barrier(jnp.bool_(True))
    return jax.lax.cond(
        always,
        lambda *own: jax.pure_callback(on_host, specs, *own),
        lambda *own: [jnp.zeros(spec.shape, spec.dtype) for spec in specs],
        *arguments,
    )


mlir.register_lowering(torch_call_p, mlir.lower_fun(_in_jit, multiple_results=True))


# --- transformations ------------------------------------------------------------------------------


def _jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, function: TensorFunction, linear: int
) -> tuple[list[Any], list[Any]]:
    positions = tuple(i for i, t in enumerate(tangents) if type(t) is not ad.Zero)
    directions = [tangents[i] for i in positions]
    first_linear = len(primals) - linear
    if linear and all(position >= first_linear for position in positions):
        images = [ad.instantiate_zeros(t) for t in tangents[first_linear:]]
        results = torch_call_p.bind(*primals, function=function, linear=linear)
        along = (*primals[:first_linear], *images)
        return results, torch_call_p.bind(*along, function=function, linear=linear)
    if isinstance(function, Circuits) and function.is_real_number:
        # One call gives all that is needed, where two would each evolve the state.
        value, *gradients = call(WithGradient(function, positions), primals)
        terms = map(_contracted, gradients, directions, [value.ndim] * len(positions))
        return [value], [sum(terms).astype(value.dtype)]
    results = torch_call_p.bind(*primals, function=function, linear=linear)
    images = torch_call_p.bind(
        *primals, *directions, function=Tangents(function, positions), linear=len(positions)
    )
    return results, images


def _contracted(gradient: Any, direction: Any, rows: int) -> Any:
    """What one parameter's tangent contributes to the tangent of each row's number."""
    return jnp.real(gradient * direction).sum(tuple(range(rows, gradient.ndim)))


def _transpose(
    cotangents: Sequence[Any], *arguments: Any, function: Any, linear: int
) -> list[Any | None]:
    fixed, moving = arguments[: len(arguments) - linear], arguments[len(arguments) - linear :]
    given = [ad.instantiate_zeros(ct) for ct in cotangents]
    images = torch_call_p.bind(*fixed, *given, function=function.transposed, linear=len(given))
    return [None] * len(fixed) + [
        image if ad.is_undefined_primal(x) else None
        for x, image in zip(moving, images, strict=True)
    ]


def _batched(
    arguments: Sequence[Any], axes: Sequence[Any], *, function: TensorFunction, linear: int
) -> tuple[list[Any], list[int]]:
    known = [(x, axis) for x, axis in zip(arguments, axes, strict=True) if axis is not None]
    size = known[0][0].shape[known[0][1]]
    every = [batching.bdim_at_front(x, d, size) for x, d in zip(arguments, axes, strict=True)]
    results = torch_call_p.bind(*every, function=function.mapped(size), linear=linear)
    return results, [0] * len(results)


ad.primitive_jvps[torch_call_p] = _jvp
ad.primitive_transposes[torch_call_p] = _transpose
batching.primitive_batchers[torch_call_p] = _batched  # type: ignore[assignment]
