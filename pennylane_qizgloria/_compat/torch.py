"""What is used of torch although it is not public.

Each function says why there is no public way; `tests/compat/test_torch.py` holds what it relies on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor, fx
from torch._C import _functorch as functorch
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = [
    "CONJUGATED",
    "TO_COPY",
    "UNSAFE_VIEW",
    "FakeTensor",
    "TorchDispatchMode",
    "belongs_to_transform",
    "first_node",
    "has_values",
    "is_forward_mode",
    "is_mutating",
    "is_vmapped_or_differentiated",
    "out_of_place",
    "outside_transforms",
    "tree_leaves",
    "untraced",
    "version_of",
]

UNSAFE_VIEW = torch.ops.aten._unsafe_view.default
"""What torch records for some views; the name of this operation of ATen is private."""

TO_COPY = torch.ops.aten._to_copy.default
"""What torch records for conversions to another dtype or device."""

CONJUGATED = torch.ops.aten._conj.default
"""What torch records for a complex conjugate that is not computed yet."""

# `TorchDispatchMode` and `tree_leaves` are documented, and taught in torch's tutorials, by these
# paths; `FakeTensor` is what `torch.export` hands to modules, and has no other name.


def is_vmapped_or_differentiated() -> bool:
    """Whether a transform of ``torch.func`` is at work, or autograd's own vectorisation.

    The first is what ``torch.autograd.Function`` itself asks. The second is that of
    ``is_grads_batched`` and ``vectorize``, which only counts its levels up and down. The public
    functions tell nothing of either.
    """
    if torch._C._are_functorch_transforms_active():
        return True
    level = torch._C._vmapmode_increment_nesting()
    torch._C._vmapmode_decrement_nesting()
    return level > 1


def is_forward_mode() -> bool:
    """Whether forward-mode differentiation is at work.

    ``torch.autograd.forward_ad`` has functions to enter and leave a level, and none to ask for it.
    """
    return torch.autograd.forward_ad._current_level >= 0


def has_values(tensor: Tensor) -> bool:
    """Whether Python can look at the numbers of a tensor.

    Inside ``torch.func.vmap`` and in programs that are exported it cannot, and asking raises the
    same kind of error that a lack of memory raises. What wraps a tensor is not public.
    """
    while functorch.is_functorch_wrapped_tensor(tensor):
        if functorch.is_batchedtensor(tensor):
            return False
        tensor = functorch.get_unwrapped(tensor)
    return not (tensor.is_meta or isinstance(tensor, FakeTensor))


def belongs_to_transform(tensor: Tensor) -> bool:
    """Whether a tensor is one of a transform of ``torch.func``, which have no public name."""
    return functorch.is_functorch_wrapped_tensor(tensor)


def outside_transforms() -> AbstractContextManager:
    """Leave the transforms of ``torch.func``, for what is to last longer than they do.

    Tensors that are made inside belong to a transform, and there is no public way to make others.
    """
    return temporarily_clear_interpreter_stack()


@contextmanager
def untraced() -> Iterator[None]:
    """Keep ``torch.jit.trace`` from recording, and from handing out sizes that are tensors.

    ``torch.jit.is_tracing`` tells that it records; switching it off for a while is not public.
    """
    state = torch._C._get_tracing_state()
    if state is None:
        yield
        return
    torch._C._set_tracing_state(None)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch._C._set_tracing_state(state)  # type: ignore[attr-defined]


def version_of(tensor: Tensor) -> int:
    """How often a tensor has been written to.

    Torch's own autograd compares it to find writing in place; it has no public name.
    """
    return tensor._version


def is_mutating(operation: Any) -> bool:
    """Whether an operation of ATen writes into an argument, by its schema, which is not public."""
    return operation._schema.is_mutable


def out_of_place(operation: Any) -> Any:
    """The operation that does not write into its first argument; None if there is none.

    The two are related by their names only.
    """
    packet = operation._schema.name.removeprefix("aten::").removesuffix("_")
    found = getattr(torch.ops.aten, packet, None)
    return getattr(found, operation._overloadname, None)


def first_node(graph: fx.Graph) -> fx.Node:
    """The node to insert before to be the first; in an empty graph that is its end mark.

    The public ``graph.nodes`` leaves the end mark out.
    """
    return next(iter(graph.nodes), graph._root)
