"""Refusing second derivatives in JAX, see `first_order`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from .first_order import MESSAGE


def first_order_only(*arrays: Any) -> Sequence[Any]:
    """The same arrays; differentiating their tangents raises a `NotImplementedError`."""
    # Integers have no tangents.
    real = [i for i, x in enumerate(arrays) if jnp.issubdtype(jnp.result_type(x), jnp.inexact)]
    guarded = dict(zip(real, _guarded([arrays[i] for i in real]), strict=True))
    return [guarded.get(i, x) for i, x in enumerate(arrays)]


@jax.custom_jvp
def _guarded(arrays: Sequence[Any]) -> list[Any]:
    return list(arrays)


@_guarded.defjvp
def _guarded_jvp(primals: Any, tangents: Any) -> tuple[list[Any], list[Any]]:
    return list(primals[0]), final_p.bind(*primals[0], *tangents[0])


final_p = Primitive("first_order_only")
"""Takes arrays and their tangents to the tangents, which depend on the arrays, but not in a way
that is known."""

final_p.multiple_results = True


@final_p.def_impl
@final_p.def_abstract_eval
def _tangents(*both: Any) -> list[Any]:
    return list(both[len(both) // 2 :])


def _jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    number = len(primals) // 2
    if any(type(own) is not ad.Zero for own in tangents[:number]):
        raise NotImplementedError(MESSAGE)
    along = map(ad.instantiate_zeros, tangents[number:])
    return final_p.bind(*primals), final_p.bind(*primals[:number], *along)


def _transpose(cotangents: Sequence[Any], *both: Any) -> list[Any | None]:
    number = len(both) // 2
    images = final_p.bind(*both[:number], *map(ad.instantiate_zeros, cotangents))
    moving = map(ad.is_undefined_primal, both[number:])
    return [None] * number + [
        image if moves else None for image, moves in zip(images, moving, strict=True)
    ]


def _batched(both: Sequence[Any], axes: Sequence[Any]) -> tuple[list[Any], Sequence[Any]]:
    return final_p.bind(*both), axes[len(both) // 2 :]


ad.primitive_jvps[final_p] = _jvp
ad.primitive_transposes[final_p] = _transpose
batching.primitive_batchers[final_p] = _batched  # type: ignore[assignment]
mlir.register_lowering(final_p, lambda context, *both: _tangents(*both))
