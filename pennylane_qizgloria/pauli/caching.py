"""Caching of results that hold tensors.

Whatever mode torch is in when such a tensor is made, later calls use it in theirs: made under
``torch.inference_mode`` as it is, it could not take part in any derivative, and made inside a
transform of ``torch.func`` it could not be used outside. Nor is it part of what ``torch.jit.trace``
records.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar, cast

import torch

from .._compat.torch import outside_transforms, untraced

Params = ParamSpec("Params")
Result = TypeVar("Result")


def cached(maxsize: int | None) -> Callable[[Callable[Params, Result]], Callable[Params, Result]]:
    """Cache a pure function's last results, as `functools.lru_cache` does.

    Args:
        maxsize: how many; None for all.
    """

    def decorate(function: Callable[Params, Result]) -> Callable[Params, Result]:
        @wraps(function)
        def made(*args: Any, **kwargs: Any) -> Result:
            with untraced(), outside_transforms(), torch.inference_mode(False), torch.no_grad():
                return function(*args, **kwargs)

        return cast(Callable[Params, Result], lru_cache(maxsize)(made))

    return decorate
