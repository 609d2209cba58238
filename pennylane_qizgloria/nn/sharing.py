"""Modules that share their weights."""

from __future__ import annotations

from copy import copy
from typing import TypeVar

from torch import nn

Module = TypeVar("Module", bound=nn.Module)

_OWN = ("_parameters", "_buffers", "_modules")
"""What a copy holds of its own; what is in there is shared."""


def sharing_weights(module: Module) -> Module:
    """A copy with the same weights: what trains one of the two, trains both."""
    other = copy(module)
    for name in _OWN:
        other.__dict__[name] = dict(module.__dict__[name])
    return other
