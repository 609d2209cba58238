"""Derivatives that cannot be differentiated again say so.

PennyLane gives the derivatives of shifted circuits and of devices as plain numbers unless a higher
order is asked for. Second derivatives, or a penalty on the gradient, would be zero without a word.
So the parameters of such a circuit pass through the identity, whose derivative is the identity and
depends on the parameters in a way that is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import torch
from pennylane.devices import ExecutionConfig
from pennylane.devices.preprocess import null_postprocessing
from pennylane.tape import QuantumScript
from pennylane.transforms.core import transform
from pennylane.typing import PostprocessingFn

from .bridge import tracer_kind

MESSAGE = (
    "This circuit was made for first derivatives. For second ones give it max_diff=2 and a "
    "diff_method that runs shifted circuits, such as diff_method='parameter-shift'; or "
    "diff_method='backprop', where there are no shots and the device has it."
)


def is_first_order(config: ExecutionConfig) -> bool:
    """Whether a device's own derivatives in a configuration have no derivatives themselves."""
    own = bool(config.use_device_gradient) and config.gradient_method != "backprop"
    return own and config.derivative_order == 1


@transform
def refuse_second_derivatives(
    tape: QuantumScript,
) -> tuple[Sequence[QuantumScript], PostprocessingFn]:
    """Let the second derivatives of a tape by its parameters raise a `NotImplementedError`."""
    values = tape.get_parameters(trainable_only=False)
    kinds = [differentiating(x) for x in values]
    for kind in {*kinds} - {None}:
        # JAX need not be installed.
        guard = import_module(f".first_order_{kind}", __package__).first_order_only
        positions = [i for i, own in enumerate(kinds) if own == kind]
        tape = tape.bind_new_parameters(guard(*(values[i] for i in positions)), positions)
    return (tape,), null_postprocessing


def differentiating(x: Any) -> str | None:
    """Which interface differentiates a parameter, if one does."""
    if isinstance(x, torch.Tensor):
        return "torch" if x.requires_grad else None
    return tracer_kind(x)
