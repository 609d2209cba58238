"""Which way of differentiation a configuration gets.

* ``best`` and ``backprop`` with torch (or numpy): backpropagation through torch, any order.
* These, ``device`` and ``adjoint`` with autograd or jax: the same, through `interfaces`.
* ``device`` and ``adjoint`` with torch: the device's own reverse pass, first derivatives.
* With shots, and for ``parameter-shift``: see `shift_methods`.

All of these are exact. Backpropagation goes through the same reverse pass as ``device`` does, but
records no detour over numpy, and is the faster one for it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pennylane.devices import ExecutionConfig
from pennylane.exceptions import QuantumFunctionError
from pennylane.math import Interface
from pennylane.tape import QuantumScript

from ..interfaces.bridge import BRIDGED
from .shift_methods import ANALYTIC, rule_of, shifts_with_shots

REVERSE_PASS = {"device", "adjoint"}
"""Names of the device's own derivative."""

BEST = {"best", "backprop"}
"""Names of the fastest exact derivative for an interface."""


def supports(
    config: ExecutionConfig | None, circuit: QuantumScript | None, has_reverse_pass: bool = True
) -> bool:
    """Whether the device provides the derivative that a configuration asks for.

    Args:
        config: the configuration.
        circuit: what it is for, if that is known.
        has_reverse_pass: whether the simulation can be differentiated itself.
    """
    if circuit is not None and circuit.shots:
        return shifts_with_shots(config)
    if not has_reverse_pass and config is not None and config.gradient_method in ANALYTIC:
        return False
    if config is None or config.gradient_method in BEST:
        return True
    return config.gradient_method in REVERSE_PASS and _has_order(config)


def _has_order(config: ExecutionConfig) -> bool:
    """Whether the reverse pass gives the order of derivatives that a configuration asks for."""
    # With numbers alone there is nothing to differentiate.
    bridged = Interface(config.interface) in BRIDGED | {Interface.NUMPY}
    return config.derivative_order == 1 or bridged


def require_order(
    config: ExecutionConfig | None, circuit: QuantumScript | None, device: str
) -> None:
    """Refuse higher derivatives by the device's reverse pass in torch.

    Raises:
        QuantumFunctionError: naming the methods that have them.
    """
    if config is None or circuit is None or circuit.shots:
        return
    if config.gradient_method in REVERSE_PASS and not _has_order(config):
        raise QuantumFunctionError(
            f"{device}: diff_method={config.gradient_method!r} gives first derivatives with "
            f"interface={Interface(config.interface).value!r}, and "
            f"max_diff={config.derivative_order} asks for more. Take diff_method='best' or "
            "'backprop', which have every order, or 'parameter-shift'."
        )


def provides_products(config: ExecutionConfig | None, circuit: QuantumScript | None) -> bool:
    """Whether the device computes (vector-)Jacobian products for a configuration."""
    if config is None:
        return True
    by_shifts = rule_of(config, [] if circuit is None else [circuit]) is not None
    return (by_shifts or supports(config, circuit)) and config.derivative_order == 1


def resolved(config: ExecutionConfig) -> dict[str, Any]:
    """What a configuration is to say where it says ``best`` or ``backprop``, or nothing."""
    updates: dict[str, Any] = {}
    method = config.gradient_method
    own = method in BEST | REVERSE_PASS
    any_order = Interface(config.interface) in BRIDGED or config.derivative_order > 1
    if method in BEST or (own and any_order):
        method = updates["gradient_method"] = "backprop"
    if method == "backprop":
        updates["use_device_gradient"] = True
        updates["use_device_jacobian_product"] = False
    elif own:
        updates["use_device_gradient"] = True
        # PennyLane multiplies Jacobians by cotangents only where all parameters are numbers and
        # results are real.
        updates["use_device_jacobian_product"] = True
    if config.grad_on_execution is None:
        updates["grad_on_execution"] = False
    return updates


class TorchProducts(tuple):
    """Products of several shapes, of which PennyLane's bridge to torch asks ``numpy.squeeze``.

    A plain tuple of arrays of different shapes is none that numpy takes.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """How many there are."""
        return (len(self),)

    def squeeze(self) -> TorchProducts:
        """Itself."""
        return self


def by_convention(products: tuple[Any, ...], config: ExecutionConfig | None) -> tuple[Any, ...]:
    """Vector-Jacobian products as the interface has them.

    Torch's gradient of a complex parameter is the conjugate of autograd's and of JAX's.
    """
    if config is not None and Interface(config.interface) is Interface.TORCH:
        return TorchProducts(np.conj(product) for product in products)
    return products


def require(config: ExecutionConfig, device: str) -> None:
    """Refuse derivatives that the device does not compute.

    Raises:
        NotImplementedError: naming what was asked for and what there is.
    """
    known = BEST | REVERSE_PASS | {None}
    if config.gradient_method not in known or config.derivative_order != 1:
        raise NotImplementedError(
            f"{device} computes first derivatives by {', '.join(sorted(REVERSE_PASS | BEST))}; "
            f"order {config.derivative_order} by {config.gradient_method!r} is not provided. "
            "Higher orders: diff_method='backprop' with torch, or 'parameter-shift' with max_diff."
        )
